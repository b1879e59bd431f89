"""A local address for what runs in a cluster: it stays the same when pods come and go."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dynamo_conformance.kube.framing import Framing
from dynamo_conformance.kube.tunnel import READ_BYTES, TunnelClosedError
from dynamo_conformance.targets.cluster.transcript import ANSWER, NOTE, REQUEST, Conversation

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dynamo_conformance.kube.connection import Connection
    from dynamo_conformance.kube.endpoints import Backend
    from dynamo_conformance.kube.tunnel import Tunnel, Tunnels
    from dynamo_conformance.targets.cluster.transcript import Transcript

HERE = "127.0.0.1"
CLOSE_SECONDS = 5.0


@dataclass(slots=True)
class Gateway:
    """A TCP listener of this machine; each connection goes to a pod that is ready at that moment.

    Bytes pass as they are. When there is no pod, or it goes away, the connection is closed: the
    caller must see that, and its next connection finds the next pod.
    """

    connection: Connection
    tunnels: Tunnels
    backends: Callable[[], Sequence[Backend]] = field(kw_only=True)
    transcript: Transcript | None = field(default=None, kw_only=True)
    _server: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _turn: int = 0

    def open(self) -> str:
        """Listen on a free port and return the address, such as `http://127.0.0.1:40123`."""
        port = self.connection.run(self._listen())
        return f"http://{HERE}:{port}"

    def close(self) -> None:
        """Close the listener and every connection."""
        self.connection.run(self._shut(), seconds=CLOSE_SECONDS)

    async def _listen(self) -> int:
        self._server = await asyncio.start_server(self._accept, HERE, 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def _shut(self) -> None:
        if self._server is not None:
            self._server.close()
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            # Only a caller who sends something needs a tunnel.
            first = await reader.read(READ_BYTES)
            backend = self._next_backend() if first else None
            if backend is not None:
                await self._carry(reader, writer, first, backend)
        except ConnectionError:
            pass  # The caller has left.
        finally:
            writer.close()

    def _next_backend(self) -> Backend | None:
        backends = self.backends()
        self._turn += 1
        return backends[self._turn % len(backends)] if backends else None

    async def _carry(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        first: bytes,
        backend: Backend,
    ) -> None:
        peer = f"{backend.pod}:{backend.port}"
        kept = self.transcript
        noted = kept.begin(peer) if kept is not None else Conversation(0, peer)
        noted.note(REQUEST, first)
        try:
            tunnel = await self.tunnels.take(backend)
        except TunnelClosedError as end:
            noted.note(NOTE, f"the cluster does not lead there: {end}".encode())
            return
        exchange = _Exchange(reader, writer, tunnel, noted)
        try:
            await exchange.run(first)
        except TunnelClosedError as end:
            noted.note(NOTE, f"closed by the cluster: {end}".encode())
        finally:
            if exchange.framing.is_between and exchange.caller_left:
                self.tunnels.give_back(tunnel)
            else:
                tunnel.close()


@dataclass(slots=True)
class _Exchange:
    """What a caller sends to a pod, and what the pod answers."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    tunnel: Tunnel
    noted: Conversation
    framing: Framing = field(default_factory=Framing)
    caller_left: bool = False

    async def run(self, first: bytes) -> None:
        """Carry bytes until either side has ended.

        Raises:
            TunnelClosedError: It was the pod's.
        """
        there = asyncio.create_task(self._to_pod(first))
        back = asyncio.create_task(self._from_pod())
        try:
            await asyncio.wait((there, back), return_when=asyncio.FIRST_COMPLETED)
        finally:
            there.cancel()
            back.cancel()
            ends = await asyncio.gather(there, back, return_exceptions=True)
        for end in ends:
            if isinstance(end, TunnelClosedError):
                raise end

    async def _to_pod(self, first: bytes) -> None:
        data = first
        try:
            while data:
                self.framing.request(data)
                await self.tunnel.send(data)
                data = await self.reader.read(READ_BYTES)
                if data:
                    self.noted.note(REQUEST, data)
        except ConnectionError:
            pass  # It closed the connection, which is an end too.
        self.caller_left = True

    async def _from_pod(self) -> None:
        while True:
            data = await self.tunnel.receive()
            self.framing.answer(data)
            self.noted.note(ANSWER, data)
            self.writer.write(data)
            await self.writer.drain()
