"""The controller: what it watches, and which graphs are reconciled when something changes there.

kopf watches and calls; it keeps no state on the objects, because nothing but their events is
handled. What is to be done is decided graph by graph, from all that belongs to one.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import kopf

from dynamo_conformance.kube.errors import ApiError
from dynamo_conformance.kube.labels import OPERATOR, PART
from dynamo_conformance.kube.resources import KubeObject
from dynamo_conformance.manifest.document import KIND
from dynamo_conformance.operator.cluster_api import ClusterApi, kopf_login
from dynamo_conformance.operator.kopf_settings import kopf_settings
from dynamo_conformance.operator.object_cache import ObjectCache
from dynamo_conformance.operator.observed_graph import fingerprint
from dynamo_conformance.operator.reconciler import Reconciler
from dynamo_conformance.operator.watched_kinds import GRAPHS, WATCHED
from dynamo_conformance.operator.work_queue import GraphKey, WorkQueue

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.manifest.node import Plain

_LOG = logging.getLogger(__name__)

_OURS = f"{PART}={OPERATOR}"
_RESYNC = 300.0
"""Seconds after which everything is listed again, in case a watch missed something."""

_NOT_YET = 2.0
"""Seconds between tries to reach the API server at the start."""


@dataclass(frozen=True, slots=True)
class Controller:
    """What `kopf.operator` runs.

    Attributes:
        registry: The handlers.
        settings: How kopf is to behave.
    """

    registry: kopf.OperatorRegistry
    settings: kopf.OperatorSettings


def controller() -> Controller:
    """Return a controller that has not started."""
    settings = kopf_settings(WATCHED, labels=_OURS)
    registry = kopf.OperatorRegistry()
    handlers = _Handlers()
    kopf.on.login(registry=registry)(_login)
    kopf.on.startup(registry=registry)(handlers.start)
    kopf.on.cleanup(registry=registry)(handlers.stop)
    for resource in (GRAPHS, *WATCHED):
        watch = kopf.on.event(
            group=resource.group, version=resource.version, plural=resource.plural,
            registry=registry,
        )  # fmt: skip
        watch(handlers.observe)
    return Controller(registry, settings)


class _Handlers:
    """What kopf calls: at the start, at the end, and for each event of a watch."""

    def __init__(self) -> None:
        self._api = ClusterApi()
        self._cache = ObjectCache()
        self._reconciler = Reconciler(self._api, self._cache)
        self._queue = WorkQueue(self._reconciler.reconcile)
        self._resync: asyncio.Task[None] | None = None

    async def start(self, **_: object) -> None:
        """List all objects, so that no decision is made from half of them, and reconcile."""
        try:
            await self._refresh()
        except ApiError as error:
            message = f"the API server does not answer as it should: {error}"
            raise kopf.TemporaryError(message, delay=_NOT_YET) from error
        self._resync = asyncio.create_task(self._keep_fresh())

    async def stop(self, **_: object) -> None:
        """Finish what is under way; the next controller goes on from what it finds."""
        if self._resync is not None:
            self._resync.cancel()
        await self._queue.close()
        await self._api.aclose()

    async def observe(self, event: kopf.RawEvent, **_: object) -> None:
        """Take in an event of a watch, and reconcile the graphs that it may matter to."""
        seen = KubeObject(cast("dict[str, Plain]", event["object"]))
        if event["type"] == "DELETED":
            if self._cache.forget(seen):
                self._wake(seen, is_deleted=True)
            return
        before = self._cache.get(seen.namespace or "", seen.key)
        if self._cache.observe(seen) and _matters(before, seen):
            self._wake(seen, is_deleted=False)

    def _wake(self, seen: KubeObject, *, is_deleted: bool) -> None:
        for key in self._concerned(seen, is_deleted=is_deleted):
            self._queue.add(key)

    def _concerned(self, seen: KubeObject, *, is_deleted: bool) -> Iterator[GraphKey]:
        """Yield the graphs that an object belongs to."""
        namespace = seen.namespace or ""
        if seen.kind == KIND:
            yield GraphKey(namespace, seen.name)
        elif seen.controller.get("kind") == KIND and not is_deleted:
            yield GraphKey(namespace, str(seen.controller.get("name")))
        elif is_deleted:
            # It may be one that several graphs of the namespace want.
            for key in self._cache.within(namespace):
                if key.kind == KIND:
                    yield GraphKey(namespace, key.name)

    async def _keep_fresh(self) -> None:
        while True:
            await asyncio.sleep(_RESYNC)
            try:
                await self._refresh()
            except ApiError as error:
                _LOG.warning("listing everything again failed: %s", error)

    async def _refresh(self) -> None:
        resources = (GRAPHS, *WATCHED)
        listed = await asyncio.gather(
            self._api.items(GRAPHS, None),
            *(self._api.items(resource, None, labelSelector=_OURS) for resource in WATCHED),
        )
        for resource, objects in zip(resources, listed, strict=True):
            self._cache.replace(resource.kind, objects)
        self._reconciler.forget_contexts()
        for graph in self._cache.of_kind(KIND):
            self._queue.add(GraphKey(graph.namespace or "", graph.name))


async def _login(**_: object) -> kopf.ConnectionInfo:
    return kopf_login()


def _matters(before: KubeObject | None, after: KubeObject) -> bool:
    """Whether a change needs reconciling; the status of a graph is our own writing."""
    if before is None or after.kind != KIND:
        return True
    is_same = fingerprint(before) == fingerprint(after)
    return not is_same or "deletionTimestamp" in after.metadata
