"""Graphs as the operator's workloads: for each component its pod templates, names and labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from dynamo_conformance.api.cluster_parts import Cluster
from dynamo_conformance.manifest.graph import ENABLE_GROVE, EPP, TYPES, Container
from dynamo_conformance.manifest.node import Mapping, Scalar
from dynamo_conformance.manifest.suggest import did_you_mean
from dynamo_conformance.rendering import backend, labels, names, v1alpha1_extras
from dynamo_conformance.rendering.pod_context import PodContext, Position
from dynamo_conformance.rendering.pod_spec import pod_spec
from dynamo_conformance.rendering.reconcile_failure import (
    COMPONENT_ERROR,
    NO_ORCHESTRATOR,
    NOT_RECONCILED,
    NOT_RENDERED,
    ReconcileFailure,
)
from dynamo_conformance.rendering.ways import ways

if TYPE_CHECKING:
    from dynamo_conformance.manifest.graph import Component, Graph
    from dynamo_conformance.rendering.pull_secrets import PullSecret

DEPLOYMENT: Literal["Deployment"] = "Deployment"
LEADER_WORKER_SET: Literal["LeaderWorkerSet"] = "LeaderWorkerSet"

_EXPERIMENTS = ("gpuMemoryService", "failover", "checkpoint")


@dataclass(frozen=True, slots=True, kw_only=True)
class PodTemplate:
    """What the pods of a workload are made from.

    Attributes:
        labels: The pods' labels.
        annotations: The pods' annotations.
        spec: The pod spec. What the author wrote keeps its marks; the operator's has NOWHERE.
            Quantities stay as written (the API server would spell them its own way).
    """

    labels: dict[str, str]
    annotations: dict[str, str]
    spec: Mapping

    @property
    def main(self) -> Container:
        """The container that does the component's work."""
        return Container(self.spec.mappings("containers")[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """What runs one component.

    Attributes:
        context: The component, with all that its workload was made from.
        kind: A Deployment, or a LeaderWorkerSet when a replica spans nodes.
        name: Its name.
        labels: Its labels.
        annotations: Its annotations, without the operator's book-keeping.
        selector: By which labels a Deployment finds its pods; empty for a LeaderWorkerSet.
        replicas: How many copies run.
        size: How many pods a copy has, its leader included.
        leader: The template of a Deployment's pods, or of each copy's first pod.
        follower: The template of a copy's other pods, or None for a Deployment.
    """

    context: PodContext
    kind: Literal["Deployment", "LeaderWorkerSet"]
    name: str
    labels: dict[str, str]
    annotations: dict[str, str]
    selector: dict[str, str]
    replicas: int
    size: int
    leader: PodTemplate
    follower: PodTemplate | None

    @property
    def component(self) -> Component:
        """The component."""
        return self.context.component


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """A component that the operator makes no workload of, while it makes those of the others.

    Attributes:
        component: The component.
        name: What the workload would be called.
        failure: Why there is none.
    """

    component: Component
    name: str
    failure: ReconcileFailure


def starts_by_mpi(workload: Workload) -> bool:
    """Whether the leader starts the ranks of every node with mpirun: TensorRT-LLM's way."""
    return workload.size > 1 and backend.detect(workload.component) == backend.TRTLLM


def render(
    graph: Graph,
    *,
    namespace: str,
    cluster: Cluster | None = None,
    operator: str | None = None,
) -> tuple[Workload, ...]:
    """Return what the operator makes of `graph`, in the order of its components.

    Args:
        graph: The graph.
        namespace: The Kubernetes namespace it is created in.
        cluster: What the cluster has; None is a bare one.
        operator: The version of the operator; None is the newest.

    Raises:
        ReconcileFailure: The operator would refuse it, or one of its components, or
            something not known here.
    """
    workloads = []
    for workload in render_each(graph, namespace=namespace, cluster=cluster, operator=operator):
        if isinstance(workload, Broken):
            raise workload.failure
        workloads.append(workload)
    return tuple(workloads)


def render_each(
    graph: Graph,
    *,
    namespace: str,
    cluster: Cluster | None = None,
    restarts: dict[str, str] | None = None,
    pull_secrets: tuple[PullSecret, ...] = (),
    operator: str | None = None,
) -> tuple[Workload | Broken, ...]:
    """Return what the operator makes of each component of `graph`, in their order.

    Args:
        graph: The graph.
        namespace: The Kubernetes namespace it is created in.
        cluster: What the cluster has; None is a bare one.
        restarts: The components that are to be restarted, and the id of each restart.
        pull_secrets: The secrets of its namespace that open image registries.
        operator: The version of the operator; None is the newest.

    Raises:
        ReconcileFailure: The operator would make nothing of the graph, or something not known here.
    """
    _check(graph, cluster or Cluster())
    used = ways(operator)
    if used.graph_namespace:
        _check_namespaces(graph)
    generation = names.worker_hash(graph) if used.worker_hash else ""
    written = backend.graph_backend(graph)
    contexts = [
        PodContext(
            graph=graph,
            component=component,
            namespace=namespace,
            worker_hash=generation,
            backend=backend.component_backend(component, written=written),
            annotations=labels.component_annotations(
                graph, component, restart=(restarts or {}).get(component.name)
            ),
            pull_secrets=pull_secrets,
            ways=used,
        )
        for component in graph.components
    ]
    return tuple(_workload_or_failure(context) for context in contexts)


def _workload_or_failure(context: PodContext) -> Workload | Broken:
    try:
        return _workload(context)
    except ReconcileFailure as failure:
        if failure.reason != COMPONENT_ERROR:
            raise
        return Broken(component=context.component, name=context.name, failure=failure)


def _check(graph: Graph, cluster: Cluster) -> None:
    for component in graph.components:
        _check_type(component)
        for name in _EXPERIMENTS:
            if _is_enabled(component, name):
                message = f"component {component.name}: experimental.{name} is not rendered here"
                raise ReconcileFailure(NOT_RENDERED, message)
    if cluster.grove and not graph.declines_grove:
        message = f'Grove would run it, not rendered here; set {ENABLE_GROVE}: "false"'
        raise ReconcileFailure(NOT_RENDERED, message)
    spanning = [component.name for component in graph.components if component.node_count > 1]
    if spanning and not cluster.lws:
        message = (
            f"no multinode orchestrator available: {', '.join(spanning)} spans several nodes, "
            "which needs Grove or LeaderWorkerSet in the cluster"
        )
        raise ReconcileFailure(NO_ORCHESTRATOR, message)


def _check_namespaces(graph: Graph) -> None:
    """Refuse services of several Dynamo namespaces, as operators do that let them choose."""
    chosen = {v1alpha1_extras.dynamo_namespace(graph, part) for part in graph.components} - {None}
    if len(chosen) > 1:
        listed = ", ".join(sorted(name for name in chosen if name))
        message = f"namespace mismatch: the services name several, {listed}; they must agree"
        raise ReconcileFailure(NOT_RECONCILED, message)


def _check_type(component: Component) -> None:
    if component.type == EPP and "eppConfig" in component.node:
        message = (
            f"component {component.name}: an endpoint picker with eppConfig, of runtimes before "
            "1.5.0, is not rendered here"
        )
        raise ReconcileFailure(NOT_RENDERED, message)
    if component.type and component.type not in TYPES:
        hint = did_you_mean(component.type, TYPES) or f"; known are {', '.join(TYPES)}"
        message = f'component {component.name}: no component type "{component.type}"{hint}'
        raise ReconcileFailure(NOT_RECONCILED, message)


def _is_enabled(component: Component, name: str) -> bool:
    experimental = component.node.mapping("experimental")
    block = experimental.mapping(name) if experimental is not None else None
    enabled = block.get("enabled") if block is not None else None
    return block is not None and not (isinstance(enabled, Scalar) and enabled.value is False)


def _workload(context: PodContext) -> Workload:
    component = context.component
    spans = component.node_count > 1
    leader = _template(context, Position.LEADER if spans else Position.ALONE)
    return Workload(
        context=context,
        kind=LEADER_WORKER_SET if spans else DEPLOYMENT,
        name=names.set_name(context.name) if spans else context.name,
        labels=labels.workload_labels(context),
        annotations=dict(context.annotations),
        selector={} if spans else {labels.SELECTOR: context.name},
        replicas=component.replicas,
        size=component.node_count,
        leader=leader,
        follower=_template(context, Position.FOLLOWER) if spans else None,
    )


def _template(context: PodContext, position: Position) -> PodTemplate:
    return PodTemplate(
        labels=labels.pod_labels(context, position),
        annotations=dict(context.annotations),
        spec=pod_spec(context, position),
    )
