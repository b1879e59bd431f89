"""Labels and annotations of workloads and their pods."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.manifest.graph import EPP
from dynamo_conformance.manifest.node import Mapping
from dynamo_conformance.rendering import names, v1alpha1_extras
from dynamo_conformance.rendering.node_merge import texts
from dynamo_conformance.rendering.pod_context import (
    DISCOVERY_BACKEND,
    DISCOVERY_MODE,
    KUBERNETES,
    Position,
)

if TYPE_CHECKING:
    from dynamo_conformance.manifest.graph import Component, Graph
    from dynamo_conformance.rendering.pod_context import PodContext

COMPONENT = "nvidia.com/dynamo-component"
COMPONENT_TYPE = "nvidia.com/dynamo-component-type"
COMPONENT_CLASS = "nvidia.com/dynamo-component-class"
SUB_COMPONENT_TYPE = "nvidia.com/dynamo-sub-component-type"
NAMESPACE = "nvidia.com/dynamo-namespace"
GRAPH = "nvidia.com/dynamo-graph-deployment-name"
WORKER_HASH = "nvidia.com/dynamo-worker-hash"
MODEL_HASH = "nvidia.com/dynamo-base-model-hash"
MODEL = "nvidia.com/dynamo-base-model"
SELECTOR = "nvidia.com/selector"
METRICS_ENABLED = "nvidia.com/metrics-enabled"
DISCOVERY_ENABLED = "nvidia.com/dynamo-discovery-enabled"
ROLE = "role"
ROLES = {Position.LEADER: "leader", Position.FOLLOWER: "worker"}

ENABLE_METRICS = "nvidia.com/enable-metrics"
ORIGIN_VERSION = "nvidia.com/dynamo-operator-origin-version"
RESTARTED_AT = "nvidia.com/restartAt"
EXECUTOR = "nvidia.com/vllm-distributed-executor-backend"
MESH_INJECTION = "sidecar.istio.io/inject"
INHERITED = (ENABLE_METRICS, DISCOVERY_BACKEND, DISCOVERY_MODE, EXECUTOR)
"""Annotations of the graph itself that its components get unless they have their own."""


def component_annotations(
    graph: Graph, component: Component, *, restart: str | None = None
) -> dict[str, str]:
    """Return the annotations of a component's workload and pods.

    Args:
        graph: Its graph.
        component: The component.
        restart: The id of the last restart that was asked for, or None.
    """
    own = texts((graph.root.mapping("metadata") or Mapping()).mapping("annotations"))
    merged = _graph_wide(graph, "annotations")
    merged.update({key: own[key] for key in INHERITED if key in own})
    merged.update(v1alpha1_extras.service_annotations(graph, component))
    merged.update(_written(component, "annotations"))
    merged.pop(ORIGIN_VERSION, None)
    if (model := model_name(component)) is not None:
        merged[MODEL] = model
    if restart is not None:
        merged[RESTARTED_AT] = restart
    if component.type == EPP:
        merged.setdefault(MESH_INJECTION, "false")
    return merged


def workload_labels(context: PodContext) -> dict[str, str]:
    """Return the labels of a component's Deployment or LeaderWorkerSet."""
    graph, component = context.graph, context.component
    labels = _graph_wide(graph, "labels")
    labels.update(v1alpha1_extras.service_labels(graph, component))
    labels.update(_written(component, "labels"))
    labels[COMPONENT] = component.name
    labels[NAMESPACE] = context.dynamo_namespace
    labels[GRAPH] = graph.name
    if component.is_worker:
        if context.worker_hash:
            labels[WORKER_HASH] = context.worker_hash
        if context.ways.component_class and _has_picker(graph):
            labels[COMPONENT_CLASS] = "worker"
    if (sub_type := v1alpha1_extras.sub_component_type(graph, component)) is not None:
        labels[SUB_COMPONENT_TYPE] = sub_type
    if (model := model_name(component)) is not None:
        labels[MODEL_HASH] = names.model_hash(model)
    return labels


def _has_picker(graph: Graph) -> bool:
    return any(other.type == EPP for other in graph.components)


def namespace_label(context: PodContext) -> str:
    """Return the Dynamo namespace that pods are labelled with and Services select by."""
    legacy = v1alpha1_extras.dynamo_namespace(context.graph, context.component)
    return context.dynamo_namespace if legacy is None else legacy


def pod_labels(context: PodContext, position: Position) -> dict[str, str]:
    """Return the labels of a component's pods."""
    labels = workload_labels(context)
    if context.component.type:
        labels[COMPONENT_TYPE] = context.component.type
    labels[NAMESPACE] = namespace_label(context)
    if context.annotations.get(ENABLE_METRICS) != "false":
        labels[METRICS_ENABLED] = "true"
    if context.ways.discovery_labels and not context.uses_etcd:
        labels[DISCOVERY_BACKEND] = KUBERNETES
        labels[DISCOVERY_ENABLED] = "true"
    if position is Position.ALONE:
        labels[SELECTOR] = context.name
    else:
        labels[ROLE] = ROLES[position]
    return labels


def model_name(component: Component) -> str | None:
    """Return the model that a component says it serves, or None."""
    reference = component.node.mapping("modelRef")
    return reference.string("name") if reference is not None else None


def _graph_wide(graph: Graph, key: str) -> dict[str, str]:
    return texts((graph.root.mapping("spec") or Mapping()).mapping(key))


def _written(component: Component, key: str) -> dict[str, str]:
    metadata = (component.pod_template or Mapping()).mapping("metadata") or Mapping()
    return texts(metadata.mapping(key))
