"""Saying how a graph is: its status, and events for what happened to it."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from dynamo_conformance.kube.errors import ApiError
from dynamo_conformance.operator import scaling
from dynamo_conformance.operator.events import event_object
from dynamo_conformance.operator.kinds import EVENTS
from dynamo_conformance.operator.objects.adapters import ADAPTER
from dynamo_conformance.operator.status import updated_status

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dynamo_conformance.kube.resources import KubeObject
    from dynamo_conformance.manifest.node import Plain
    from dynamo_conformance.operator.cluster_api import ClusterApi
    from dynamo_conformance.operator.events import Event
    from dynamo_conformance.operator.inventory import Inventory
    from dynamo_conformance.operator.plan import Plan
    from dynamo_conformance.operator.snapshot import Snapshot
    from dynamo_conformance.operator.status import Outcome

_LOG = logging.getLogger(__name__)


class Reporter:
    """Says how graphs are.

    Args:
        api: The API server.
        inventory: What is known to be there.
    """

    def __init__(self, api: ClusterApi, inventory: Inventory) -> None:
        self._api = api
        self._inventory = inventory

    async def say(self, seen: Snapshot, plan: Plan, found: Outcome, *, now: str) -> None:
        """Write a graph's status when it is another than before, and what happened to it."""
        after = updated_status(
            seen.status,
            found,
            generation=seen.generation,
            rollout=plan.rollout,
            restart=plan.restart.status() if plan.restart is not None else None,
            now=now,
        )
        if after != seen.status:
            await self._write(seen.dgd, after)
            _LOG.info("%s/%s is %s: %s", seen.namespace, seen.dgd.name, found.state, found.message)
        await self.tell(seen.dgd, plan.events)

    async def tell(self, about: KubeObject, happened: Iterable[Event]) -> None:
        """Post events; that one cannot be posted is no reason to stop."""
        await asyncio.gather(*(self._post(event, about) for event in happened))

    async def adapters(self, seen: Snapshot, *, scaled: Iterable[str] = (), now: str = "") -> None:
        """Write the status of a graph's scaling adapters.

        Args:
            seen: The graph.
            scaled: The adapters whose number was brought into the graph just now.
            now: The time.
        """
        names = frozenset(scaled)
        for adapter in [one for one in seen.owned.values() if one.kind == ADAPTER]:
            moment = now if adapter.name in names else None
            status = scaling.adapter_status(adapter, seen.graph, scaled=moment)
            if status is not None:
                await self._write(adapter, status)

    async def _write(self, what: KubeObject, status: dict[str, Plain]) -> None:
        steps: list[Plain] = [{"op": "add", "path": "/status", "value": status}]
        self._inventory.observe(await self._api.edit(what, steps, subresource="status"))

    async def _post(self, event: Event, about: KubeObject) -> None:
        try:
            await self._api.create(event_object(event, about), EVENTS)
        except ApiError as error:
            _LOG.warning("event %s about %s was not taken: %s", event.reason, about.name, error)
