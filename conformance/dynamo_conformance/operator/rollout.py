"""Replacing one generation of workers by the next, without a gap in between.

All workers of a graph are of one generation, named by a hash. When it changes, the next generation
is made beside the old one; copies move over as each component's strategy allows, and what is left
of the old one is deleted when all of the next is ready. Everything is decided from what is seen in
the cluster, so it does not matter when the controller was stopped.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from dynamo_conformance.operator.objects.workloads import strategy
from dynamo_conformance.rendering.labels import component_annotations

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dynamo_conformance.manifest.graph import Graph
    from dynamo_conformance.operator.objects.workloads import Strategy
    from dynamo_conformance.operator.workload_state import WorkloadState


class RolloutPhase(StrEnum):
    """How far a rolling update is."""

    NONE = ""
    PENDING = "Pending"
    IN_PROGRESS = "InProgress"
    COMPLETED = "Completed"


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutProgress:
    """The graph's `status.rollingUpdate`.

    Attributes:
        phase: How far it is.
        started: When it began.
        ended: When it was over.
        updated: The components that are through.
    """

    phase: RolloutPhase = RolloutPhase.NONE
    started: str | None = None
    ended: str | None = None
    updated: tuple[str, ...] = ()

    @property
    def is_under_way(self) -> bool:
        """Whether workers are being replaced."""
        return self.phase in (RolloutPhase.PENDING, RolloutPhase.IN_PROGRESS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Generations:
    """The workers of a graph, by generation.

    Attributes:
        target: The generation that the graph now asks for.
        recorded: The generation that was last complete, as noted on the graph; None on a new one.
        states: The workers' workloads, of all generations.
    """

    target: str
    recorded: str | None
    states: tuple[WorkloadState, ...]

    @property
    def old(self) -> tuple[WorkloadState, ...]:
        """What is not of the target generation."""
        return tuple(state for state in self.states if state.generation != self.target)

    def of(self, component: str) -> tuple[WorkloadState | None, tuple[WorkloadState, ...]]:
        """Return a component's workload in the target generation, and those before it."""
        own = [state for state in self.states if state.component == component]
        new = next((state for state in own if state.generation == self.target), None)
        return new, tuple(state for state in own if state.generation != self.target)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaTargets:
    """How many copies are to run while there are several generations.

    Attributes:
        new: For each component whose old generation is still there, the copies of the next one.
        old: For each old workload, by name, the copies it keeps.
    """

    new: dict[str, int]
    old: dict[str, int]


def advanced(
    progress: RolloutProgress, graph: Graph, generations: Generations, *, now: str, is_drained: bool
) -> RolloutProgress:
    """Return the next step of a rolling update.

    Args:
        progress: Where it was.
        graph: The graph.
        generations: What is seen of its workers.
        now: The time.
        is_drained: Whether no pod is left of the old generations.
    """
    is_needed = generations.recorded not in (None, generations.target)
    if not progress.is_under_way:
        if not is_needed:
            return progress
        return RolloutProgress(phase=RolloutPhase.PENDING, started=now)
    if progress.phase is RolloutPhase.PENDING:
        return replace(progress, phase=RolloutPhase.IN_PROGRESS)
    updated = updated_components(graph, generations)
    workers = sorted(component.name for component in graph.components if component.is_worker)
    if list(updated) == workers and not generations.old and is_drained:
        return replace(progress, phase=RolloutPhase.COMPLETED, ended=now, updated=updated)
    return replace(progress, updated=updated)


def updated_components(graph: Graph, generations: Generations) -> tuple[str, ...]:
    """Return the workers of which the target generation is ready and no other serves."""
    updated = []
    for component in graph.components:
        if component.is_worker:
            new, old = generations.of(component.name)
            is_ready = new is not None and new.ready >= component.replicas
            if is_ready and not any(state.ready for state in old):
                updated.append(component.name)
    return tuple(sorted(updated))


def finished(graph: Graph, generations: Generations) -> bool:
    """Whether the old generations have done their work and can be deleted."""
    workers = sorted(component.name for component in graph.components if component.is_worker)
    is_through = list(updated_components(graph, generations)) == workers
    return is_through and all(state.is_drained for state in generations.old)


def targets(graph: Graph, generations: Generations, *, is_drained: bool) -> ReplicaTargets:
    """Return how many copies of each generation are to run now.

    Args:
        graph: The graph.
        generations: What is seen of its workers.
        is_drained: Whether no pod is left of the old generations.
    """
    new_copies: dict[str, int] = {}
    old_copies: dict[str, int] = {}
    known = {component.name for component in graph.components if component.is_worker}
    for component in graph.components:
        new, old = generations.of(component.name)
        if not component.is_worker or not old:
            continue
        how = strategy(component_annotations(graph, component))
        if how.recreate:
            kept = 0
            is_over = is_drained and all(state.is_drained for state in old)
            new_copies[component.name] = component.replicas if is_over else 0
        else:
            kept, new_copies[component.name] = _split(how, component.replicas, new, old)
        old_copies.update(_shared_out(old, kept))
    old_copies.update({state.name: 0 for state in generations.old if state.component not in known})
    return ReplicaTargets(new=new_copies, old=old_copies)


def _split(
    how: Strategy, wanted: int, new: WorkloadState | None, old: Sequence[WorkloadState]
) -> tuple[int, int]:
    """Return how many copies the old generations keep and the new one gets.

    As the Deployment controller has it for its replica sets: never fewer that serve than wanted
    less `max_unavailable`, never more in all than wanted plus `max_surge`.
    """
    surge, unavailable = how.limits(wanted)
    least = wanted - unavailable
    new_asked, new_serving = (new.wanted, new.serving) if new is not None else (0, 0)
    old_asked = sum(state.wanted for state in old)
    old_serving = sum(min(state.serving, state.wanted) for state in old)

    not_serving_yet = max(0, new_asked - new_serving)
    can_go = max(0, old_asked + new_asked - least - not_serving_yet)
    spare = max(0, old_serving + new_serving - least)
    useless = max(0, old_asked - old_serving)
    kept = max(0, old_asked - min(can_go, useless + spare))

    room = max(0, wanted + surge - old_asked - new_asked)
    return kept, min(wanted, new_asked + room)


def _shared_out(old: Iterable[WorkloadState], kept: int) -> dict[str, int]:
    """Return how many copies each old workload keeps, `kept` in all.

    Copies that serve stay before those that do not, and younger generations before older ones.
    """
    youngest_first = sorted(old, key=lambda state: (state.created, state.name), reverse=True)
    shares: dict[str, int] = {}
    left = kept
    for state in youngest_first:
        shares[state.name] = min(state.serving, state.wanted, left)
        left -= shares[state.name]
    for state in youngest_first:
        more = min(state.wanted - shares[state.name], left)
        shares[state.name] += more
        left -= more
    return shares
