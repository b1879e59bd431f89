"""Scaling adapters: the objects by which autoscalers and people scale one component."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dynamo_conformance.kube.resources import kube_object, table
from dynamo_conformance.manifest.document import GROUP, V1BETA1
from dynamo_conformance.rendering import labels, names
from dynamo_conformance.rendering.labels import COMPONENT, GRAPH

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dynamo_conformance.kube.resources import KubeObject, Owner
    from dynamo_conformance.manifest.graph import Component, Graph
    from dynamo_conformance.manifest.node import Plain


ADAPTER = "DynamoGraphDeploymentScalingAdapter"


def adapters(graph: Graph, *, namespace: str, owner: Owner) -> tuple[KubeObject, ...]:
    """Return the adapters of a graph; once made, an adapter decides how many copies run."""
    return tuple(
        _adapter(graph, component, namespace=namespace, owner=owner)
        for component in graph.components
        if component.node.mapping("scalingAdapter") is not None
    )


def _adapter(graph: Graph, component: Component, *, namespace: str, owner: Owner) -> KubeObject:
    return kube_object(
        f"{GROUP}/{V1BETA1}",
        ADAPTER,
        names.scaling_adapter(graph, component),
        namespace=namespace,
        owner=owner,
        labels={labels.COMPONENT: component.name, labels.GRAPH: graph.name},
        spec={
            "dgdRef": {"componentName": component.name, "name": graph.name},
            "replicas": component.replicas,
        },
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaling:
    """A component that an adapter wants another number of copies of.

    Attributes:
        adapter: The adapter.
        index: The component's place in the graph.
        component: The component.
        before: How many copies the graph asks for.
        wanted: How many the adapter asks for.
    """

    adapter: KubeObject
    index: int
    component: str
    before: int
    wanted: int

    def patch(self) -> list[Plain]:
        """Return what brings the number into the graph; it fails when components moved."""
        at = f"/spec/components/{self.index}"
        return [
            {"op": "test", "path": f"{at}/name", "value": self.component},
            {"op": "add", "path": f"{at}/replicas", "value": self.wanted},
        ]


def scalings(graph: Graph, owned: Iterable[KubeObject]) -> tuple[Scaling, ...]:
    """Return the components whose adapters want another number of copies."""
    changes = []
    adapters = {
        name: item
        for item in owned
        if item.kind == ADAPTER and (name := _component(item)) is not None
    }
    for index, component in enumerate(graph.components):
        adapter = adapters.get(component.name)
        if adapter is None or component.node.mapping("scalingAdapter") is None:
            continue
        wanted = adapter.spec.get("replicas")
        if isinstance(wanted, int) and wanted != component.replicas:
            changes.append(
                Scaling(
                    adapter=adapter,
                    index=index,
                    component=component.name,
                    before=component.replicas,
                    wanted=wanted,
                )
            )
    return tuple(changes)


def adapter_status(
    adapter: KubeObject, graph: Graph, *, scaled: str | None = None
) -> dict[str, Plain] | None:
    """Return the status that an adapter should have, or None when it has it.

    Args:
        adapter: The adapter.
        graph: Its graph.
        scaled: When its number was brought into the graph just now.
    """
    before = table(adapter.get("status"))
    component = _component(adapter)
    after: dict[str, Plain] = {
        **before,
        "replicas": adapter.spec.get("replicas"),
        "selector": f"{COMPONENT}={component},{GRAPH}={graph.name}",
    }
    if scaled is not None:
        after["lastScaleTime"] = scaled
    return None if after == before else after


def _component(adapter: KubeObject) -> str | None:
    name = table(adapter.spec.get("dgdRef")).get("componentName")
    return name if isinstance(name, str) else None
