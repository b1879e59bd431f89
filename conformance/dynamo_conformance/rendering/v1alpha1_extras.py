"""What v1beta1 has no word for but the operator still honours in a v1alpha1 manifest.

The conversion keeps these fields in a note on the object and the operator reads them from there;
here they are read from the document itself when that is v1alpha1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.manifest.conversion_annotations import SPEC, note
from dynamo_conformance.manifest.document import V1ALPHA1
from dynamo_conformance.manifest.node import Mapping
from dynamo_conformance.rendering.node_merge import texts

if TYPE_CHECKING:
    from dynamo_conformance.manifest.graph import Component, Graph


def pvcs(graph: Graph) -> tuple[Mapping, ...]:
    """Return the claims that the graph lists in `spec.pvcs`."""
    return _spec(graph).mappings("pvcs")


def service(graph: Graph, component: Component) -> Mapping | None:
    """Return what is known of the v1alpha1 service that `component` was read from, or None."""
    services = _spec(graph).mapping("services")
    return services.mapping(component.name) if services is not None else None


def service_labels(graph: Graph, component: Component) -> dict[str, str]:
    """Return the labels of the service, which its pods get."""
    return _texts(graph, component, "labels")


def service_annotations(graph: Graph, component: Component) -> dict[str, str]:
    """Return the annotations of the service, which its pods get."""
    return _texts(graph, component, "annotations")


def dynamo_namespace(graph: Graph, component: Component) -> str | None:
    """Return `dynamoNamespace`, which ends up as a pod label and nowhere else."""
    return (service(graph, component) or Mapping()).string("dynamoNamespace") or None


def ingress(graph: Graph, component: Component) -> Mapping | None:
    """Return the service's `ingress`."""
    return (service(graph, component) or Mapping()).mapping("ingress")


def sub_component_type(graph: Graph, component: Component) -> str | None:
    """Return what v1alpha1 calls the component below `worker`: prefill, decode, or its own word."""
    if component.type in ("prefill", "decode"):
        return component.type
    return (service(graph, component) or Mapping()).string("subComponentType") or None


def _spec(graph: Graph) -> Mapping:
    """Return the v1alpha1 spec as far as it is known; empty when there never was one."""
    if graph.document is not None and graph.document.version == V1ALPHA1:
        return graph.document.root.mapping("spec") or Mapping()
    return note(graph.root, SPEC)


def _texts(graph: Graph, component: Component, key: str) -> dict[str, str]:
    return texts((service(graph, component) or Mapping()).mapping(key))
