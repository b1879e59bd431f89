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
    each = sorted(expected, key=lambda component: component.name)
    components: dict[str, Plain] = {
        component.component: _component(component)
        for component in each
        if component.state is not None
    }
    if rollout.is_under_way:
        return Outcome(
            state=PENDING,
            reason=ROLLING_UPDATE,
            message="Rolling update in progress",
            components=components,
        )
    waiting = [component for component in each if not component.is_ready]
    if waiting:
        listed = "; ".join(f"{component.name}: {_NOT_AVAILABLE}" for component in waiting)
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
    result: Outcome,
    *,
    generation: int,
    rollout: RolloutProgress,
    restart: dict[str, Plain] | None,
    now: str,
) -> dict[str, Plain]:
    """Return the status of a graph.

    Args:
        before: Its status as it was.
        result: What reconciling it led to.
        generation: Which generation of the graph was reconciled.
        rollout: How far a rolling update is.
        restart: How far a restart is.
        now: The time.
    """
    after = {**before, "state": result.state}
    after["conditions"] = with_ready(
        before.get("conditions"), result, generation=generation, now=now
    )
    if result.components is not None:
        after["components"] = result.components
    if result.state != FAILED:
        after["observedGeneration"] = generation
    after["rollingUpdate"] = rolling_update(rollout)
    after["restart"] = restart
    return {key: value for key, value in after.items() if value is not None}


def rolling_update(progress: RolloutProgress) -> dict[str, Plain] | None:
    """Return `status.rollingUpdate`; None when there never was one."""
    if progress.phase is RolloutPhase.NONE:
        return None
    written: dict[str, Plain] = {"phase": progress.phase.value}
    if progress.started is not None:
        written["startTime"] = progress.started
    if progress.ended is not None:
        written["endTime"] = progress.ended
    if progress.updated:
        written["updatedComponents"] = [*progress.updated]
    return written


def read_progress(status: dict[str, Plain]) -> RolloutProgress:
    """Return how far the rolling update in a status is."""
    written = table(status.get("rollingUpdate"))
    phase, updated = written.get("phase"), written.get("updatedComponents")
    known = [item.value for item in RolloutPhase]
    return RolloutProgress(
        phase=RolloutPhase(phase)
        if isinstance(phase, str) and phase in known
        else RolloutPhase.NONE,
        started=_text(written.get("startTime")),
        ended=_text(written.get("endTime")),
        updated=tuple(str(item) for item in updated) if isinstance(updated, list) else (),
    )


def _component(expected: Expected) -> dict[str, Plain]:
    """Return the status of a component, its old generations counted in."""
    assert expected.state is not None  # noqa: S101 - narrows for the type checker
    states = (expected.state, *expected.old)
    written: dict[str, Plain] = {
        "componentKind": expected.state.kind,
        "componentNames": [*sorted(state.name for state in states)],
        "replicas": sum(state.replicas for state in states),
        "updatedReplicas": expected.state.updated,
        "readyReplicas": sum(state.ready for state in states),
        "runtimeNamespace": _runtime_namespace(expected),
    }
    if expected.state.available is not None:
        written["availableReplicas"] = sum(state.available or 0 for state in states)
    return written


def _runtime_namespace(expected: Expected) -> str:
    """Return where requests go: to the old generation for as long as it keeps a copy."""
    assert expected.state is not None  # noqa: S101 - narrows for the type checker
    if not expected.old:
        return expected.runtime_namespace
    youngest_first = sorted(expected.old, key=lambda old: (old.created, old.name), reverse=True)
    kept = expected.kept or {}
    serving = next((old for old in youngest_first if kept.get(old.name)), youngest_first[0])
    return expected.runtime_namespace.removesuffix(expected.state.generation) + serving.generation


def _text(value: Plain) -> str | None:
    return value if isinstance(value, str) else None


def with_ready(conditions: Plain, result: Outcome, *, generation: int, now: str) -> list[Plain]:
    """Return a list of conditions with `Ready` brought up to date.

    Args:
        conditions: The list as it was.
        result: What reconciling the graph led to.
        generation: Which generation of the graph was reconciled.
        now: The time, which is noted only when the condition turns.
    """
    ready: dict[str, Plain] = {
        "type": READY,
        "status": "True" if result.state == SUCCESSFUL else "False",
        "reason": result.reason,
        "message": result.message,
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
