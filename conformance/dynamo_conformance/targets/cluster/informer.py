"""A cache of one kind of object in one namespace, kept current by the API's watches."""

from __future__ import annotations

import asyncio
import json
from dataclasses import KW_ONLY, dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

from dynamo_conformance.kube.errors import FORBIDDEN, GONE, ApiError
from dynamo_conformance.kube.resources import KubeObject

if TYPE_CHECKING:
    from collections.abc import Callable

    from dynamo_conformance.kube.client import Client
    from dynamo_conformance.kube.resources import Resource

T = TypeVar("T")

SESSION_SECONDS = 45
"""How long one watch goes on before it is requested again; proxies drop silent connections."""

SILENCE_SECONDS = SESSION_SECONDS + 15.0
RETRY_SECONDS = 0.5


@dataclass(slots=True)
class Informer(Generic[T]):
    """What the namespace holds of one kind.

    Attributes:
        resource: The kind.
        namespace: The namespace.
        labels: Which objects, by their labels; empty for all.
        read: Reads an object of the API.
        changed: Is called after each change.
        objects: The objects as the API gives them, by name.
        items: The same, read.
        deleted: Objects that were deleted, read, as they were last seen.
        refused: Why the API refuses to list them, or None.
    """

    resource: Resource
    _: KW_ONLY
    namespace: str
    labels: str = ""
    read: Callable[[KubeObject], T]
    changed: Callable[[], None]
    objects: dict[str, KubeObject] = field(default_factory=dict)
    items: dict[str, T] = field(default_factory=dict)
    deleted: dict[str, T] = field(default_factory=dict)
    refused: ApiError | None = None

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
                    self.changed()
                await asyncio.sleep(RETRY_SECONDS)

    async def _fill(self, client: Client) -> str:
        listed, version = await client.list(
            self.resource, namespace=self.namespace, labels=self.labels
        )
        self.objects = {}
        self.items = {}
        for value in listed:
            self._put(value)
        self.refused = None
        self.changed()
        return version

    async def _watch(self, client: Client, version: str) -> str:
        params = {
            "watch": "true",
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(SESSION_SECONDS),
        }
        if self.labels:
            params["labelSelector"] = self.labels
        path = self.resource.path(self.namespace)
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
            self.objects.pop(value.name, None)
            self.items.pop(value.name, None)
            self.deleted[value.name] = self.read(value)
        elif kind != "BOOKMARK":
            self._put(value)
        if kind != "BOOKMARK":
            self.changed()
        return str(value.metadata["resourceVersion"])

    def _put(self, value: KubeObject) -> None:
        meta = value.get("metadata")
        if isinstance(meta, dict):
            # Who wrote which field is half of an object, and of no use here.
            meta.pop("managedFields", None)
        self.objects[value.name] = value
        self.items[value.name] = self.read(value)
