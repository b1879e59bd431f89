"""Events: what happened to a graph, for `kubectl describe`."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from dynamo_conformance.kube.labels import OPERATOR_NAME
from dynamo_conformance.kube.resources import KubeObject

if TYPE_CHECKING:
    from dynamo_conformance.manifest.node import Plain

NORMAL = "Normal"
WARNING = "Warning"

_MAX_NOTE = 1024
_CONTROLLER = f"dynamo-conformance/{OPERATOR_NAME}"


@dataclass(frozen=True, slots=True)
class GraphEvent:
    """Something that happened.

    Attributes:
        reason: What, in one word for programs.
        action: What was being done.
        note: What, for people.
        type: Normal or Warning.
    """

    reason: str
    action: str
    note: str
    type: str = NORMAL


def rolling_update_started(generation: str) -> GraphEvent:
    """Return the event when workers begin to be replaced."""
    note = f"Starting rolling update to worker hash {generation}"
    return GraphEvent("RollingUpdateStarted", "Update", note)


def rolling_update_completed(generation: str) -> GraphEvent:
    """Return the event when all workers have been replaced."""
    note = f"Rolling update completed, worker hash {generation}"
    return GraphEvent("RollingUpdateCompleted", "Update", note)


def rolling_update_not_supported() -> GraphEvent:
    """Return the event when groups of nodes are replaced: there is no update without a gap."""
    note = "Worker spec changed but custom rolling updates are not supported for Grove/multinode "
    note += "deployments"
    return GraphEvent("RollingUpdateNotSupported", "Update", note, WARNING)


def restart_superseded(restart: str) -> GraphEvent:
    """Return the event when a restart is not needed, because workers are replaced anyway."""
    note = f"Restart {restart} superseded by rolling update"
    return GraphEvent("RestartSuperseded", "Restart", note, WARNING)


def reconcile_error(message: str) -> GraphEvent:
    """Return the event when a component's workload cannot be made."""
    return GraphEvent("ReconcileError", "Reconcile", message, WARNING)


def adapter_created(adapter: str, component: str) -> GraphEvent:
    """Return the event when a component gets its scaling adapter."""
    note = f"Created scaling adapter {adapter} for component {component}"
    return GraphEvent("AdapterCreated", "Create", note)


def adapter_deleted(adapter: str, component: str) -> GraphEvent:
    """Return the event when a component loses its scaling adapter."""
    note = f"Deleted scaling adapter {adapter} for component {component}"
    return GraphEvent("AdapterDeleted", "Delete", note)


def scaled(component: str, *, before: int, after: int) -> GraphEvent:
    """Return the event of an adapter whose number was brought into its graph."""
    note = f"Scaled component {component} from {before} to {after} replicas"
    return GraphEvent("Scaled", "Scale", note)


def event_object(
    event: GraphEvent, about: KubeObject, *, moment: datetime | None = None
) -> KubeObject:
    """Return an event as an object.

    Args:
        event: What happened.
        about: To which object.
        moment: When; None is now.
    """
    when = (moment or datetime.now(tz=UTC)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    namespace = about.namespace or "default"
    regarding: dict[str, Plain] = {
        "apiVersion": about.api_version,
        "kind": about.kind,
        "name": about.name,
        "namespace": namespace,
        "uid": about.metadata.get("uid"),
        "resourceVersion": about.metadata.get("resourceVersion"),
    }
    name = f"{about.name[:200]}.{secrets.token_hex(8)}"
    return KubeObject(
        {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"name": name, "namespace": namespace},
            "regarding": regarding,
            "type": event.type,
            "reason": event.reason,
            "action": event.action,
            "note": event.note[:_MAX_NOTE],
            "eventTime": when,
            "reportingController": _CONTROLLER,
            "reportingInstance": OPERATOR_NAME,
        }
    )
