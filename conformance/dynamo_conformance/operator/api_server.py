"""The API server, as far as the controller needs it: one session, kept open, and short calls."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import aiohttp

from dynamo_conformance.kube.kube_object import KubeObject, table
from dynamo_conformance.operator.resources import BY_KIND, Resource

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import kopf

    from dynamo_conformance.manifest.node import Plain

FIELD_MANAGER = "dynamo-conformance-operator"
"""Who the fields belong to that the controller writes."""

APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"

UNAUTHORIZED = 401
NOT_FOUND = 404
CONFLICT = 409
UNPROCESSABLE = 422
_FIRST_ERROR = 400
_SERVER_ERROR = 500
_TOO_MANY = 429

_TERMINATING = "NamespaceTerminating"

_TIMEOUT = aiohttp.ClientTimeout(total=30, sock_connect=5)
_CONNECTIONS = 16


class ApiError(Exception):
    """The API server refused a call.

    Attributes:
        status: The HTTP status.
        message: What it said.
        is_farewell: Whether it refused because the namespace is being deleted.
    """

    def __init__(self, status: int, message: str, *, is_farewell: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.is_farewell = is_farewell

    @property
    def is_final(self) -> bool:
        """Whether the same call will fail again until somebody changes something."""
        is_ours = self.status < _SERVER_ERROR and self.status not in (UNAUTHORIZED, _TOO_MANY)
        return is_ours and not self.is_farewell


@dataclass(slots=True)
class _Link:
    session: aiohttp.ClientSession
    server: str


class ApiServer:
    """An API server.

    Args:
        login: Says where it is and who we are; asked again when that is no longer taken.
    """

    def __init__(self, login: Callable[[], Awaitable[kopf.ConnectionInfo]]) -> None:
        self._login = login
        self._link: _Link | None = None

    async def close(self) -> None:
        """End the session."""
        if self._link is not None:
            await self._link.session.close()
            self._link = None

    async def get(self, path: str, **params: str) -> dict[str, Plain] | None:
        """Return what is at `path`, or None when nothing is."""
        try:
            return await self._call("GET", path, params=params)
        except ApiError as error:
            if error.status == NOT_FOUND:
                return None
            raise

    async def items(
        self, resource: Resource, namespace: str | None, **params: str
    ) -> tuple[KubeObject, ...]:
        """Return the objects of a kind; none where the cluster does not know the kind."""
        found = await self.get(resource.path(namespace), **params)
        listed = found.get("items") if found is not None else None
        # A list leaves out of its items what it says once of all of them.
        shared: dict[str, Plain] = {"apiVersion": resource.api_version, "kind": resource.kind}
        return tuple(
            KubeObject({**shared, **table(one)})
            for one in (listed if isinstance(listed, list) else ())
        )

    async def apply(self, wanted: KubeObject) -> KubeObject:
        """Bring an object into the state that is wanted, whatever it is in."""
        params = {"fieldManager": FIELD_MANAGER, "force": "true"}
        found = await self._call("PATCH", _path(wanted), wanted.body, content=APPLY, params=params)
        return KubeObject(found)

    async def create(self, made: KubeObject, resource: Resource | None = None) -> KubeObject | None:
        """Make an object; return None when there is one of its name already."""
        kind = resource or BY_KIND[made.kind]
        params = {"fieldManager": FIELD_MANAGER}
        try:
            path = kind.path(made.namespace)
            return KubeObject(await self._call("POST", path, made.body, params=params))
        except ApiError as error:
            if error.status == CONFLICT:
                return None
            raise

    async def delete(self, gone: KubeObject) -> None:
        """Delete this very object, and let what belongs to it be collected."""
        options: dict[str, Plain] = {"propagationPolicy": "Background"}
        if uid := gone.metadata.get("uid"):
            options["preconditions"] = {"uid": uid}
        try:
            await self._call("DELETE", _path(gone), options)
        except ApiError as error:
            # Gone already, or there is another one of its name.
            if error.status not in (NOT_FOUND, CONFLICT):
                raise

    async def merge(self, what: KubeObject, patch: dict[str, Plain]) -> KubeObject:
        """Change some fields of an object."""
        path, params = _path(what), {"fieldManager": FIELD_MANAGER}
        return KubeObject(await self._call("PATCH", path, patch, content=MERGE, params=params))

    async def edit(
        self, what: KubeObject, steps: list[Plain], *, subresource: str = ""
    ) -> KubeObject:
        """Change an object step by step."""
        path, params = _path(what, subresource), {"fieldManager": FIELD_MANAGER}
        return KubeObject(await self._call("PATCH", path, steps, content=JSON_PATCH, params=params))

    async def _call(
        self,
        method: str,
        path: str,
        body: Plain = None,
        *,
        content: str = "application/json",
        params: dict[str, str] | None = None,
    ) -> dict[str, Plain]:
        try:
            return await self._once(method, path, body, content=content, params=params)
        except ApiError as error:
            if error.status != UNAUTHORIZED:
                raise
        # A token in a pod is replaced every hour or so.
        await self.close()
        return await self._once(method, path, body, content=content, params=params)

    async def _once(
        self, method: str, path: str, body: Plain, *, content: str, params: dict[str, str] | None
    ) -> dict[str, Plain]:
        link = self._link or await self._connected()
        data = None if body is None else json.dumps(body, separators=(",", ":")).encode()
        headers = {"Content-Type": content} if data is not None else None
        async with link.session.request(
            method, link.server + path, data=data, headers=headers, params=params
        ) as response:
            answer = await response.read()
            if response.status >= _FIRST_ERROR:
                raise _refusal(response.status, answer, response.reason)
            return table(json.loads(answer))

    async def _connected(self) -> _Link:
        info = await self._login()
        connector = aiohttp.TCPConnector(
            ssl=info.as_ssl_context(), limit=_CONNECTIONS, keepalive_timeout=120
        )
        session = aiohttp.ClientSession(
            connector=connector, headers=info.as_http_headers(), timeout=_TIMEOUT
        )
        self._link = _Link(session, info.server.rstrip("/"))
        return self._link


def _path(one: KubeObject, subresource: str = "") -> str:
    return BY_KIND[one.kind].path(one.namespace, one.name, subresource)


def _refusal(status: int, answer: bytes, reason: str | None) -> ApiError:
    """Return what an API server said of its refusal, if it was one."""
    try:
        said = table(json.loads(answer))
    except ValueError:
        said = {"message": answer.decode(errors="replace")[:500]}
    message = said.get("message")
    causes = table(said.get("details")).get("causes")
    each = [table(one).get("reason") for one in (causes if isinstance(causes, list) else ())]
    text = message if isinstance(message, str) and message else (reason or "no reason given")
    return ApiError(status, text, is_farewell=_TERMINATING in each)
