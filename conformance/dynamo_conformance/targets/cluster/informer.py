"""A cache of one kind of object in one namespace, kept current by the API's watches."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Generic, TypeVar

from dynamo_conformance.kube.errors import FORBIDDEN, GONE, ApiError
from dynamo_conformance.kube.resources import KubeObject, name_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from dynamo_conformance.kube.client import Client
    from dynamo_conformance.kube.resources import Resource

T = TypeVar("T")

SESSION_SECONDS = 45
"""How long one watch goes on before it is requested again; proxies drop silent connections."""

SILENCE_SECONDS = SESSION_SECONDS + 15.0
RETRY_SECONDS = 0.5


class Informer(Generic[T]):
    """What the namespace holds of one kind.

    Attributes:
        objects: The objects as the API gives them, by name.
        items: The same, read.
        deleted: Objects that were deleted, read, as they were last seen.
        refused: Why the API refuses to list them, or None.
    """

    def __init__(
        self,
        resource: Resource,
        *,
        namespace: str,
        labels: str = "",
        read: Callable[[KubeObject], T],
        changed: Callable[[], None],
    ) -> None:
        self.objects: dict[str, KubeObject] = {}
        self.items: dict[str, T] = {}
        self.deleted: dict[str, T] = {}
        self.refused: ApiError | None = None
        self.resource = resource
        self._namespace = namespace
        self._labels = labels
        self._read = read
        self._changed = changed

    async def follow(self, client: Client) -> None:
        """Follow the namespace until cancelled; connections that break are made again."""
        version = ""
        while True:
            try:
                if not version:
                    version = await self._fill(client)
                version = await self._watch(client, version)
            except ApiError as error:
                if error.status == GONE:
                    version = ""
                elif error.status >= FORBIDDEN:
                    self.refused = error
                    self._changed()
                await asyncio.sleep(RETRY_SECONDS)

    async def _fill(self, client: Client) -> str:
        listed, version = await client.list(
            self.resource, namespace=self._namespace, labels=self._labels
        )
        self.objects = {}
        self.items = {}
        for value in listed:
            self._put(value)
        self.refused = None
        self._changed()
        return version

    async def _watch(self, client: Client, version: str) -> str:
        params = {
            "watch": "true",
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(SESSION_SECONDS),
        }
        if self._labels:
            params["labelSelector"] = self._labels
        path = self.resource.path(self._namespace)
        async for line in client.lines(path, params=params, silence=SILENCE_SECONDS):
            version = self._take(line) or version
        return version

    def _take(self, line: str) -> str:
        """Take in one line of a watch; return the version to go on from."""
        event = json.loads(line)
        kind, value = event["type"], KubeObject(event["object"])
        if kind == "ERROR":
            raise ApiError(
                int(str(value.get("code") or GONE)), "Expired", str(value.get("message"))
            )
        if kind == "DELETED":
            self.objects.pop(name_of(value), None)
            self.items.pop(name_of(value), None)
            self.deleted[name_of(value)] = self._read(value)
        elif kind != "BOOKMARK":
            self._put(value)
        if kind != "BOOKMARK":
            self._changed()
        return str(value.metadata["resourceVersion"])

    def _put(self, value: KubeObject) -> None:
        meta = value.get("metadata")
        if isinstance(meta, dict):
            # Who wrote which field is half of an object, and of no use here.
            meta.pop("managedFields", None)
        self.objects[name_of(value)] = value
        self.items[name_of(value)] = self._read(value)
