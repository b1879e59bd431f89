"""All objects that the operator makes of a graph, and what keeps it from making more.

What the operator itself puts between a graph and its workloads, the DynamoComponentDeployments, is
left out: here workloads and Services belong to the graph.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dynamo_conformance.operator.objects import accounts, multinode, services, volume_claims
from dynamo_conformance.operator.objects.scaling_adapters import adapters
from dynamo_conformance.operator.objects.workloads import workload_object
from dynamo_conformance.rendering.node_merge import texts
from dynamo_conformance.rendering.pod import Broken, Workload, render_each
from dynamo_conformance.rendering.pod_context import DISCOVERY_BACKEND, ETCD
from dynamo_conformance.rendering.reconcile_failure import ReconcileFailure

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from dynamo_conformance.api.cluster_parts import Cluster
    from dynamo_conformance.kube.resources import KubeObject, Owner
    from dynamo_conformance.manifest.graph import Graph
    from dynamo_conformance.operator.objects.multinode import SshKey
    from dynamo_conformance.rendering.pull_secrets import PullSecret


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderContext:
    """What the objects of a graph depend on beside the graph itself.

    Attributes:
        namespace: The Kubernetes namespace the graph is in.
        owner: The graph as its API server knows it.
        cluster: What the cluster has.
        ssh_key: The key pair for groups of nodes; None when the namespace has one already.
        claims: The names of the volume claims that are in the namespace.
        pull_secrets: The secrets in the namespace that open image registries.
        restarts: The components that were asked to restart, and the id of that request.
        replicas: How many copies run of components whose old generation still makes room.
    """

    namespace: str
    owner: Owner
    cluster: Cluster
    ssh_key: SshKey | None = None
    claims: Collection[str] = ()
    pull_secrets: tuple[PullSecret, ...] = ()
    restarts: dict[str, str] | None = None
    replicas: dict[str, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphObjects:
    """What becomes of a graph.

    Attributes:
        shared: What is made first, because pods need it: accounts, claims, scripts, keys.
        running: What runs the components, and leads to them.
        scaling: What the components are scaled by.
        workloads: What runs each component that can run.
        broken: The components that cannot.
        failure: Why nothing beyond `shared` is made, or None.
    """

    shared: tuple[KubeObject, ...]
    running: tuple[KubeObject, ...] = ()
    scaling: tuple[KubeObject, ...] = ()
    workloads: tuple[Workload, ...] = ()
    broken: tuple[Broken, ...] = ()
    failure: ReconcileFailure | None = None

    @property
    def objects(self) -> tuple[KubeObject, ...]:
        """All of them; what several components share is there once."""
        by_key = {made.key: made for made in (*self.shared, *self.running, *self.scaling)}
        return tuple(by_key.values())


def graph_objects(graph: Graph, context: RenderContext) -> GraphObjects:
    """Return what becomes of `graph` under these context."""
    shared: list[KubeObject] = []
    try:
        for made in _shared(graph, context):
            shared.append(made)  # noqa: PERF402 - what was made before a failure stays made
        each = render_each(
            graph,
            namespace=context.namespace,
            cluster=context.cluster,
            restarts=context.restarts,
            pull_secrets=context.pull_secrets,
        )
    except ReconcileFailure as failure:
        return GraphObjects(shared=tuple(shared), failure=failure)
    workloads = tuple(result for result in each if isinstance(result, Workload))
    return GraphObjects(
        shared=tuple(shared),
        running=tuple(made for workload in workloads for made in _running(workload, context)),
        scaling=adapters(graph, namespace=context.namespace, owner=context.owner),
        workloads=workloads,
        broken=tuple(result for result in each if isinstance(result, Broken)),
    )


def _shared(graph: Graph, context: RenderContext) -> Iterator[KubeObject]:
    """Yield what is made before any workload, in the operator's own order."""
    namespace, owner = context.namespace, context.owner
    yield from accounts.planner(namespace=namespace)
    yield from volume_claims.missing(
        graph, namespace=namespace, owner=owner, existing=context.claims
    )
    if not _uses_etcd(graph):
        yield from accounts.discovery(graph, namespace=namespace, owner=owner)
    if any(component.node_count > 1 for component in graph.components):
        yield multinode.wait_script(graph, namespace=namespace, owner=owner)
        if context.ssh_key is not None:
            yield multinode.ssh_secret(context.ssh_key, namespace=namespace)


def _running(workload: Workload, context: RenderContext) -> Iterator[KubeObject]:
    """Yield what runs a component, and the Services that lead to it."""
    owner = context.owner
    replicas = (context.replicas or {}).get(workload.component.name)
    yield workload_object(workload, owner=owner, replicas=replicas)
    if (service := services.component_service(workload.context, owner=owner)) is not None:
        yield service
    if (service := services.model_service(workload.context, owner=owner)) is not None:
        yield service


def _uses_etcd(graph: Graph) -> bool:
    metadata = graph.root.mapping("metadata")
    own = texts(metadata.mapping("annotations")) if metadata is not None else {}
    return own.get(DISCOVERY_BACKEND) == ETCD
