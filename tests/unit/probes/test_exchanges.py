"""What a recorder keeps: all that came, nothing that is secret, and each question once."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.probes.areas import load_probes
from dynamo_conformance.probes.questions import CHAT, get, varied
from dynamo_conformance.probes.recorder import Address, Recorder, base_url
from right_server import MODEL, Reply, RightServer, as_json, on_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.probes.exchange import Question
    from lies import Answering

KEY = "sk-very-secret"
MIRROR = get("mirror", "/mirror")


def recorder(url: str, **options: object) -> Recorder:
    given = {"url": url, "model": MODEL, "timeout": 5.0, **options}
    return Recorder(Address(**given), sleep=lambda _: None)  # type: ignore[arg-type]


def raw_server(*parts: bytes, stay: bool = False, every: float = 0.0) -> str:
    """Return the address of a server that sends the parts to the first who asks, and hangs up."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with listener, connection, suppress(ConnectionError):
            connection.recv(65536)
            for part in parts:
                connection.sendall(part)
                threading.Event().wait(every)
            if stay:
                connection.recv(1)

    threading.Thread(target=serve, daemon=True).start()
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


def mirror(_method: str, _target: str, headers: dict[str, str], raw: bytes) -> Reply:
    """Send back all that came."""
    return as_json({"headers": headers, "body": raw.decode()})


def counting(answer: Answering) -> tuple[Answering, list[str]]:
    asked: list[str] = []

    def count(method: str, target: str, headers: dict[str, str], raw: bytes) -> Reply:
        asked.append(target)
        return answer(method, target, headers, raw)

    return count, asked


def test_a_question_is_asked_once() -> None:
    answer, asked = counting(RightServer().reply)
    with on_port(answer) as url, recorder(url) as one:
        first, second = one.ask(CHAT.plain), one.ask(CHAT.plain)
        one.ask(CHAT.again)
    assert first is second
    assert len(asked) == 2


def test_a_question_that_needs_the_answer_to_another_asks_that_one_first() -> None:
    with on_port(RightServer().reply) as url, recorder(url) as one:
        exchange = one.ask(CHAT.across)
        assert CHAT.determined.name in one.exchanges
    assert isinstance(exchange.request["stop"], str)


def test_chunks_come_apart_with_times() -> None:
    with on_port(RightServer().reply) as url, recorder(url) as one:
        exchange = one.ask(CHAT.streamed)
    assert len(exchange.chunks) > 5
    assert [*sorted(chunk.at for chunk in exchange.chunks)] == [c.at for c in exchange.chunks]
    assert 0 < exchange.chunks[0].at <= exchange.seconds


def test_neither_key_nor_headers_are_kept_though_a_server_sends_them_back() -> None:
    options = {"key": KEY, "key_name": "MY_KEY", "headers": (("x-tenant", "tenant-secret"),)}
    with on_port(mirror) as url, recorder(url, **options) as one:
        exchange = one.ask(MIRROR)
    kept = json.dumps(exchange.record()) + repr(exchange) + exchange.curl()
    assert KEY not in kept
    assert "tenant-secret" not in kept
    assert "Bearer ***" in exchange.text
    assert '-H "authorization: Bearer $MY_KEY"' in exchange.curl()
    assert "-H 'x-tenant: ***'" in exchange.curl()


def test_a_key_over_the_border_of_two_chunks_is_not_kept() -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n"
    url = raw_server(head + b"7\r\nsk-very\r\n", b"7\r\n-secret\r\n0\r\n\r\n")
    with recorder(url, key=KEY) as one:
        assert one.ask(MIRROR).text == "***"


def test_an_answer_that_breaks_off_is_kept_with_what_ended_it() -> None:
    head = (
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    url = raw_server(head + b"6\r\ndata: \r\n")
    with recorder(url) as one:
        exchange = one.ask(MIRROR)
    assert exchange.status == 200
    assert exchange.body == b"data: "
    assert exchange.error.startswith("RemoteProtocolError")


def test_a_connection_that_was_closed_while_it_was_kept_is_no_fault() -> None:
    answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with listener:
            for _ in range(2):
                connection, _address = listener.accept()
                with connection:
                    connection.recv(65536)
                    connection.sendall(answer)
                    connection.recv(65536)  # The next question: it has no answer.

    threading.Thread(target=serve, daemon=True).start()
    with recorder(f"http://127.0.0.1:{listener.getsockname()[1]}") as one:
        exchanges = [one.ask(get(name, "/")) for name in ("first", "second")]
    assert [exchange.status for exchange in exchanges] == [200, 200]


def test_nobody_there_is_an_exchange_without_a_status() -> None:
    with recorder("http://127.0.0.1:1") as one:
        exchange = one.ask(MIRROR)
    assert (exchange.status, exchange.chunks) == (0, ())
    assert exchange.summary.startswith("no response: ConnectError")


def test_a_server_that_says_nothing_is_given_up() -> None:
    url = raw_server(stay=True)
    with recorder(url, timeout=0.2) as one:
        assert one.ask(MIRROR).error.startswith("ReadTimeout")


def test_a_stream_without_end_is_given_up() -> None:
    head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    url = raw_server(head, *([b"3\r\n: \n\r\n"] * 100), every=0.05)
    with recorder(url, timeout=0.3) as one:
        assert one.ask(MIRROR).error == "not complete after 0.3 s"


def test_a_client_leaves_when_it_has_seen_enough() -> None:
    with on_port(RightServer().reply) as url, recorder(url) as one:
        leaving = next(one for one in load_probes() if one.id == "lifetime.left").asks[0]
        exchange = one.ask(leaving)
    assert len(exchange.chunks) == 2
    assert exchange.error == ""


@pytest.mark.parametrize(
    "given", ["http://host:1", "http://host:1/", "http://host:1/v1", "http://host:1/v1/"]
)
def test_an_address_is_taken_with_or_without_v1(given: str) -> None:
    assert base_url(given) == "http://host:1"


def all_questions() -> Iterator[Question]:
    for one in load_probes():
        for question in one.asks:
            yield question
            if question.after is not None:
                yield question.after


def test_a_name_is_the_name_of_one_question() -> None:
    known: dict[str, Question] = {}
    for one in all_questions():
        first = known.setdefault(one.name, one)
        same = (first.path, first.method, first.fields, first.body, first.headers)
        assert (one.path, one.method, one.fields, one.body, one.headers) == same


def test_the_line_that_repeats_a_request_is_a_command() -> None:
    with on_port(RightServer().reply) as url, recorder(url) as one:
        line = one.ask(varied(CHAT.plain, "quoted", user="it's")).curl()
    assert line.startswith(f"curl -sS -i {url}/v1/chat/completions -H 'content-type: application/")
    assert "it'\"'\"'s" in line
