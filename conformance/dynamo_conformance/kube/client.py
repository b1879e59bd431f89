"""The API of one cluster, for the coroutines of one loop."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import TYPE_CHECKING

from dynamo_conformance.kube.errors import UNAUTHORIZED, ApiError, UnreachableError
from dynamo_conformance.targets.target import TargetUnavailableError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    import httpx

    from dynamo_conformance.kube.kubeconfig import Pinned
    from dynamo_conformance.kube.resources import KubeObject, Resource
    from dynamo_conformance.manifest.node import Plain

REQUEST_SECONDS = 15.0

JSON, MERGE_PATCH = "application/json", "application/merge-patch+json"


class Client:
    """The API of one cluster, for coroutines of one loop.

    kr8s reads the kubeconfig, runs credential plugins and makes the TLS context. Requests go
    through an HTTP client of our own, because kr8s answers every 401 and 403 by closing the
    connections of all other requests, and a run makes requests that may be forbidden.
    """

    def __init__(self, pinned: Pinned) -> None:
        self._pinned = pinned
        self._clients: list[httpx.AsyncClient] = []
        self.offset = 0.0

    @classmethod
    async def open(cls, pinned: Pinned) -> Client:
        """Return a client with fresh credentials.

        Raises:
            TargetUnavailableError: They cannot be had.
        """
        client = cls(pinned)
        await client.renew()
        return client

    @property
    def http(self) -> httpx.AsyncClient:
        """The HTTP client with the newest credentials."""
        return self._clients[-1]

    @cached_property
    def extensions(self) -> dict[str, str]:
        """What every request must carry for the server's certificate to be the right one."""
        clusters = self._pinned.content.get("clusters")
        entry = clusters[0] if isinstance(clusters, list) else None
        cluster = entry.get("cluster") if isinstance(entry, dict) else None
        name = cluster.get("tls-server-name") if isinstance(cluster, dict) else None
        return {"sni_hostname": name} if isinstance(name, str) else {}

    async def renew(self) -> None:
        """Fetch credentials and make a client of them; requests on older ones come to their end."""
        import httpx

        # What kr8s gives to everybody asks the server for its version first. pyproject.toml bounds
        # kr8s, and a test says so when its credentials are read in another way.
        from kr8s._auth import KubeAuth

        from dynamo_conformance.kube.transport import transport

        auth = KubeAuth(
            kubeconfig=str(self._pinned.path),
            context=self._pinned.context,
            namespace="default",
            serviceaccount="",
        )
        try:
            await auth.reauthenticate()
        except (ValueError, KeyError, RuntimeError, OSError, json.JSONDecodeError) as error:
            what = f"no credentials for context {self._pinned.context}"
            raise TargetUnavailableError(f"{what}: {error}") from error
        headers = {"User-Agent": "dynamo-conformance"}
        if auth.token:
            headers["Authorization"] = f"Bearer {auth.token}"
        self._clients.append(
            httpx.AsyncClient(
                base_url=auth.server,
                headers=headers,
                timeout=REQUEST_SECONDS,
                transport=transport(
                    verify=await auth.ssl_context(),  # type: ignore[no-untyped-call]
                    proxy=auth.proxy,
                    # Watches and forwarded connections hold one each.
                    limits=httpx.Limits(max_connections=None, max_keepalive_connections=32),
                ),
            )
        )

    async def json(
        self,
        method: str,
        path: str,
        *,
        body: KubeObject | None = None,
        params: Mapping[str, str] | None = None,
        media: str = JSON,
    ) -> KubeObject:
        """Send a request and return the object that answers it.

        Raises:
            ApiError: The server refused it.
            UnreachableError: It did not answer.
        """
        answer = await self.request(method, path, body=body, params=params, media=media)
        try:
            found = answer.json()
        except ValueError as error:
            raise ApiError(answer.status_code, "NoJson", answer.text[:200]) from error
        return found if isinstance(found, dict) else {}

    async def text(self, path: str, *, params: Mapping[str, str]) -> str:
        """Return what is no JSON, such as a log."""
        return (await self.request("GET", path, params=params)).text

    async def request(
        self,
        method: str,
        path: str,
        *,
        body: KubeObject | None = None,
        params: Mapping[str, str] | None = None,
        media: str = JSON,
    ) -> httpx.Response:
        """Send a request, with new credentials if the old ones have run out."""
        answer = await self._send(method, path, body=body, params=params, media=media)
        if answer.status_code == UNAUTHORIZED:
            await self.renew()
            answer = await self._send(method, path, body=body, params=params, media=media)
        if answer.is_error:
            raise refusal(answer.status_code, answer.content)
        return answer

    async def list(
        self,
        resource: Resource,
        *,
        namespace: str | None = None,
        labels: str = "",
    ) -> tuple[list[KubeObject], str]:
        """Return all objects, and the version of the list that a watch can go on from."""
        params = {"labelSelector": labels} if labels else {}
        found = await self.json("GET", resource.path(namespace), params=params)
        items = found.get("items")
        listed = found.get("metadata")
        version = listed.get("resourceVersion") if isinstance(listed, dict) else ""
        objects = [one for one in items if isinstance(one, dict)] if isinstance(items, list) else []
        for one in objects:
            # Items of a list leave out what the list says for all of them.
            one.setdefault("apiVersion", resource.version)
            one.setdefault("kind", resource.kind)
        return objects, str(version)

    async def lines(
        self, path: str, *, params: Mapping[str, str], silence: float
    ) -> AsyncIterator[str]:
        """Yield the lines of an answer that goes on, such as a watch.

        Raises:
            ApiError: The server refused it.
            UnreachableError: The connection broke, or nothing came for `silence` seconds.
        """
        import httpx

        timeout = httpx.Timeout(REQUEST_SECONDS, read=silence)
        try:
            async with self.http.stream(
                "GET", path, params=params, timeout=timeout, extensions=self.extensions
            ) as answer:
                if answer.is_error:
                    raise refusal(answer.status_code, await answer.aread())
                async for line in answer.aiter_lines():
                    yield line
        except httpx.HTTPError as error:
            raise UnreachableError(f"{type(error).__name__}: {error}") from error

    def now(self) -> datetime:
        """Return the time by the cluster's clock, as far as its answers tell it."""
        return datetime.now(UTC) + timedelta(seconds=self.offset)

    async def aclose(self) -> None:
        """Close all connections."""
        for client in self._clients:
            await client.aclose()

    async def _send(
        self,
        method: str,
        path: str,
        *,
        body: KubeObject | None,
        params: Mapping[str, str] | None,
        media: str,
    ) -> httpx.Response:
        import httpx

        content = None if body is None else json.dumps(body)
        try:
            answer = await self.http.request(
                method,
                path,
                params=params,
                content=content,
                headers={"Content-Type": media, "Accept": "application/json, */*"},
                extensions=self.extensions,
            )
        except httpx.HTTPError as error:
            raise UnreachableError(f"{type(error).__name__}: {error}") from error
        self._set_clock(answer.headers.get("Date"))
        return answer

    def _set_clock(self, date: str | None) -> None:
        """Learn how far the cluster's clock is from ours; within a second they are the same."""
        if date is None:
            return
        ahead = (parsedate_to_datetime(date) - datetime.now(UTC)).total_seconds()
        self.offset = ahead if abs(ahead) > 1.5 else 0.0  # noqa: PLR2004 - the header has seconds


def refusal(status: int, content: bytes) -> ApiError:
    """Return what the server said as an error."""
    try:
        said: Plain = json.loads(content)
    except ValueError:
        said = None
    if isinstance(said, dict):
        reason, message = said.get("reason"), said.get("message")
        return ApiError(status, str(reason or status), str(message or reason or status))
    text = content.decode(errors="replace").strip()
    return ApiError(status, str(status), text[:300] or f"HTTP {status}")
