"""Writes how a graph is: its status, and events for what happened to it."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from dynamo_conformance.kube.errors import ApiError
from dynamo_conformance.operator.events import event_object
from dynamo_conformance.operator.graph_status import updated_status
from dynamo_conformance.operator.objects import scaling_adapters
from dynamo_conformance.operator.objects.scaling_adapters import ADAPTER
from dynamo_conformance.operator.watched_kinds import EVENTS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dynamo_conformance.kube.resources import KubeObject
    from dynamo_conformance.manifest.node import Plain
    from dynamo_conformance.operator.cluster_api import ClusterApi
    from dynamo_conformance.operator.events import GraphEvent
    from dynamo_conformance.operator.graph_status import Outcome
    from dynamo_conformance.operator.next_step import NextStep
    from dynamo_conformance.operator.object_cache import ObjectCache
    from dynamo_conformance.operator.observed_graph import ObservedGraph

_LOG = logging.getLogger(__name__)


class StatusWriter:
    """Writes how graphs are.

    Args:
        api: The API server.
        cache: What is known to be there.
    """

    def __init__(self, api: ClusterApi, cache: ObjectCache) -> None:
        self._api = api
        self._cache = cache

    async def write(
        self, seen: ObservedGraph, plan: NextStep, result: Outcome, *, now: str
    ) -> None:
        """Write a graph's status when it is another than before, and what happened to it."""
        after = updated_status(
            seen.status,
            result,
            generation=seen.generation,
            rollout=plan.rollout,
            restart=plan.restart.status() if plan.restart is not None else None,
            now=now,
        )
        if after != seen.status:
            await self._write(seen.dgd, after)
            _LOG.info(
                "%s/%s is %s: %s", seen.namespace, seen.dgd.name, result.state, result.message
            )
        await self.post(seen.dgd, plan.events)

    async def post(self, about: KubeObject, happened: Iterable[GraphEvent]) -> None:
        """Post events; that one cannot be posted is no reason to stop."""
        await asyncio.gather(*(self._post(event, about) for event in happened))

    async def write_adapters(
        self, seen: ObservedGraph, *, scaled: Iterable[str] = (), now: str = ""
    ) -> None:
        """Write the status of a graph's scaling adapters.

        Args:
            seen: The graph.
            scaled: The adapters whose number was brought into the graph just now.
            now: The time.
        """
        names = frozenset(scaled)
        for adapter in [item for item in seen.owned.values() if item.kind == ADAPTER]:
            moment = now if adapter.name in names else None
            status = scaling_adapters.adapter_status(adapter, seen.graph, scaled=moment)
            if status is not None:
                await self._write(adapter, status)

    async def _write(self, what: KubeObject, status: dict[str, Plain]) -> None:
        steps: list[Plain] = [{"op": "add", "path": "/status", "value": status}]
        self._cache.observe(await self._api.edit(what, steps, subresource="status"))

    async def _post(self, event: GraphEvent, about: KubeObject) -> None:
        try:
            await self._api.create(event_object(event, about), EVENTS)
        except ApiError as error:
            _LOG.warning("event %s about %s was not taken: %s", event.reason, about.name, error)
