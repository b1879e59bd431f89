"""What the next step is for a graph's workers: decided from a snapshot, done by others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dynamo_conformance.operator import events, restarts, rollout
from dynamo_conformance.operator.restarts import SUPERSEDED, read_request
from dynamo_conformance.operator.rollout import ReplicaTargets, RolloutPhase, RolloutProgress

if TYPE_CHECKING:
    from dynamo_conformance.operator.events import GraphEvent
    from dynamo_conformance.operator.observed_graph import ObservedGraph
    from dynamo_conformance.operator.restarts import Restart

POLL = 1.0
"""Seconds between checks of pods that end; no watch reports when they have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NextStep:
    """The next step.

    Attributes:
        rollout: How far a rolling update is after it.
        restart: How far a restart is after it.
        marks: The restarts that the components' pods carry.
        targets: How many copies of each generation run.
        record: The generation to note on the graph as complete, or None.
        is_finished: Whether the old generations are to be deleted.
        events: What to post about it.
        again: After how many seconds to reconcile again at the latest, or None.
    """

    rollout: RolloutProgress
    restart: Restart | None
    marks: dict[str, str]
    targets: ReplicaTargets
    record: str | None
    is_finished: bool
    events: tuple[GraphEvent, ...]
    again: float | None


def next_step(seen: ObservedGraph, *, now: str, is_drained: bool) -> NextStep:
    """Return the next step for a graph.

    Args:
        seen: The graph and its objects, as observed.
        now: The time.
        is_drained: Whether no pod is left of workers of old generations.
    """
    before, generations = seen.rollout, seen.generations
    if seen.rolls_workers:
        after = rollout.advanced(before, seen.graph, generations, now=now, is_drained=is_drained)
        targets = rollout.targets(seen.graph, generations, is_drained=is_drained)
        is_finished = is_drained and rollout.finished(seen.graph, generations)
    else:
        after, targets, is_finished = before, ReplicaTargets(new={}, old={}), True
    request, restart_before = read_request(seen.graph), seen.restart
    restart = restarts.advanced(
        restart_before, request, seen.current, rolling_update=after.is_under_way
    )
    return NextStep(
        rollout=after,
        restart=restart,
        marks=restarts.marks(restart, request, seen.graph, seen.current),
        targets=targets,
        record=_record(seen, after),
        is_finished=is_finished,
        events=(*_rollout_events(seen, after), *_restart_events(restart_before, restart)),
        again=_again(before, after, waits_for_pods=_waits_for_pods(seen, is_drained=is_drained)),
    )


def _waits_for_pods(seen: ObservedGraph, *, is_drained: bool) -> bool:
    """Whether nothing but pods that still end is left of the old generations."""
    old = seen.generations.old
    return not is_drained and seen.rolls_workers and all(state.is_drained for state in old)


def _record(seen: ObservedGraph, after: RolloutProgress) -> str | None:
    """Return the generation that is now the complete one, when that is not noted yet."""
    recorded, target = seen.generations.recorded, seen.reading.target
    if recorded == target:
        return None
    is_over = (
        after.phase is RolloutPhase.COMPLETED and seen.rollout.phase is not RolloutPhase.COMPLETED
    )
    return target if recorded is None or is_over or not seen.rolls_workers else None


def _rollout_events(seen: ObservedGraph, after: RolloutProgress) -> tuple[GraphEvent, ...]:
    recorded, target = seen.generations.recorded, seen.reading.target
    if not seen.rolls_workers:
        changed = recorded not in (None, target)
        return (events.rolling_update_not_supported(),) if changed else ()
    if after.phase is seen.rollout.phase:
        return ()
    if after.phase is RolloutPhase.PENDING:
        return (events.rolling_update_started(target),)
    if after.phase is RolloutPhase.COMPLETED:
        return (events.rolling_update_completed(target),)
    return ()


def _restart_events(before: Restart | None, after: Restart | None) -> tuple[GraphEvent, ...]:
    if after is None or after.phase != SUPERSEDED or after == before:
        return ()
    return (events.restart_superseded(after.observed),)


def _again(
    before: RolloutProgress, after: RolloutProgress, *, waits_for_pods: bool
) -> float | None:
    if after.is_under_way and after.phase is not before.phase:
        return 0.0
    return POLL if waits_for_pods else None
