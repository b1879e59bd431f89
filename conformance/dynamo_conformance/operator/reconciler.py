"""Reconciles graphs: compares what is there with what should be, and writes the difference."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from dynamo_conformance.kube.errors import ApiError
from dynamo_conformance.kube.resources import PODS, Key
from dynamo_conformance.manifest.document import KIND
from dynamo_conformance.operator import events
from dynamo_conformance.operator.graph_status import FAILED, Expected, Outcome, outcome, timestamp
from dynamo_conformance.operator.next_step import next_step
from dynamo_conformance.operator.object_changes import unwanted
from dynamo_conformance.operator.object_writer import ObjectWriter
from dynamo_conformance.operator.objects import scaling_adapters, volume_claims
from dynamo_conformance.operator.objects.graph_objects import graph_objects
from dynamo_conformance.operator.objects.scaling_adapters import ADAPTER
from dynamo_conformance.operator.observed_graph import CURRENT_HASH, observe_graph
from dynamo_conformance.operator.read_context import read_context
from dynamo_conformance.operator.status_writer import StatusWriter
from dynamo_conformance.operator.workload_state import workload_state
from dynamo_conformance.rendering.labels import COMPONENT, SELECTOR, WORKER_HASH
from dynamo_conformance.rendering.pod import DEPLOYMENT
from dynamo_conformance.rendering.reconcile_failure import (
    NO_ORCHESTRATOR,
    NOT_RECONCILED,
    NOT_RENDERED,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dynamo_conformance.kube.resources import KubeObject
    from dynamo_conformance.operator.cluster_api import ClusterApi
    from dynamo_conformance.operator.events import GraphEvent
    from dynamo_conformance.operator.next_step import NextStep
    from dynamo_conformance.operator.object_cache import ObjectCache
    from dynamo_conformance.operator.object_writer import RefusedObject
    from dynamo_conformance.operator.objects.graph_objects import GraphObjects, RenderContext
    from dynamo_conformance.operator.observed_graph import ObservedGraph, Reading
    from dynamo_conformance.operator.work_queue import GraphKey

_LOG = logging.getLogger(__name__)

_PAUSES = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Seconds before another try while the API server does not answer as it should."""

_CHECKS = (1.0, 1.0, 2.0, 3.0, 5.0)
"""Seconds before another check whether the cause of a failure is still there."""


@dataclass(slots=True)
class _Memory:
    """What need not be read again when a graph is reconciled the next time.

    Attributes:
        reading: The graph as it was read.
        context: Its context, for that reading.
        rendered: What they led to the last time, and of what.
        tries: How often in a row that failed.
        is_refused: Whether the API server refused some of its components' objects.
        reported: The errors of components that were posted already.
    """

    reading: Reading | None = None
    context: RenderContext | None = None
    rendered: tuple[RenderContext, GraphObjects] | None = None
    tries: int = 0
    is_refused: bool = False
    reported: frozenset[tuple[str, str]] = field(default_factory=frozenset)

    def pause(self, pauses: tuple[float, ...]) -> float:
        """Return how long to wait before the next try, longer each time."""
        seconds = pauses[min(self.tries, len(pauses) - 1)]
        self.tries += 1
        return seconds


class Reconciler:
    """Reconciles graphs.

    Args:
        api: The API server.
        cache: What is known to be there, the graphs among it.
    """

    def __init__(self, api: ClusterApi, cache: ObjectCache) -> None:
        self._api = api
        self._cache = cache
        self._writer = ObjectWriter(api, cache)
        self._status = StatusWriter(api, cache)
        self._memories: dict[GraphKey, _Memory] = {}

    def forget_contexts(self) -> None:
        """Have everything asked again that is not watched."""
        for memory in self._memories.values():
            memory.context = None

    async def reconcile(self, key: GraphKey) -> float | None:
        """Reconcile a graph; return after how many seconds to do it again, or None."""
        dgd = self._cache.get(key.namespace, Key(KIND, key.name))
        if dgd is None or "deletionTimestamp" in dgd.metadata:
            self._memories.pop(key, None)
            return None
        memory = self._memories.setdefault(key, _Memory())
        try:
            return await self._reconcile(self._seen(dgd, memory), memory)
        except ApiError as error:
            if error.namespace_terminating:
                return None
            memory.context = None
            _LOG.warning("%s/%s: %s; will try again", *key, error)
            return memory.pause(_PAUSES)

    def _seen(self, dgd: KubeObject, memory: _Memory) -> ObservedGraph:
        seen = observe_graph(dgd, self._owned(dgd), before=memory.reading)
        if seen.reading is not memory.reading:
            memory.reading, memory.context, memory.rendered = seen.reading, None, None
            memory.tries = 0
        return seen

    async def _reconcile(self, seen: ObservedGraph, memory: _Memory) -> float | None:
        if await self._follow_adapters(seen):
            return 0.0
        now = timestamp()
        plan = next_step(seen, now=now, is_drained=await self._is_drained(seen))
        made = await self._rendered(seen, plan, memory)
        shared, _ = await asyncio.gather(
            self._writer.write(made.shared, namespace=seen.namespace), self._record(seen, plan)
        )
        if memory.context is not None:
            memory.context = replace(memory.context, ssh_key=None)
        failure = made.failure
        if shared.refused:
            message = "; ".join(refusal.message for refusal in shared.refused)
            result = Outcome(state=FAILED, reason=NOT_RECONCILED, message=message)
        elif failure is not None:
            result = Outcome(state=FAILED, reason=failure.reason, message=failure.message)
        else:
            result = await self._run(seen, plan, made, memory)
        await self._status.write(seen, plan, result, now=now)
        if shared.refused or memory.is_refused or _retryable(seen, result):
            memory.context = None
            return memory.pause(_CHECKS)
        memory.tries = 0
        return plan.again

    async def _rendered(self, seen: ObservedGraph, plan: NextStep, memory: _Memory) -> GraphObjects:
        if memory.context is None:
            memory.context = await read_context(
                self._api, seen.graph, namespace=seen.namespace, owner=seen.owner
            )
        context = replace(
            memory.context, restarts=plan.marks or None, replicas=plan.targets.new or None
        )
        if memory.rendered is None or memory.rendered[0] != context:
            memory.rendered = context, graph_objects(seen.graph, context)
        return memory.rendered[1]

    async def _record(self, seen: ObservedGraph, plan: NextStep) -> None:
        """Note on the graph which generation of its workers is complete."""
        if plan.record is not None:
            await self._writer.annotate(seen.dgd, {CURRENT_HASH: plan.record})

    async def _run(
        self, seen: ObservedGraph, plan: NextStep, made: GraphObjects, memory: _Memory
    ) -> Outcome:
        """Write what runs the components, take away what no longer does, and see how it is."""
        written, scalers = await asyncio.gather(
            self._writer.write(made.running, namespace=seen.namespace),
            self._writer.write(made.scaling, namespace=seen.namespace),
        )
        refused = (*written.refused, *scalers.refused)
        memory.is_refused = bool(refused)
        broken = _broken(made, refused)
        removed = unwanted(seen.owned, made.objects, spared=_spared(seen, plan, broken))
        await asyncio.gather(self._scale_old(seen, plan), self._writer.delete(removed))
        news = [
            events.reconcile_error(message)
            for component, message in broken.items()
            if (component, message) not in memory.reported
        ]
        memory.reported = frozenset(broken.items())
        await self._status.post(seen.dgd, (*_adapter_events(scalers.created, removed), *news))
        after = seen.refreshed(self._owned(seen.dgd))
        await self._status.write_adapters(after)
        return outcome(_expected(after, plan, made, broken), rollout=plan.rollout)

    async def _scale_old(self, seen: ObservedGraph, plan: NextStep) -> None:
        """Have workers of old generations make room for the next one."""
        for name, replicas in plan.targets.old.items():
            live = seen.owned.get(Key(DEPLOYMENT, name))
            if live is not None and live.spec.get("replicas") != replicas:
                await self._writer.scale(live, replicas)

    async def _is_drained(self, seen: ObservedGraph) -> bool:
        """Whether no pod is left of workers of old generations, those that end included."""
        old = seen.generations.old
        if not old or not seen.rolls_workers or not all(state.is_drained for state in old):
            return not old
        selected = f"{SELECTOR} in ({','.join(state.name for state in old)})"
        pods = await self._api.items(PODS, seen.namespace, labelSelector=selected, limit="1")
        return not pods

    async def _follow_adapters(self, seen: ObservedGraph) -> bool:
        """Bring the numbers of scaling adapters into the graph; return whether there were any."""
        wanted = scaling_adapters.scalings(seen.graph, seen.owned.values())
        if not wanted:
            return False
        steps = [step for change in wanted for step in change.patch()]
        self._cache.observe(await self._api.edit(seen.dgd, steps))
        await self._status.write_adapters(
            seen, scaled=[change.adapter.name for change in wanted], now=timestamp()
        )
        for change in wanted:
            event = events.scaled(change.component, before=change.before, after=change.wanted)
            await self._status.post(change.adapter, [event])
        return True

    def _owned(self, dgd: KubeObject) -> dict[Key, KubeObject]:
        return self._cache.owned(dgd.uid)


def _retryable(seen: ObservedGraph, result: Outcome) -> bool:
    """Whether a failure may end without a change of the graph: by one of the cluster."""
    if result.state != FAILED:
        return False
    depends_on_cluster = result.reason in (NO_ORCHESTRATOR, NOT_RENDERED)
    return depends_on_cluster or bool(volume_claims.listed(seen.graph))


def _broken(made: GraphObjects, refused: Iterable[RefusedObject]) -> dict[str, str]:
    """Return the components that cannot be made as they should be, and why."""
    errors = {broken.component.name: broken.failure.message for broken in made.broken}
    for refusal in refused:
        component = refusal.wanted.labels.get(COMPONENT, "")
        message = f"{refusal.wanted.kind} {refusal.wanted.name}: {refusal.message}"
        errors[component] = f"{errors[component]}; {message}" if component in errors else message
    return errors


def _spared(seen: ObservedGraph, plan: NextStep, broken: Iterable[str]) -> frozenset[Key]:
    """Return what stays although it is not wanted: the old generation while it is needed."""
    old = {item.generation for item in seen.generations.old} if not plan.is_finished else set()
    names = set(broken)
    return frozenset(
        key
        for key, item in seen.owned.items()
        if item.labels.get(WORKER_HASH) in old or item.labels.get(COMPONENT) in names
    )


def _expected(
    seen: ObservedGraph, plan: NextStep, made: GraphObjects, broken: Iterable[str]
) -> Iterator[Expected]:
    """Yield the objects that there should be, each with its observed state."""
    names = set(broken)
    for workload in made.workloads:
        component = workload.component.name
        live = seen.owned.get(Key(workload.kind, workload.name))
        yield Expected(
            component=component,
            name=workload.context.name,
            runtime_namespace=workload.context.runtime_namespace,
            state=workload_state(live) if live is not None else None,
            is_broken=component in names,
            old=seen.generations.of(component)[1] if seen.rolls_workers else (),
            kept=plan.targets.old,
        )
    for failed in made.broken:
        yield Expected(
            component=failed.component.name,
            name=failed.name,
            runtime_namespace="",
            state=None,
            is_broken=True,
        )


def _adapter_events(
    created: Iterable[KubeObject], removed: Iterable[KubeObject]
) -> Iterator[GraphEvent]:
    for adapter in created:
        yield events.adapter_created(adapter.name, adapter.labels.get(COMPONENT, ""))
    for adapter in removed:
        if adapter.kind == ADAPTER:
            yield events.adapter_deleted(adapter.name, adapter.labels.get(COMPONENT, ""))
