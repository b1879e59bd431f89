"""The gateway: bytes pass as they are, tunnels are used again, and what ends is seen to end."""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, TypeVar, cast

import pytest
import requests

from dynamo_conformance.kube.endpoints import Backend
from dynamo_conformance.kube.framing import Framing
from dynamo_conformance.kube.loop import LoopThread
from dynamo_conformance.kube.tunnel import TunnelClosedError, Tunnels
from dynamo_conformance.targets.cluster.gateway import Gateway
from dynamo_conformance.targets.cluster.transcript import Transcript

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator

    from dynamo_conformance.kube.client import Client
    from dynamo_conformance.kube.connection import Connection
    from dynamo_conformance.kube.tunnel import Tunnel

GET = b"GET /v1/models HTTP/1.1\r\nhost: x\r\n\r\n"
HEAD = b"HEAD / HTTP/1.1\r\nhost: x\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nhello"
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
LAST = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok"
SECONDS = 10.0

T = TypeVar("T")


@pytest.mark.parametrize(
    ("said", "between"),
    [
        pytest.param([], True, id="nothing"),
        pytest.param([(">", GET)], False, id="no answer yet"),
        pytest.param([(">", GET), ("<", OK)], True, id="answered"),
        pytest.param([(">", GET), ("<", OK[:-1])], False, id="half an answer"),
        pytest.param([(">", POST[:-1])], False, id="half a request"),
        pytest.param(
            [(">", POST[:-1]), (">", POST[-1:]), ("<", OK[:9]), ("<", OK[9:])], True, id="in pieces"
        ),
        pytest.param([(">", GET), ("<", CHUNKED[:-5])], False, id="a stream that goes on"),
        pytest.param(
            [(">", GET), ("<", CHUNKED), (">", POST), ("<", OK)], True, id="one after the other"
        ),
        pytest.param([(">", GET), ("<", OK), (">", GET)], False, id="the second has no answer"),
        pytest.param([(">", GET + POST), ("<", OK), ("<", OK)], True, id="two at once"),
        pytest.param([(">", GET + POST), ("<", OK)], False, id="one of two"),
        pytest.param([(">", GET), ("<", LAST)], False, id="the server wants no more"),
        pytest.param([(">", b"\x16\x03\x01 hello\r\n\r\n")], False, id="no HTTP"),
        pytest.param(
            [(">", GET), ("<", b"SSH-2.0\r\n\r\n")], False, id="an answer of another kind"
        ),
        pytest.param([(">", HEAD), ("<", OK[:-2])], True, id="an answer without its body"),
    ],
)
def test_framing(said: list[tuple[str, bytes]], between: bool) -> None:  # noqa: FBT001
    framing = Framing()
    for direction, piece in said:
        (framing.request if direction == ">" else framing.answer)(piece)
    assert framing.is_between is between


class ToServer:
    """A tunnel to a server of this machine."""

    def __init__(
        self, backend: Backend, streams: tuple[asyncio.StreamReader, asyncio.StreamWriter]
    ) -> None:
        self.backend = backend
        self.is_closing = self.is_closed = False
        self._reader, self._writer = streams

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def receive(self) -> bytes:
        data = await self._reader.read(65536)
        if not data:
            raise TunnelClosedError("the server has ended it")
        return data

    async def end(self) -> None:
        self.close()

    def close(self) -> None:
        # As a real one, it takes a moment to come to its end.
        asyncio.get_running_loop().call_later(0.2, setattr, self, "is_closed", True)  # noqa: FBT003
        self.is_closing = True
        self._writer.close()


class Ways(Tunnels):
    """Tunnels to servers of this machine; a pod's name is of no matter."""

    def __init__(self) -> None:
        super().__init__(cast("Client", None), "")
        self.opened: list[ToServer] = []

    async def _open(self, backend: Backend) -> Tunnel:
        try:
            streams = await asyncio.open_connection("127.0.0.1", backend.port)
        except OSError as error:
            raise TunnelClosedError(str(error)) from error
        self.opened.append(ToServer(backend, streams))
        return cast("Tunnel", self.opened[-1])


class Here:
    """A connection that only has a loop."""

    def __init__(self, loop: LoopThread) -> None:
        self.loop = loop

    def run(self, coroutine: Coroutine[object, object, T], *, seconds: float = SECONDS) -> T:
        return self.loop.run(coroutine, seconds=seconds)


class Server(BaseHTTPRequestHandler):
    """Says its name; a stream goes on until the caller has gone."""

    protocol_version = "HTTP/1.1"
    gone = threading.Event()
    asked = threading.Event()
    may_answer = threading.Event()

    def do_GET(self) -> None:
        if self.path == "/slow":
            self.asked.set()
            self.may_answer.wait(SECONDS)
        if self.path == "/stream":
            self.stream()
            return
        assert isinstance(self.server, ThreadingHTTPServer)
        name = str(self.server.server_port).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(name)))
        self.end_headers()
        self.wfile.write(name)

    def stream(self) -> None:
        self.send_response(200)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        try:
            while not self.gone.wait(0.02):
                self.wfile.write(b"1\r\nx\r\n")
        except OSError:
            self.gone.set()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        del format, args


@contextmanager
def server() -> Iterator[ThreadingHTTPServer]:
    found = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    thread = threading.Thread(target=found.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield found
    finally:
        found.shutdown()
        thread.join()
        found.server_close()


class Door:
    """A gateway with all that belongs to it."""

    def __init__(self) -> None:
        self.ways = Ways()
        self.backends: list[Backend] = []
        self.transcript = Transcript()
        self.here = Here(LoopThread("test"))
        self.gateway = Gateway(
            cast("Connection", self.here),
            self.ways,
            backends=lambda: self.backends,
            transcript=self.transcript,
        )
        self.url = self.gateway.open()

    def ask(self) -> str:
        """Ask over a connection of its own."""
        with requests.Session() as session:
            session.trust_env = False
            said = session.get(self.url, timeout=SECONDS).text
        self.here.run(self._left())
        return said

    async def _left(self) -> None:
        """Return when the gateway has noticed that its caller has gone."""
        while self.gateway._tasks:
            await asyncio.sleep(0.005)


@pytest.fixture
def door() -> Iterator[Door]:
    made = Door()
    yield made
    made.gateway.close()
    made.here.run(made.ways.close())
    made.here.loop.close()
    assert all(item.is_closing for item in made.ways.opened)


def behind(found: ThreadingHTTPServer, pod: str = "p") -> Backend:
    return Backend(pod, found.server_port)


def test_one_tunnel_serves_callers_that_come_one_after_the_other(door: Door) -> None:
    with server() as one:
        door.backends = [behind(one)]
        for _ in range(5):
            assert door.ask() == str(one.server_port)
        assert len(door.ways.opened) == 1
        door.here.run(door.ways.close())
    assert "GET / HTTP/1.1" in door.transcript.text()


def test_callers_take_turns_with_the_pods(door: Door) -> None:
    with server() as one, server() as two:
        door.backends = [behind(one, "a"), behind(two, "b")]
        assert {door.ask() for _ in range(4)} == {str(s.server_port) for s in (one, two)}
        door.here.run(door.ways.close())


def test_the_next_caller_finds_the_next_pod(door: Door) -> None:
    with server() as one:
        door.backends = [behind(one)]
        door.ask()
        door.here.loop.run(door.ways.opened[0].end(), seconds=SECONDS)
    with pytest.raises(requests.ConnectionError):
        door.ask()
    door.backends = []
    with pytest.raises(requests.ConnectionError):
        door.ask()
    with server() as two:
        door.backends = [behind(two)]
        assert door.ask() == str(two.server_port)
        door.here.run(door.ways.close())
    assert "the cluster does not lead there" in door.transcript.text()


def test_a_tunnel_that_the_server_has_ended_is_not_used_again(door: Door) -> None:
    with server() as one:
        door.backends = [behind(one)]
        door.ask()
        (first,) = door.ways.opened

        async def end() -> None:
            first._reader.feed_eof()
            await asyncio.sleep(0.05)

        door.here.run(end())
        assert first.is_closing
        assert door.ask() == str(one.server_port)
        assert len(door.ways.opened) == 2
        door.here.run(door.ways.close())


def test_a_tunnel_is_not_used_again_in_the_middle_of_an_exchange(door: Door) -> None:
    Server.asked.clear()
    Server.may_answer.clear()
    with server() as one:
        door.backends = [behind(one)]
        port = int(door.url.rpartition(":")[2])
        try:
            # It goes before its answer comes, which says nothing to the tunnel until then.
            with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as impatient:
                impatient.sendall(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n")
                assert Server.asked.wait(SECONDS)
            door.here.run(door._left())
            assert door.ask() == str(one.server_port)
            assert len(door.ways.opened) == 2
            assert door.ways.opened[0].is_closing
        finally:
            Server.may_answer.set()


def test_a_caller_that_goes_away_is_seen_by_the_server(door: Door) -> None:
    Server.gone.clear()
    with server() as one:
        door.backends = [behind(one)]
        with requests.get(f"{door.url}/stream", stream=True, timeout=SECONDS) as answer:
            assert next(answer.iter_content(1)) == b"x"
        assert Server.gone.wait(SECONDS)


def test_closing_the_gateway_ends_what_is_under_way(door: Door) -> None:
    Server.gone.clear()
    with server() as one:
        door.backends = [behind(one)]
        with requests.get(f"{door.url}/stream", stream=True, timeout=SECONDS) as answer:
            pieces = answer.iter_content(1)
            assert next(pieces) == b"x"
            door.gateway.close()
            with pytest.raises(requests.RequestException):
                for _ in pieces:
                    pass
        assert Server.gone.wait(SECONDS)
        with pytest.raises(requests.ConnectionError):
            door.ask()
