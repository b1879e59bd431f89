"""What an update of a graph may not change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dynamo_conformance.api.admission.request import text_of
from dynamo_conformance.api.violation import FORBIDDEN, INVALID, Violation
from dynamo_conformance.kube.labels import OPERATOR_NAME, OPERATOR_NAMESPACE
from dynamo_conformance.manifest.fields import mark_of
from dynamo_conformance.manifest.node import NOWHERE, Mapping, PathKey, find
from dynamo_conformance.operator.webhook.mutating_webhook import WORKLOAD_PROVIDER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.manifest.graph import Component, Graph
    from dynamo_conformance.manifest.node import Node, Path

CONTROLLER = f"system:serviceaccount:{OPERATOR_NAMESPACE}:{OPERATOR_NAME}"
"""Who the reference operator is to the API server."""

_ACCOUNT = "system:serviceaccount:"
_PLANNER = "planner-serviceaccount"
_POWER_LIMIT = "dynamo.nvidia.com/gpu-power-limit"
_UNDER_WAY = ("Pending", "InProgress")
_RECREATE = "delete and recreate the DynamoGraphDeployment"
_FIXED = "is immutable and cannot be added, removed, or changed after creation"
_IMMUTABLE = "field is immutable"

BACKEND_WARNING = "Changing spec.backendFramework may cause unexpected behavior"


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphUpdate:
    """A graph before and after.

    Attributes:
        old: Before.
        new: After.
        user: Who changes it.
    """

    old: Graph
    new: Graph
    user: str

    @property
    def may_scale(self) -> bool:
        """Whether the user may set replicas that a scaling adapter owns."""
        is_planner = self.user.startswith(_ACCOUNT) and self.user.endswith(f":{_PLANNER}")
        return self.user == CONTROLLER or is_planner

    def pairs(self) -> Iterator[tuple[Path, Component, Component]]:
        """Yield each component that was there and still is: its path, before, after."""
        before = {component.name: component for component in self.old.components}
        for index, component in enumerate(self.new.components):
            if (old := before.get(component.name)) is not None:
                yield ("spec", "components", index), old, component


def changes_backend(update: GraphUpdate) -> bool:
    """Whether the engine is another one now."""
    return update.old.backend_framework != update.new.backend_framework


def same_images(update: GraphUpdate) -> frozenset[str]:
    """Return the components whose image and runtime version are as they were."""
    return frozenset(
        new.name
        for _path, old, new in update.pairs()
        if _image(old) == _image(new) and _override(old) == _override(new)
    )


def violations(update: GraphUpdate) -> Iterator[Violation]:
    """Yield everything that may not be changed, and is."""
    yield from _graph(update)
    for path, old, new in update.pairs():
        yield from _component(old, new, path)
        if _replicas_are_owned(update, old, new):
            text = (
                "cannot be modified directly when scaling adapter is enabled; scale or update the "
                "related DynamoGraphDeploymentScalingAdapter instead"
            )
            yield _violation(new, (*path, "replicas"), FORBIDDEN, text)


def _graph(update: GraphUpdate) -> Iterator[Violation]:
    old, new = update.old, update.new
    before, after = ({component.name for component in graph.components} for graph in (old, new))
    parts = [
        f"components {word}: [{' '.join(sorted(names))}]"
        for word, names in (("added", after - before), ("removed", before - after))
        if names
    ]
    if parts:
        text = "component topology is immutable and cannot be modified after creation: "
        text += ", ".join(parts)
        yield Violation(("spec", "components"), NOWHERE, FORBIDDEN, text)
    if changes_backend(update):
        text = f'"{new.backend_framework or ""}": is immutable and cannot be changed after creation'
        yield Violation(("spec", "backendFramework"), NOWHERE, INVALID, text)
    for path, what in (
        (("spec", "topologyConstraint"), "topology constraints"),
        (("spec", "experimental", "kvTransferPolicy"), "the KV transfer policy"),
    ):
        if find(old.root, path) != find(new.root, path):
            text = f"{_FIXED}; {_RECREATE} to change {what}"
            yield Violation(path, NOWHERE, INVALID, text)
    yield from _restart(old, new)
    yield from _provider(old, new, update.user)
    yield from _override_of_provider(old.root, new.root, ("spec",))


def _restart(old: Graph, new: Graph) -> Iterator[Violation]:
    path = ("spec", "restart", "id")
    phase = _text(find(old.root, ("status", "rollingUpdate", "phase")))
    if phase in _UNDER_WAY and find(old.root, path) != find(new.root, path):
        text = f"cannot be changed while a rolling update is {phase}"
        yield Violation(path, NOWHERE, INVALID, text)


def _provider(old: Graph, new: Graph, user: str) -> Iterator[Violation]:
    at = ("metadata", "annotations", WORKLOAD_PROVIDER)
    before, after = (_text(find(graph.root, at)) for graph in (old, new))
    path = ("metadata", "annotations", PathKey(WORKLOAD_PROVIDER))
    if before and before != after:
        yield Violation(path, NOWHERE, INVALID, f'"{after or ""}": {_IMMUTABLE}')
    elif after and not before and user != CONTROLLER:
        text = "may only be materialized by the Dynamo operator"
        yield Violation(path, NOWHERE, FORBIDDEN, text)


def _override_of_provider(old: Mapping, new: Mapping, path: Path) -> Iterator[Violation]:
    for field in ("apiVersion", "target"):
        here = (*path, "providerOverride", field)
        before, after = (find(spec, (*path, "providerOverride", field)) for spec in (old, new))
        if before is not None and after is not None and before != after:
            yield Violation(here, NOWHERE, INVALID, _IMMUTABLE)


def _component(old: Component, new: Component, path: Path) -> Iterator[Violation]:
    if (old.node_count > 1) != (new.node_count > 1):
        text = "cannot change node topology between single-node and multi-node after creation"
        yield _violation(new, (*path, "multinode"), INVALID, text)
    if old.node.get("topologyConstraint") != new.node.get("topologyConstraint"):
        text = f"{_FIXED}; {_RECREATE} to change topology constraints"
        yield _violation(new, (*path, "topologyConstraint"), INVALID, text)
    yield from _experiments(old, new, (*path, "experimental"))
    yield from _power(old, new, path)
    for field in ("apiVersion", "target"):
        before, after = (find(state.node, ("providerOverride", field)) for state in (old, new))
        if before is not None and after is not None and before != after:
            yield _violation(new, (*path, "providerOverride", field), INVALID, _IMMUTABLE)


def _experiments(old: Component, new: Component, path: Path) -> Iterator[Violation]:
    if _is_inter_pod(old, "gpuMemoryService") != _is_inter_pod(new, "gpuMemoryService"):
        text = f"the inter-pod GMS layout cannot be toggled after creation; {_RECREATE}"
        yield _violation(new, (*path, "gpuMemoryService", "mode"), INVALID, text)
    before, after = (_is_inter_pod(state, "failover") for state in (old, new))
    if before != after:
        text = f"inter-pod GMS failover cannot be toggled after creation; {_RECREATE}"
        yield _violation(new, (*path, "failover"), INVALID, text)
    shadows = ("experimental", "failover", "numShadows")
    if before and after and find(old.node, shadows) != find(new.node, shadows):
        text = f"is immutable for inter-pod GMS failover; {_RECREATE} to change it"
        yield _violation(new, (*path, "failover", "numShadows"), INVALID, text)
    force = ("experimental", "grove", "forceScalingGroup")
    if _is_on(find(old.node, force)) != _is_on(find(new.node, force)):
        text = f"cannot be toggled after creation; {_RECREATE} to change it"
        yield _violation(new, (*path, "grove", "forceScalingGroup"), INVALID, text)


def _power(old: Component, new: Component, path: Path) -> Iterator[Violation]:
    at = ("podTemplate", "metadata", "annotations", _POWER_LIMIT)
    before, after = (_text(find(state.node, at)) for state in (old, new))
    if before != after:
        here = (*path, "podTemplate", "metadata", "annotations", PathKey(_POWER_LIMIT))
        yield _violation(new, here, INVALID, f'"{after or ""}": {_IMMUTABLE}')
    elif before and new.main is not None and _gpus(old) != _gpus(new):
        index = new.containers.index(new.main)
        here = (*path, "podTemplate", "spec", "containers", index, "resources")
        yield _violation(new, here, INVALID, _IMMUTABLE)


def _replicas_are_owned(update: GraphUpdate, old: Component, new: Component) -> bool:
    is_scaled = any(state.node.mapping("scalingAdapter") is not None for state in (old, new))
    return is_scaled and old.replicas != new.replicas and not update.may_scale


def _violation(component: Component, path: Path, kind: str, text: str) -> Violation:
    return Violation(path, mark_of(component.node, str(path[3])), kind, text)


def _is_inter_pod(component: Component, part: str) -> bool:
    return _text(find(component.node, ("experimental", part, "mode"))) == "InterPod"


def _gpus(component: Component) -> int:
    return component.main.gpus if component.main is not None else 0


def _image(component: Component) -> str | None:
    return (component.main.image or None) if component.main is not None else None


def _override(component: Component) -> str | None:
    return text_of(component.node, "runtimeVersionOverride") or None


def _is_on(node: Node | None) -> bool:
    return node is not None and node.plain() is True


def _text(node: Node | None) -> str | None:
    value = node.plain() if node is not None else None
    return value if isinstance(value, str) else None
