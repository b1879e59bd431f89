"""Brings the processes of one engine together over TCP, on the addresses of their command lines.

The process with unit 0 listens; the others connect, say what they bring (one JSON object a line)
and are taken in or turned away. When all units are there, everyone hears. The connections then
stay open for as long as the engine lives: a process that goes takes the whole engine with it, as
it would in a real one.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
from concurrent.futures import Future
from typing import TYPE_CHECKING

from dynamo_conformance.mock_engine.engine_refusal import StartFault
from dynamo_conformance.mock_engine.multinode_members import (
    MultinodeMembers,
    describe,
    from_message,
    to_message,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from dynamo_conformance.mock_engine.worker_spec import MultinodeGroup

DEADLINE_S = 600.0
_PROGRESS_S = 10.0
_RETRY_S = 0.25
_HELLO_S = 10.0
_LINE_BYTES = 65536


class MultinodeJoin:
    """One process's side of a group, in a thread of its own."""

    def __init__(
        self,
        group: MultinodeGroup,
        *,
        notice: Callable[[str], None],
        on_loss: Callable[[str], None],
        deadline_s: float = DEADLINE_S,
    ) -> None:
        """Prepare to gather.

        Args:
            group: This process's place.
            notice: Told how it goes, one line at a time.
            on_loss: Called once, from another thread, when a process of the complete engine is
                gone; with the reason in words.
            deadline_s: Seconds until everyone must be there.
        """
        self._group = group
        self._notice = notice
        self._on_loss = on_loss
        self._deadline = time.monotonic() + deadline_s
        self._deadline_s = deadline_s
        self._complete: Future[None] = Future()
        self._members = MultinodeMembers(group)
        self._joined: list[asyncio.StreamWriter] = []
        self._everyone = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="rendezvous", daemon=True)
        self._cancel: Callable[[], object] | None = None

    def gather(self) -> None:
        """Return when every unit is there.

        Raises:
            StartFault: when the port is in use, the first process turns this one away, or the
                deadline passes.
            CancelledError: when it is closed meanwhile.
        """
        self._thread.start()
        self._complete.result()

    def close(self) -> None:
        """Leave: the others notice."""
        if self._cancel is not None:
            # The loop closes by itself when another process is gone.
            with contextlib.suppress(RuntimeError):
                self._cancel()
            self._thread.join()

    def _run(self) -> None:
        try:
            asyncio.run(self._take_part())
        except asyncio.CancelledError:
            self._complete.cancel()
        except StartFault as fault:
            if not self._complete.done():
                self._complete.set_exception(fault)
                return
            self._on_loss(str(fault))

    async def _take_part(self) -> None:
        side = asyncio.ensure_future(self._lead() if self._group.leads else self._follow())
        loop = asyncio.get_running_loop()
        self._cancel = lambda: loop.call_soon_threadsafe(side.cancel)
        await side

    # The first process.

    async def _lead(self) -> None:
        port = self._group.port
        try:
            server = await asyncio.start_server(self._receive, port=port, limit=_LINE_BYTES)
        except OSError as fault:
            raise StartFault(
                f"port {port}, where the other {self._group.unit}s would join, cannot be "
                f"opened: {fault.strerror or fault}"
            ) from fault
        try:
            self._notice(f"{describe(self._group)}: waiting at port {port} for the others")
            await self._until_complete()
            self._notice(f"all {self._group.size} {self._group.unit}s are there")
            for writer in self._joined:
                await _send(writer, {"complete": True})
            self._complete.set_result(None)
            await asyncio.Event().wait()  # Until closed: the connections are watched meanwhile.
        finally:
            # Not `async with`: from Python 3.12 on that waits for the others to hang up first.
            server.close()

    async def _until_complete(self) -> None:
        while not self._everyone.is_set():
            left = self._deadline - time.monotonic()
            if left <= 0:
                raise StartFault(
                    f"{self._members.missing()} did not join at port {self._group.port} "
                    f"within {self._deadline_s:g} s; see whether that process runs and what its "
                    "log says"
                )
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._everyone.wait(), min(_PROGRESS_S, left))
                return
            self._notice(f"still waiting for {self._members.missing()}")

    async def _receive(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Closing cancels this; the streams of Python 3.11 would log that as an error.
        with contextlib.suppress(asyncio.CancelledError):
            try:
                await self._host(reader, writer)
            finally:
                writer.close()

    async def _host(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = str(writer.get_extra_info("peername", ("an unknown address",))[0])
        try:
            other = from_message(
                await asyncio.wait_for(_line(reader), _HELLO_S),
                host=self._group.host,
                port=self._group.port,
            )
        except (ValueError, TimeoutError, OSError):
            return  # A port scan or a probe: nobody who wants to join.
        reason = self._members.admit(other, peer=peer)
        if reason is not None:
            self._notice(f"turned {describe(other)} from {peer} away: {reason}")
            await _send(writer, {"refused": reason})
            return
        self._joined.append(writer)
        await _send(writer, {"joined": True})
        self._notice(f"{describe(other)} joined from {peer}")
        if self._members.complete:
            self._everyone.set()
        who = f"{describe(other)} at {peer}"
        with contextlib.suppress(OSError):
            while await reader.read(_LINE_BYTES):
                pass
        if self._everyone.is_set():
            self._on_loss(f"lost {who}, and the engine cannot go on without")
            return
        self._members.leave(other)
        self._joined.remove(writer)
        self._notice(f"{who} left again before everyone was there")

    # The others.

    async def _follow(self) -> None:
        where = f"{self._group.host}:{self._group.port}"
        reader, writer = await self._connect(where)
        try:
            await self._stay(reader, writer, where)
        finally:
            writer.close()

    async def _stay(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, where: str
    ) -> None:
        await _send(writer, to_message(self._group))
        try:
            await self._until_told(reader, where)
        except (ValueError, OSError) as fault:
            raise StartFault(f"what answers at {where} is no first process: {fault}") from fault
        self._notice(f"all {self._group.size} {self._group.unit}s are there")
        self._complete.set_result(None)
        with contextlib.suppress(OSError):
            while await reader.read(_LINE_BYTES):
                pass
        raise StartFault(f"lost the first process at {where}, and the engine cannot go on without")

    async def _connect(self, where: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        self._notice(f"{describe(self._group)}: joining the first process at {where}")
        next_progress = time.monotonic() + _PROGRESS_S
        while True:
            try:
                return await asyncio.open_connection(
                    self._group.host, self._group.port, limit=_LINE_BYTES
                )
            except OSError as fault:
                reason = fault.strerror or str(fault)
            now = time.monotonic()
            if now >= self._deadline:
                raise StartFault(
                    f"no first process at {where} within {self._deadline_s:g} s ({reason}); see "
                    "whether it runs and what its log says"
                )
            if now >= next_progress:
                self._notice(f"still no first process at {where} ({reason})")
                next_progress = now + _PROGRESS_S
            await asyncio.sleep(_RETRY_S)

    async def _until_told(self, reader: asyncio.StreamReader, where: str) -> None:
        """Return when the first process says that everyone is there."""
        while True:
            left = max(0.0, self._deadline - time.monotonic())
            try:
                message = await asyncio.wait_for(_line(reader), left)
            except TimeoutError as fault:
                raise StartFault(
                    f"joined at {where}, but the others did not within {self._deadline_s:g} s"
                ) from fault
            if "refused" in message:
                raise StartFault(f"{where} turned this process away: {message['refused']}")
            if "joined" in message:
                self._notice(f"joined at {where}, waiting for the others")
            if "complete" in message:
                return


async def _line(reader: asyncio.StreamReader) -> dict[str, object]:
    text = await reader.readline()
    if not text:
        raise ConnectionError("it closed the connection")
    message = json.loads(text)
    if not isinstance(message, dict):
        raise ValueError(f"{message!r} is no message")  # noqa: TRY004 -- like other bad messages
    return message


async def _send(writer: asyncio.StreamWriter, message: dict[str, object]) -> None:
    writer.write(json.dumps(message).encode() + b"\n")
    # A peer that is gone is noticed where it is read from.
    with contextlib.suppress(ConnectionError):
        await writer.drain()
