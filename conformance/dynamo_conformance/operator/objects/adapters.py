"""Scaling adapters: the objects by which autoscalers and people scale one component."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.kube.resources import kube_object
from dynamo_conformance.manifest.document import GROUP, V1BETA1
from dynamo_conformance.rendering import labels, names

if TYPE_CHECKING:
    from dynamo_conformance.kube.resources import KubeObject, Owner
    from dynamo_conformance.manifest.graph import Component, Graph

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
