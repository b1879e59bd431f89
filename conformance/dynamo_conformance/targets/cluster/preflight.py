"""What is missing in a cluster for a set of graphs, checked before anything is applied."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dynamo_conformance.api.cluster_parts import Cluster
from dynamo_conformance.kube import resources as kinds
from dynamo_conformance.kube.errors import ApiError
from dynamo_conformance.kube.resources import (
    KubeObject,
    Resource,
)
from dynamo_conformance.manifest.document import GROUP, V1ALPHA1
from dynamo_conformance.manifest.fields import is_true
from dynamo_conformance.manifest.node import Mapping
from dynamo_conformance.manifest.prerequisites import (
    CLAIM,
    CONFIG_MAP,
    PRIORITY_CLASS,
    RUNTIME_CLASS,
    SECRET,
    SERVICE_ACCOUNT,
    prerequisites,
)
from dynamo_conformance.manifest.read import read_graph
from dynamo_conformance.rendering.pod import render
from dynamo_conformance.rendering.reconcile_failure import ReconcileFailure
from dynamo_conformance.targets.cluster.capabilities import (
    VOLCANO_GROUP,
    ClusterCapabilities,
    MissingPrerequisite,
    read_capabilities,
)
from dynamo_conformance.targets.cluster.node_fit import (
    PodRequests,
    pod_takes,
    room,
    together,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dynamo_conformance.kube.connection import Connection
    from dynamo_conformance.manifest.document import Document
    from dynamo_conformance.manifest.graph import Graph
    from dynamo_conformance.manifest.prerequisites import Prerequisite
    from dynamo_conformance.targets.cluster.apply import Manifest

_NAMESPACED = {
    SECRET: kinds.SECRETS,
    CONFIG_MAP: kinds.CONFIG_MAPS,
    CLAIM: kinds.CLAIMS,
    SERVICE_ACCOUNT: kinds.SERVICE_ACCOUNTS,
}
_CLUSTER_WIDE = {PRIORITY_CLASS: kinds.PRIORITY_CLASSES, RUNTIME_CLASS: kinds.RUNTIME_CLASSES}


@dataclass(frozen=True, slots=True, kw_only=True)
class PreflightOptions:
    """How graphs are to run, as far as that decides what the cluster must have.

    Attributes:
        namespace: The namespace to use; None makes one for each example.
        documents: The objects that are brought along.
        provided: What is put into every namespace, by kind and name.
        scaled: What every container of a graph asks for in place of its own requests.
        small: What to add where a node is too small for what a graph asks for.
        scales_up: Whether nodes come when they are needed, so that none being there means nothing.
    """

    namespace: str | None = None
    documents: tuple[Document, ...] = ()
    provided: frozenset[tuple[str, str]] = frozenset()
    scaled: dict[str, str] = field(default_factory=dict)
    small: str = ""
    scales_up: bool = False

    @property
    def brought(self) -> frozenset[tuple[str, str]]:
        """What need not be there before, by kind and name."""
        return self.provided | {(document.kind, document.name) for document in self.documents}


def preflight(
    connection: Connection,
    manifests: Iterable[Manifest],
    *,
    options: PreflightOptions,
    capabilities: ClusterCapabilities | None = None,
) -> tuple[MissingPrerequisite, ...]:
    """Return what is missing in the cluster for the graphs of `manifests`, each thing once.

    Args:
        connection: The cluster.
        manifests: The files that are to be applied.
        options: How they are to run.
        capabilities: What the cluster has; None reads it now.

    Raises:
        UnreachableError: The cluster does not answer.
    """
    has = capabilities or read_capabilities(connection, namespace=options.namespace)
    gathered: dict[str, dict[str, None]] = {}
    for manifest in manifests:
        for what, graph in _of_manifest(connection, has, manifest, options):
            gathered.setdefault(what, {})[graph] = None
    of_graphs = (
        MissingPrerequisite(what=what, graphs=tuple(who)) for what, who in gathered.items()
    )
    return (*has.missing, *of_graphs)


def _of_manifest(
    connection: Connection, has: ClusterCapabilities, manifest: Manifest, options: PreflightOptions
) -> Iterator[tuple[str, str]]:
    """Yield what is missing, each with the graph that misses it."""
    for document in manifest.graphs:
        graph = read_graph(document)
        for what in (
            *_of_api(has, document),
            *of_graph(has, graph, options),
            *of_claims(has, _claims(document, manifest, options)),
        ):
            yield what, graph.name
    for needed in prerequisites(manifest.documents):
        if not needed.optional and (needed.kind, needed.name) not in options.brought:
            what_is_missing = _missing(connection, needed, options)
            if what_is_missing:
                yield what_is_missing, needed.graph


def of_graph(has: ClusterCapabilities, graph: Graph, options: PreflightOptions) -> Iterator[str]:
    """Yield what a graph's pods would miss: orchestrators, and nodes that could hold them."""
    spanning = [component.name for component in graph.components if component.node_count > 1]
    grove = has.cluster.grove and not graph.declines_grove
    if spanning and not has.cluster.lws and not grove:
        yield (
            f"no orchestrator for components that span nodes ({', '.join(spanning)}): install "
            f"LeaderWorkerSet (and the API group {VOLCANO_GROUP}), or Grove"
        )
    if has.nodes is None or options.scales_up:
        return
    pods = pod_requests(graph, options)
    # Pods of one component are alike, and what is missing is reported once.
    reasons = {reason: None for pod in pods for reason in room(pod, has.nodes, why=options.small)}
    yield from reasons or together(pods, has.nodes)


def pod_requests(graph: Graph, options: PreflightOptions) -> tuple[PodRequests, ...]:
    """Return the pods of a graph; nothing when the operator makes none from it.

    Args:
        graph: The graph.
        options: How it is to run.
    """
    try:
        workloads = render(graph, namespace=options.namespace or "any", cluster=Cluster(lws=True))
    except ReconcileFailure:
        return ()  # What the operator does with it, the operator reports.
    pods = []
    for workload in workloads:
        others = [] if workload.follower is None else [workload.follower] * (workload.size - 1)
        for template in [workload.leader, *others] * workload.replicas:
            takes = pod_takes(template.spec, scaled=options.scaled)
            need = PodRequests(who=workload.component.name, spec=template.spec, takes=takes)
            pods.append(need)
    return tuple(pods)


def _of_api(has: ClusterCapabilities, document: Document) -> Iterator[str]:
    if not has.versions:
        yield (
            "no Dynamo operator: the cluster has no DynamoGraphDeployment; install the chart "
            "dynamo-platform"
        )
    elif document.version not in has.versions:
        served = ", ".join(sorted(has.versions))
        yield (
            f"the operator does not serve {GROUP}/{document.version} (it serves {served}): "
            "use the manifest of that version, or another operator"
        )


def _missing(connection: Connection, needed: Prerequisite, options: PreflightOptions) -> str:
    title = f"no {needed.kind} {needed.name}"
    if (resource := _CLUSTER_WIDE.get(needed.kind)) is not None:
        there = _exists(connection, resource, needed.name, None)
        return "" if there else f"{title} in the cluster: create it, or name another one"
    if (resource := _NAMESPACED.get(needed.kind)) is None:
        return ""
    if options.namespace is None:
        return f"{title}: bring it along, each example has a namespace of its own"
    existing = _object(connection, resource, needed.name, options.namespace)
    if existing is None:
        return f"{title} in namespace {options.namespace}: create it, or bring it along"
    if needed.key and existing and needed.key not in _keys(existing):
        return f"no key {needed.key} in {needed.kind} {needed.name} of {options.namespace}: add it"
    return ""


def _claims(
    document: Document, manifest: Manifest, options: PreflightOptions
) -> Iterator[tuple[str, str | None]]:
    """Yield the claims that come with a graph, with the storage class that each names."""
    spec = document.root.mapping("spec") or Mapping()
    for claim in spec.mappings("pvcs") if document.version == V1ALPHA1 else ():
        create = claim.get("create")
        if create is not None and is_true(create):
            yield claim.string("name") or "?", claim.string("storageClass")
    for brought in (*manifest.documents, *options.documents):
        if brought.kind == CLAIM:
            claim = brought.root.mapping("spec") or Mapping()
            yield brought.name, claim.string("storageClassName")


def of_claims(has: ClusterCapabilities, claims: Iterable[tuple[str, str | None]]) -> Iterator[str]:
    """Yield the storage classes that claims miss."""
    if has.classes is None:
        return
    for name, wanted in claims:
        if wanted and wanted not in has.classes:
            yield f"no storage class {wanted} for the claim {name}: name one that is there"
        elif wanted is None and not has.default_class:
            yield f"no default storage class for the claim {name}: name one in the claim"


def _object(
    connection: Connection, resource: Resource, name: str, namespace: str | None
) -> KubeObject | None:
    """Return an object, None when there is none, and an empty one when we may not look."""
    try:
        return connection.get(resource, name, namespace=namespace)
    except ApiError as error:
        if error.status:
            return KubeObject()
        raise


def _exists(connection: Connection, resource: Resource, name: str, namespace: str | None) -> bool:
    return _object(connection, resource, name, namespace) is not None


def _keys(value: KubeObject) -> frozenset[str]:
    keys: set[str] = set()
    for part in ("data", "stringData", "binaryData"):
        held = value.get(part)
        if isinstance(held, dict):
            keys |= held.keys()
    return frozenset(keys)
