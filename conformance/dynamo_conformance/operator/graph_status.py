"""The status of a graph, computed from the state of its workloads."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from dynamo_conformance.kube.resources import table
from dynamo_conformance.operator.rollout import RolloutPhase, RolloutProgress

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dynamo_conformance.manifest.node import Plain
    from dynamo_conformance.operator.workload_state import WorkloadState


READY = "Ready"

SUCCESSFUL = "successful"
PENDING = "pending"
FAILED = "failed"

ALL_READY = "all_resources_are_ready"
NOT_READY = "some_resources_are_not_ready"
ROLLING_UPDATE = "rolling_update_in_progress"

_NOT_AVAILABLE = "Component deployment not ready - Available condition not true"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What reconciling a graph led to.

    Attributes:
        state: successful, pending or failed.
        reason: Why, in one word for programs.
        message: Why, for people.
        components: The components' own status; None when that is not known.
    """

    state: str
    reason: str
    message: str
    components: dict[str, Plain] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """A component whose workload there should be.

    Attributes:
        component: The component's name.
        name: The name of its generation.
        runtime_namespace: The Dynamo namespace its processes register in.
        state: What is seen of the workload; None when there is none.
        is_broken: Whether it cannot be made as it should be.
        old: What is seen of the generations before it.
        kept: For each of those, how many copies it keeps.
    """

    component: str
    name: str
    runtime_namespace: str
    state: WorkloadState | None
    is_broken: bool = False
    old: Sequence[WorkloadState] = ()
    kept: dict[str, int] | None = None

    @property
    def is_ready(self) -> bool:
        """Whether the workload is as it should be, and all its copies run."""
        return self.state is not None and self.state.is_ready and not self.is_broken


def outcome(expected: Iterable[Expected], *, rollout: RolloutProgress) -> Outcome:
    """Return the outcome for a graph whose objects are all written.

    Args:
        expected: Its components.
        rollout: How far a rolling update is.
    """
    each = sorted(expected, key=lambda one: one.name)
    components: dict[str, Plain] = {
        one.component: _component(one) for one in each if one.state is not None
    }
    if rollout.is_under_way:
        return Outcome(
            state=PENDING,
            reason=ROLLING_UPDATE,
            message="Rolling update in progress",
            components=components,
        )
    waiting = [one for one in each if not one.is_ready]
    if waiting:
        listed = "; ".join(f"{one.name}: {_NOT_AVAILABLE}" for one in waiting)
        return Outcome(
            state=PENDING,
            reason=NOT_READY,
            message=f"Resources not ready: {listed}",
            components=components,
        )
    return Outcome(
        state=SUCCESSFUL,
        reason=ALL_READY,
        message="All resources are ready",
        components=components,
    )


def updated_status(
    before: dict[str, Plain],
    found: Outcome,
    *,
    generation: int,
    rollout: RolloutProgress,
    restart: dict[str, Plain] | None,
    now: str,
) -> dict[str, Plain]:
    """Return the status of a graph.

    Args:
        before: Its status as it was.
        found: What reconciling it led to.
        generation: Which generation of the graph was reconciled.
        rollout: How far a rolling update is.
        restart: How far a restart is.
        now: The time.
    """
    after = {**before, "state": found.state}
    after["conditions"] = with_ready(
        before.get("conditions"), found, generation=generation, now=now
    )
    if found.components is not None:
        after["components"] = found.components
    if found.state != FAILED:
        after["observedGeneration"] = generation
    after["rollingUpdate"] = rolling_update(rollout)
    after["restart"] = restart
    return {key: value for key, value in after.items() if value is not None}


def rolling_update(progress: RolloutProgress) -> dict[str, Plain] | None:
    """Return `status.rollingUpdate`; None when there never was one."""
    if progress.phase is RolloutPhase.NONE:
        return None
    found: dict[str, Plain] = {"phase": progress.phase.value}
    if progress.started is not None:
        found["startTime"] = progress.started
    if progress.ended is not None:
        found["endTime"] = progress.ended
    if progress.updated:
        found["updatedComponents"] = [*progress.updated]
    return found


def read_progress(status: dict[str, Plain]) -> RolloutProgress:
    """Return how far the rolling update in a status is."""
    written = table(status.get("rollingUpdate"))
    phase, updated = written.get("phase"), written.get("updatedComponents")
    known = [one.value for one in RolloutPhase]
    return RolloutProgress(
        phase=RolloutPhase(phase)
        if isinstance(phase, str) and phase in known
        else RolloutPhase.NONE,
        started=_text(written.get("startTime")),
        ended=_text(written.get("endTime")),
        updated=tuple(str(one) for one in updated) if isinstance(updated, list) else (),
    )


def _component(one: Expected) -> dict[str, Plain]:
    """Return the status of a component, its old generations counted in."""
    assert one.state is not None  # noqa: S101 - narrows for the type checker
    states = (one.state, *one.old)
    found: dict[str, Plain] = {
        "componentKind": one.state.kind,
        "componentNames": [*sorted(state.name for state in states)],
        "replicas": sum(state.replicas for state in states),
        "updatedReplicas": one.state.updated,
        "readyReplicas": sum(state.ready for state in states),
        "runtimeNamespace": _runtime_namespace(one),
    }
    if one.state.available is not None:
        found["availableReplicas"] = sum(state.available or 0 for state in states)
    return found


def _runtime_namespace(one: Expected) -> str:
    """Return where requests go: to the old generation for as long as it keeps a copy."""
    assert one.state is not None  # noqa: S101 - narrows for the type checker
    if not one.old:
        return one.runtime_namespace
    youngest_first = sorted(one.old, key=lambda old: (old.created, old.name), reverse=True)
    kept = one.kept or {}
    serving = next((old for old in youngest_first if kept.get(old.name)), youngest_first[0])
    return one.runtime_namespace.removesuffix(one.state.generation) + serving.generation


def _text(value: Plain) -> str | None:
    return value if isinstance(value, str) else None


def with_ready(conditions: Plain, found: Outcome, *, generation: int, now: str) -> list[Plain]:
    """Return a list of conditions with `Ready` brought up to date.

    Args:
        conditions: The list as it was.
        found: What reconciling the graph led to.
        generation: Which generation of the graph was reconciled.
        now: The time, which is noted only when the condition turns.
    """
    ready: dict[str, Plain] = {
        "type": READY,
        "status": "True" if found.state == SUCCESSFUL else "False",
        "reason": found.reason,
        "message": found.message,
        "observedGeneration": generation,
        "lastTransitionTime": now,
    }
    kept: list[Plain] = []
    for condition in conditions if isinstance(conditions, list) else []:
        before = table(condition)
        if before.get("type") != READY:
            kept.append(condition)
        elif before.get("status") == ready["status"]:
            ready["lastTransitionTime"] = before.get("lastTransitionTime") or now
    return [*kept, ready]


def timestamp(moment: datetime | None = None) -> str:
    """Return a moment, or now, as the API server writes it."""
    return (moment or datetime.now(tz=UTC)).strftime("%Y-%m-%dT%H:%M:%SZ")
