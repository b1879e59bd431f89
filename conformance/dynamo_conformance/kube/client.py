"""The API of one cluster: the one client of the `cluster` target and of the reference operator.

It is aiohttp with little around it. kr8s answers every 401 and 403 with new credentials and a new
session for everybody, and a run makes requests that may be forbidden; kubernetes-asyncio brings a
class for every kind there is, in the operator's image too; httpx leaves a connection open that is
cancelled in its TLS handshake, as the end of a watch may do. kopf, which the operator runs on, has
aiohttp in any case, and its websockets are the tunnels to pods.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from dynamo_conformance.kube.errors import NOT_FOUND, UNAUTHORIZED, ApiError, UnreachableError
from dynamo_conformance.kube.resources import KubeObject

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    import aiohttp

    from dynamo_conformance.kube.resources import Resource
    from dynamo_conformance.manifest.node import Plain

REQUEST_SECONDS = 15.0
KEEP_SECONDS = 60.0
"""Less than API servers keep a connection that nobody uses."""

_LINE_BYTES = 2**24
"""More than any object of a watch: etcd takes a tenth of it."""

JSON, MERGE_PATCH = "application/json", "application/merge-patch+json"
_FIRST_ERROR = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Where an API server is, and who we are to it.

    Attributes:
        server: Its address.
        headers: What every request carries.
        tls: How it is known, and we to it; True is what this machine trusts.
        proxy: The way to it, or None.
        server_name: The name in its certificate when it is not that of its address.
    """

    server: str
    headers: Mapping[str, str]
    tls: ssl.SSLContext | bool = True
    proxy: str | None = None
    server_name: str | None = None


class Client:
    """The API of one cluster, for coroutines of one loop.

    Args:
        login: Gets credentials; asked again when they are no longer taken.
        seconds: How long the server may be silent in a request.
        connections: How many there may be at once; 0 is no limit, for watches and forwarded
            connections hold one each.
    """

    def __init__(
        self,
        login: Callable[[], Awaitable[Access]],
        *,
        seconds: float = REQUEST_SECONDS,
        connections: int = 0,
    ) -> None:
        self._login = login
        self._seconds = seconds
        self._connections = connections
        self._sessions: list[_Session] = []
        self._renewing = asyncio.Lock()
        self.offset = 0.0

    async def open(self) -> None:
        """Get credentials now, and not with the first request."""
        await self._session()

    async def json(
        self,
        method: str,
        path: str,
        *,
        body: Plain = None,
        params: Mapping[str, str] | None = None,
        media: str = JSON,
    ) -> KubeObject:
        """Send a request and return the object that answers it.

        Raises:
            ApiError: The server refused it.
            UnreachableError: It did not answer.
        """
        status, content = await self._request(method, path, body, params, media)
        try:
            answer = json.loads(content)
        except ValueError as error:
            text = content.decode(errors="replace")
            raise ApiError(status, "NoJson", text[:200]) from error
        return KubeObject(answer if isinstance(answer, dict) else {})

    async def text(self, path: str, *, params: Mapping[str, str]) -> str:
        """Return what is no JSON, such as a log."""
        return (await self._request("GET", path, None, params))[1].decode(errors="replace")

    async def get(self, path: str) -> KubeObject | None:
        """Return what is at `path`, or None when nothing is."""
        try:
            return await self.json("GET", path)
        except ApiError as error:
            if error.status == NOT_FOUND:
                return None
            raise

    async def list(
        self, resource: Resource, *, namespace: str | None = None, labels: str = "", **params: str
    ) -> tuple[list[KubeObject], str]:
        """Return all objects, and the version of the list that a watch can go on from."""
        query = {"labelSelector": labels, **params} if labels else params
        answer = await self.json("GET", resource.path(namespace), params=query)
        items = answer.get("items")
        # Items of a list leave out what the list says for all of them.
        shared: dict[str, Plain] = {"apiVersion": resource.api_version, "kind": resource.kind}
        objects = [
            KubeObject({**shared, **item})
            for item in (items if isinstance(items, list) else ())
            if isinstance(item, dict)
        ]
        return objects, str(answer.metadata.get("resourceVersion", ""))

    async def lines(
        self, path: str, *, params: Mapping[str, str], silence: float
    ) -> AsyncIterator[str]:
        """Yield the lines of an answer that goes on, such as a watch.

        Raises:
            ApiError: The server refused it.
            UnreachableError: The connection broke, or nothing came for `silence` seconds.
        """
        session = await self._session()
        async with session.request("GET", path, params=params, silence=silence) as answer:
            if answer.status >= _FIRST_ERROR:
                raise ApiError.of_response(answer.status, await answer.read())
            async for line in answer.content:
                yield line.decode().rstrip("\r\n")

    async def websocket(
        self, path: str, *, params: Mapping[str, str]
    ) -> aiohttp.ClientWebSocketResponse:
        """Open a websocket.

        Raises:
            UnreachableError: The server does not open it.
        """
        return await (await self._session()).websocket(path, params)

    def now(self) -> datetime:
        """Return the time by the cluster's clock, as far as its answers show it."""
        return datetime.now(UTC) + timedelta(seconds=self.offset)

    async def aclose(self) -> None:
        """Close all connections; the next request opens new ones."""
        for session in self._sessions:
            await session.http.close()
        self._sessions.clear()

    async def _session(self, *, refused: _Session | None = None) -> _Session:
        """Return the newest session, newer than one that is refused; others come to their end."""
        async with self._renewing:
            if not self._sessions or self._sessions[-1] is refused:
                self._sessions.append(_Session.open(await self._login(), self._connections))
            return self._sessions[-1]

    async def _request(
        self,
        method: str,
        path: str,
        body: Plain,
        params: Mapping[str, str] | None,
        media: str = JSON,
    ) -> tuple[int, bytes]:
        """Send a request, with new credentials if the old ones have run out."""
        data = None if body is None else json.dumps(body, separators=(",", ":")).encode()

        async def send(session: _Session) -> tuple[int, bytes]:
            async with session.request(
                method, path, params=params, data=data, media=media, silence=self._seconds
            ) as answer:
                self._set_clock(answer.headers.get("Date"))
                return answer.status, await answer.read()

        session = await self._session()
        status, content = await send(session)
        if status == UNAUTHORIZED:
            status, content = await send(await self._session(refused=session))
        if status >= _FIRST_ERROR:
            raise ApiError.of_response(status, content)
        return status, content

    def _set_clock(self, date: str | None) -> None:
        """Learn how far the cluster's clock is from ours; within a second they are the same."""
        if date is None:
            return
        ahead = (parsedate_to_datetime(date) - datetime.now(UTC)).total_seconds()
        self.offset = ahead if abs(ahead) > 1.5 else 0.0  # noqa: PLR2004 - the header has seconds


@dataclass(frozen=True, slots=True)
class _Session:
    """Connections with the same credentials."""

    access: Access
    http: aiohttp.ClientSession

    @classmethod
    def open(cls, access: Access, connections: int) -> _Session:
        import aiohttp

        connector = aiohttp.TCPConnector(
            ssl=access.tls, limit=connections, keepalive_timeout=KEEP_SECONDS
        )
        headers = {"User-Agent": "dynamo-conformance", **access.headers}
        http = aiohttp.ClientSession(headers=headers, connector=connector, proxy=access.proxy)
        return cls(access, http)

    @asynccontextmanager
    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None,
        silence: float,
        data: bytes | None = None,
        media: str = JSON,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        import aiohttp

        try:
            async with self.http.request(
                method,
                self.access.server + path,
                params=params,
                data=data,
                headers={"Accept": "application/json, */*", "Content-Type": media},
                timeout=aiohttp.ClientTimeout(sock_connect=REQUEST_SECONDS, sock_read=silence),
                read_bufsize=_LINE_BYTES,
                server_hostname=self.access.server_name,
            ) as answer:
                yield answer
        except (aiohttp.ClientError, TimeoutError) as error:
            raise UnreachableError(f"{type(error).__name__}: {error}") from error

    async def websocket(
        self, path: str, params: Mapping[str, str]
    ) -> aiohttp.ClientWebSocketResponse:
        import aiohttp

        try:
            return await self.http.ws_connect(
                self.access.server + path,
                params=params,
                timeout=aiohttp.ClientWSTimeout(ws_close=1.0),
                server_hostname=self.access.server_name,
            )
        except (aiohttp.ClientError, TimeoutError) as error:
            raise UnreachableError(f"{type(error).__name__}: {error}") from error
