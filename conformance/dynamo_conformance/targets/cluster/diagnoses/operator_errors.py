"""A graph that the operator cannot make pods of, or does not reconcile."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dynamo_conformance.rendering.reconcile_failure import COMPONENT_ERROR, NO_ORCHESTRATOR
from dynamo_conformance.targets.cluster.diagnosis import Diagnosis, age

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from dynamo_conformance.targets.cluster.diagnosis import Patience
    from dynamo_conformance.targets.cluster.namespace_snapshot import (
        GraphStatus,
        NamespaceEvent,
        NamespaceSnapshot,
        OperatorState,
        Surroundings,
    )

FAILED, SUCCESSFUL = "failed", "successful"
CRASH_LOOP = "CrashLoopBackOff"
_ABSENT = "the Dynamo operator is not running, or does not watch this namespace"

_PASSES = re.compile(r"the object has been modified|already exists|being deleted", re.IGNORECASE)
_CAUSES = {
    NO_ORCHESTRATOR: "a component spans several nodes: the cluster needs LeaderWorkerSet (and the "
    "API group scheduling.volcano.sh beside it), or Grove",
    "selected_workload_provider_unavailable": "the graph asks for an orchestrator that the "
    "cluster does not have: see its annotations",
    "unsupported_workload_provider": "the graph asks for an orchestrator that this operator does "
    "not know: see its annotations",
}
_DEFINITE = tuple(_CAUSES)


def find(view: NamespaceSnapshot, now: datetime, patience: Patience) -> Iterator[Diagnosis]:
    """Yield the errors that the operator reports, and its silence."""
    for graph in view.graphs:
        yield from _of_graph(view, graph, now, patience)
    if any(graph.state == SUCCESSFUL for graph in view.graphs):
        return
    for event in reversed(view.events):
        if event.reason == COMPONENT_ERROR and _lasts(view, event, now, patience):
            component = view.component_of(event.name)
            who = f"component {component}" if component else f"the {event.kind} {event.name}"
            yield Diagnosis(
                what=f"the operator cannot make pods of {who}: {event.message}",
                cause=_cause(event.message),
            )
            return


def _of_graph(
    view: NamespaceSnapshot, graph: GraphStatus, now: datetime, patience: Patience
) -> Iterator[Diagnosis]:
    if graph.is_ending:
        yield Diagnosis(
            what=f"somebody else deletes the graph {graph.name}",
            cause="another run, or a person; nothing here has asked for it",
        )
        return
    if not graph.has_status:
        yield from _silent(view.around, graph, now, patience)
        return
    if not view.pods and graph.state != SUCCESSFUL and view.around.operators:
        # It has looked at the graph, and may have ended before it made its pods.
        stopped = [_stopped(each, now, patience) for each in view.around.operators]
        if all(stopped) and age(graph.created, now) >= patience.operator:
            operator = view.around.operators[0]
            yield Diagnosis(
                what=f"nobody makes the pods of the graph {graph.name}: the operator "
                f"{operator.name} in namespace {operator.namespace} {stopped[0]}",
                cause=f"see why with `kubectl -n {operator.namespace} describe deployment,pods`",
            )
            return
    ready = graph.ready
    if graph.state == FAILED and ready is not None and not ready.is_true:
        passes = ready.reason not in _DEFINITE and age(ready.since, now) < patience.reconcile
        if not passes and not _PASSES.search(ready.message):
            yield Diagnosis(
                what=f"the operator cannot bring up the graph {graph.name}: {ready.message} "
                f"({ready.reason})",
                cause=_CAUSES.get(ready.reason) or _cause(ready.message),
            )
    elif graph.state == SUCCESSFUL and not view.pods and view.expected:
        since = ready.since if ready is not None else graph.created
        if age(since, now) >= patience.creation:
            yield Diagnosis(
                what=f"the operator calls the graph {graph.name} ready, and there is no pod of it",
                cause="the object that the cluster stores is not what was applied: compare it "
                "with `kubectl get dgd -o yaml`",
            )


def _silent(
    around: Surroundings, graph: GraphStatus, now: datetime, patience: Patience
) -> Iterator[Diagnosis]:
    """Yield an operator's silence, for as long as it shows no sign of life."""
    waited = age(graph.created, now)
    silence = min(waited, age(around.progress, now)) if around.progress is not None else waited
    unseen = f"no operator looks at the graph {graph.name}: it has no status after {waited:.0f} s"
    if around.operators is None and silence >= patience.unseen:
        yield Diagnosis(what=unseen, cause=f"{_ABSENT}, or is very busy; see docs/permissions.md")
    if around.operators == () and silence >= patience.operator:
        yield Diagnosis(what=unseen, cause=_ABSENT)
    if not around.operators:
        return
    stopped = [_stopped(candidate, now, patience) for candidate in around.operators]
    if not all(stopped):
        if silence >= patience.alive:
            alive = next(
                candidate
                for candidate, why in zip(around.operators, stopped, strict=True)
                if not why
            )
            yield Diagnosis(
                what=f"the operator {alive.name} in namespace {alive.namespace} runs, and does not "
                f"look at the graph {graph.name}: it has no status after {waited:.0f} s",
                cause="it does not watch this namespace, or is stuck: see its log (kubectl -n "
                f"{alive.namespace} logs deployment/{alive.name})",
            )
        return
    operator, why = around.operators[0], stopped[0]
    if silence >= (patience.operator if _may_come(operator) else patience.creation):
        yield Diagnosis(
            what=f"{unseen}; the operator {operator.name} in namespace {operator.namespace} {why}",
            cause=f"see why with `kubectl -n {operator.namespace} describe deployment,pods`",
        )


def _stopped(operator: OperatorState, now: datetime, patience: Patience) -> str:
    """Return why an operator does nothing at the moment, or nothing when it works."""
    if operator.wanted == 0:
        return "is scaled to 0"
    if not operator.pods:
        return "has no pod"
    if not any(pod.is_ready for pod in operator.pods):
        pod = operator.pods[0]
        waiting = next((container.waiting for container in pod.containers if container.waiting), "")
        restarts = sum(container.restarts for container in pod.containers)
        state = f" ({waiting})" if waiting else ""
        again = f", restarted {restarts} times" if restarts else ""
        return f"has no ready pod: {pod.name} is {pod.phase}{state}{again}"
    if operator.renewed is not None and age(operator.renewed, now) >= patience.lease:
        return f"has not renewed its lease for {age(operator.renewed, now):.0f} s"
    return ""


def _may_come(operator: OperatorState) -> bool:
    """Whether an operator that does nothing may be just starting, or too busy to report it."""
    waiting = [container.waiting for pod in operator.pods for container in pod.containers]
    return bool(operator.wanted and operator.pods) and CRASH_LOOP not in waiting


def _lasts(
    view: NamespaceSnapshot, event: NamespaceEvent, now: datetime, patience: Patience
) -> bool:
    """Whether an error stays: it is repeated, or nothing has come of its object since."""
    if _PASSES.search(event.message):
        return False
    if event.last is not None and event.first is not None:
        repeated_for = (event.last - event.first).total_seconds()
        if repeated_for >= patience.reconcile:
            return True
    came_through = any(pod.name.startswith(event.name) for pod in view.pods)
    return not came_through and age(event.first, now) >= patience.creation


def _cause(message: str) -> str:
    if "not found" in message and "persistentvolumeclaim" in message.lower():
        return "create the PersistentVolumeClaim first, or bring it along"
    return "correct the manifest; `dynamo lint` finds most of what the operator refuses"
