"""How a component is asked for its health: the probes of its container."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dynamo_conformance.manifest.graph import FRONTEND, WORKER_TYPES
from dynamo_conformance.manifest.node import Scalar
from dynamo_launch.deploy.trace import constant, mapped, mapping

if TYPE_CHECKING:
    from dynamo_conformance.manifest.node import Node
    from dynamo_launch.deploy.draft import Draft, Written

_PROBES: Final = {
    "live": ("livenessProbe", "/live"),
    "ready": ("readinessProbe", "/health"),
    "start": ("startupProbe", "/live"),
}
_TIMES: Final = {
    "delay": "initialDelaySeconds",
    "period": "periodSeconds",
    "timeout": "timeoutSeconds",
    "failures": "failureThreshold",
}
_PORTS: Final = {FRONTEND: "http", "planner": "system", **dict.fromkeys(WORKER_TYPES, "system")}
"""Where each type of component answers."""


def probes(draft: Draft, component_type: str | None) -> dict[str, Node]:
    """Return the probes that are written, by their names in a container."""
    written = draft.written("health")
    if written is None:
        return {}
    found: dict[str, Node] = {}
    for one in written.fields():
        if one.key not in _PROBES:
            continue
        name, path = _PROBES[one.key]
        port = _port(draft, one, component_type)
        if port is not None:
            get = mapping(path=_path(draft, one, path), port=port)
            found[name] = mapped({"httpGet": get, **_times(draft, one)})
    return found


def _path(draft: Draft, probe: Written, default: str) -> Node:
    path = probe.inner("path")
    return draft.trace.text(path.text, path.origin) if path is not None else constant(default)


def _port(draft: Draft, probe: Written, component_type: str | None) -> Node | None:
    port = probe.inner("port")
    if port is not None and isinstance(port.node, Scalar):
        return Scalar(port.node.value, draft.trace.mark(port.origin), port.node.text)
    if component_type in _PORTS:
        return constant(_PORTS[component_type])
    text = f"{probe.key} does not say where to ask; write port:, or give the component a role"
    draft.error(probe.origin, text)
    return None


def _times(draft: Draft, probe: Written) -> dict[str, Node]:
    return {
        name: draft.trace.number(time.whole, time.origin)
        for key, name in _TIMES.items()
        if (time := probe.inner(key)) is not None
    }
