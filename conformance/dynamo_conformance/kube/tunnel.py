"""Tunnels to ports of pods, through the API server's port forwarding.

kr8s forwards ports too, with a websocket for each caller. Most callers here send one request: with
tunnels that are used again it takes a third of the time (15 ms against 53 in a kind cluster).
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from dynamo_conformance.kube.errors import UnreachableError
from dynamo_conformance.kube.resources import PODS

if TYPE_CHECKING:
    import aiohttp

    from dynamo_conformance.kube.client import Client
    from dynamo_conformance.kube.endpoints import Backend

DATA, ERROR = 0, 1
"""The channels of the one port that is forwarded: the first byte of every message."""

READ_BYTES = 64 * 1024
OPEN_SECONDS = 10.0
IDLE_SECONDS = 4.0
"""How long a tunnel waits to be used again: less than servers wait for a next request."""


class TunnelClosedError(Exception):
    """The tunnel came to its end; the text is what the node reports about it, if anything."""


class Tunnel:
    """An open connection to a port of a pod."""

    def __init__(self, backend: Backend, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.backend = backend
        self._socket = socket
        self._greeted: set[int] = set()
        self._closing: asyncio.Task[bool] | None = None

    @classmethod
    async def open(cls, client: Client, namespace: str, backend: Backend) -> Tunnel:
        """Open a tunnel to a port of a pod.

        Raises:
            TunnelClosedError: The API server does not open it.
        """
        path = PODS.path(namespace, backend.pod, sub="portforward")
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                socket = await client.websocket(path, params={"ports": str(backend.port)})
        except UnreachableError as error:
            raise TunnelClosedError(error.message) from error
        except TimeoutError as late:
            raise TunnelClosedError(f"not open after {OPEN_SECONDS:.0f} s") from late
        return cls(backend, socket)

    async def send(self, data: bytes) -> None:
        """Send bytes to the pod.

        Raises:
            TunnelClosedError: Nobody receives them.
        """
        try:
            await self._socket.send_bytes(bytes((DATA,)) + data)
        except ConnectionError as error:
            raise TunnelClosedError(type(error).__name__) from error

    async def receive(self) -> bytes:
        """Return bytes that the pod sent.

        Raises:
            TunnelClosedError: No more will come.
        """
        while True:
            message = await self._socket.receive()
            if not isinstance(message.data, bytes) or not message.data:
                raise TunnelClosedError(f"the websocket is over: {message.type.name}")
            channel, data = message.data[0], message.data[1:]
            if channel not in self._greeted:
                # The first message of a channel only names its port.
                self._greeted.add(channel)
            elif channel == ERROR:
                raise TunnelClosedError(data.decode(errors="replace"))
            elif data:
                return data

    @property
    def is_closed(self) -> bool:
        """Whether it has come to its end."""
        return self._socket.closed

    def close(self) -> None:
        """Let it end; what is under way in it ends too."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._socket.close())


class Tunnels:
    """The tunnels of a deployment; what one caller is done with, the next one uses.

    To open one costs the cluster ten times what a request costs it.
    """

    def __init__(self, client: Client, namespace: str) -> None:
        self._client = client
        self._namespace = namespace
        self._idle: dict[Backend, list[_Idle]] = {}
        self._is_closed = False

    async def take(self, backend: Backend) -> Tunnel:
        """Return a tunnel to `backend` that nobody else uses.

        Raises:
            TunnelClosedError: None can be opened.
        """
        waiting = self._idle.get(backend, [])
        while waiting:
            tunnel = await waiting.pop().leave()
            if tunnel is not None:
                return tunnel
        return await self._open(backend)

    async def _open(self, backend: Backend) -> Tunnel:
        return await Tunnel.open(self._client, self._namespace, backend)

    def give_back(self, tunnel: Tunnel) -> None:
        """Keep a tunnel on which no exchange is under way, for a while."""
        if self._is_closed:
            tunnel.close()
            return
        self._idle.setdefault(tunnel.backend, []).append(_Idle(tunnel))

    async def close(self) -> None:
        """End the tunnels that wait, and those that are given back from now on."""
        self._is_closed = True
        waiting = [idle for each in self._idle.values() for idle in each]
        self._idle.clear()
        for idle in waiting:
            tunnel = await idle.leave()
            if tunnel is not None:
                tunnel.close()


class _Idle:
    """A tunnel that waits to be used again; whatever comes out of it meanwhile spoils it."""

    def __init__(self, tunnel: Tunnel) -> None:
        self._tunnel = tunnel
        self._watching = asyncio.create_task(self._watch())

    async def leave(self) -> Tunnel | None:
        """End the waiting and return the tunnel, or None when it is spoilt or too old."""
        if self._watching.done():
            return None
        self._watching.cancel()
        with suppress(asyncio.CancelledError):
            await self._watching
        return None if self._tunnel.is_closed else self._tunnel

    async def _watch(self) -> None:
        try:
            await asyncio.wait_for(self._tunnel.receive(), IDLE_SECONDS)
        except asyncio.CancelledError:
            raise
        except (TunnelClosedError, TimeoutError):
            pass
        self._tunnel.close()
