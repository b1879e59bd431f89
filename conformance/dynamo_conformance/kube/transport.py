"""Connections to the API that are closed however their opening ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpcore
import httpx

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable


def transport(
    *, verify: ssl.SSLContext, proxy: str | None, limits: httpx.Limits
) -> httpx.AsyncHTTPTransport:
    """Return a transport whose connections are closed when their opening is cancelled.

    httpcore 1.0 closes a connection whose TLS handshake fails, and leaves one alone that is
    cancelled in it, to the garbage collector. A run cancels many: every watch that it ends.
    """
    made = httpx.AsyncHTTPTransport(verify=verify, proxy=proxy, limits=limits)
    # httpx has no option for what httpcore takes; pyproject.toml bounds it, and a test says so when
    # another httpx keeps its pool elsewhere.
    made._pool._network_backend = _Backend()  # noqa: SLF001
    return made


class _Backend(httpcore.AnyIOBackend):
    """Opens connections of ours."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Open a connection."""
        opened = await super().connect_tcp(host, port, timeout, local_address, socket_options)
        return _Stream(opened)


class _Stream(httpcore.AsyncNetworkStream):
    """A connection that does not outlive a handshake which did not end well."""

    def __init__(self, opened: httpcore.AsyncNetworkStream) -> None:
        self._opened = opened

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read what is there."""
        return await self._opened.read(max_bytes, timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write it all."""
        await self._opened.write(buffer, timeout)

    async def aclose(self) -> None:
        """Close it."""
        await self._opened.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Return the same with TLS on it."""
        secured = False
        try:
            found = await self._opened.start_tls(ssl_context, server_hostname, timeout)
            secured = True
        finally:
            if not secured:
                await self._opened.aclose()
        return _Stream(found)

    def get_extra_info(self, info: str) -> object:
        """Return what is known of it."""
        return self._opened.get_extra_info(info)
