"""Restarts of components because `spec.restart` has a new id: at once, or one by one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dynamo_conformance.kube.resources import table
from dynamo_conformance.manifest.node import Scalar

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dynamo_conformance.manifest.graph import Graph
    from dynamo_conformance.manifest.node import Plain
    from dynamo_conformance.operator.workload_state import WorkloadState

RESTARTING = "Restarting"
COMPLETED = "Completed"
FAILED = "Failed"
SUPERSEDED = "Superseded"
_OVER = (COMPLETED, FAILED, SUPERSEDED)

PARALLEL = "Parallel"


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartRequest:
    """The graph's `spec.restart`.

    Attributes:
        id: What makes it a new request.
        parallel: Whether all components start at once.
        order: In which order they start otherwise.
    """

    id: str
    parallel: bool
    order: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Restart:
    """The graph's `status.restart`.

    Attributes:
        observed: The id of the request that it belongs to.
        phase: How far it is.
        in_progress: The components that are starting.
    """

    observed: str
    phase: str
    in_progress: tuple[str, ...] = ()

    def status(self) -> dict[str, Plain]:
        """Return it as the status holds it."""
        written: dict[str, Plain] = {"observedID": self.observed, "phase": self.phase}
        if self.in_progress:
            written["inProgress"] = [*self.in_progress]
        return written


def read_request(graph: Graph) -> RestartRequest | None:
    """Return the restart that a graph asks for, or None."""
    spec = graph.root.mapping("spec")
    restart = spec.mapping("restart") if spec is not None else None
    identity = restart.string("id") if restart is not None else None
    if restart is None or not identity:
        return None
    how = restart.mapping("strategy")
    names = tuple(sorted(item.name for item in graph.components))
    listed = how.sequence("order") if how is not None else ()
    order = tuple(item.text for item in listed if isinstance(item, Scalar))
    parallel = how is not None and how.string("type") == PARALLEL
    return RestartRequest(id=identity, parallel=parallel, order=order or names)


def read_restart(status: dict[str, Plain]) -> Restart | None:
    """Return how far the restart in a status is, or None."""
    written = table(status.get("restart"))
    observed, phase = written.get("observedID"), written.get("phase")
    if not isinstance(observed, str) or not isinstance(phase, str):
        return None
    names = written.get("inProgress")
    return Restart(
        observed=observed,
        phase=phase,
        in_progress=tuple(str(name) for name in names) if isinstance(names, list) else (),
    )


def advanced(
    before: Restart | None,
    request: RestartRequest | None,
    states: Mapping[str, WorkloadState],
    *,
    rolling_update: bool,
) -> Restart | None:
    """Return how far a restart is now.

    Args:
        before: How far it was.
        request: What the graph asks for.
        states: The components' workloads, by component.
        rolling_update: Whether workers are being replaced anyway.
    """
    if request is None:
        return before if before is not None and before.phase in _OVER else None
    is_new = before is None or before.observed != request.id
    if before is not None and not is_new and before.phase in _OVER:
        return before
    if rolling_update:
        return Restart(observed=request.id, phase=SUPERSEDED)
    if before is None or is_new or not before.in_progress:
        first = request.order if request.parallel else request.order[:1]
        return Restart(observed=request.id, phase=RESTARTING, in_progress=first)
    left = tuple(
        name for name in before.in_progress if not _has_restarted(states.get(name), request.id)
    )
    if left:
        return Restart(observed=request.id, phase=RESTARTING, in_progress=left)
    following = () if request.parallel else _following(request.order, before.in_progress[0])
    if following:
        return Restart(observed=request.id, phase=RESTARTING, in_progress=following)
    return Restart(observed=request.id, phase=COMPLETED)


def marks(
    restart: Restart | None,
    request: RestartRequest | None,
    graph: Graph,
    states: Mapping[str, WorkloadState],
) -> dict[str, str]:
    """Return for each component the id of the last restart that its pods are to carry.

    Pods keep the mark they have, or they would be restarted once more.
    """
    kept = {name: state.restarted for name, state in states.items() if state.restarted is not None}
    if restart is None or restart.phase == SUPERSEDED:
        return kept
    names = [component.name for component in graph.components]
    if restart.phase in _OVER or request is None or request.parallel:
        return dict.fromkeys(names, restart.observed)
    current = restart.in_progress[0] if restart.in_progress else request.order[-1]
    reached = (
        request.order[: request.order.index(current) + 1]
        if current in request.order
        else (current,)
    )
    return {**kept, **dict.fromkeys(reached, restart.observed)}


def _has_restarted(state: WorkloadState | None, request: str) -> bool:
    return state is not None and state.restarted == request and state.is_ready


def _following(order: tuple[str, ...], current: str) -> tuple[str, ...]:
    """Return the component after `current`; the first one when `current` is none any more."""
    if current not in order:
        return order[:1]
    at = order.index(current) + 1
    return order[at : at + 1]
