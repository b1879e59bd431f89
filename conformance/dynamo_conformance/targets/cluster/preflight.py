"""What a cluster lacks for a set of graphs, found before anything is applied."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dynamo_conformance.api.cluster import Cluster
from dynamo_conformance.kube.errors import NOT_FOUND, ApiError
from dynamo_conformance.kube.resources import (
    CLAIMS,
    CONFIG_MAPS,
    NODES,
    PODS,
    PRIORITY_CLASSES,
    RUNTIME_CLASSES,
    SECRETS,
    SERVICE_ACCOUNTS,
    STORAGE_CLASSES,
    KubeObject,
    Resource,
    metadata,
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
from dynamo_conformance.rendering.failure import ReconcileFailure
from dynamo_conformance.rendering.pod import render
from dynamo_conformance.targets.cluster import rights
from dynamo_conformance.targets.cluster.fitting import (
    Need,
    Node,
    pod_takes,
    read_nodes,
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

LWS_GROUP, VOLCANO_GROUP, GROVE_GROUP = (
    "leaderworkerset.x-k8s.io", "scheduling.volcano.sh", "grove.io",
)  # fmt: skip
DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"

_NAMESPACED = {
    SECRET: SECRETS,
    CONFIG_MAP: CONFIG_MAPS,
    CLAIM: CLAIMS,
    SERVICE_ACCOUNT: SERVICE_ACCOUNTS,
}
_CLUSTER_WIDE = {PRIORITY_CLASS: PRIORITY_CLASSES, RUNTIME_CLASS: RUNTIME_CLASSES}


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Lack:
    """One thing that the cluster lacks.

    Attributes:
        what: What is missing and what to do, in one line.
        graphs: The graphs that miss it; empty when nothing at all can run.
    """

    what: str
    graphs: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return it as one line."""
        who = f" (for {', '.join(self.graphs)})" if self.graphs else ""
        return f"{self.what}{who}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Under which terms graphs are to run.

    Attributes:
        namespace: The namespace to use; None makes one for each example.
        documents: The objects that are brought along.
        provided: What the world puts into every namespace, by kind and name.
        scaled: What every container of a graph asks for in place of its own words.
        small: What to add where a node is too small for what a graph asks for.
        scales_up: Whether nodes come when they are needed, so that none being there says nothing.
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
        return self.provided | {(one.kind, one.name) for one in self.documents}


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a cluster has, as far as we may see it.

    Attributes:
        versions: The versions of the operator's API group that serve graphs.
        groups: All API groups.
        nodes: The nodes; None when we may not see them.
        classes: The names of the storage classes; None when we may not see them.
        default_class: Whether one of these is the default.
    """

    versions: frozenset[str]
    groups: frozenset[str]
    nodes: tuple[Node, ...] | None = None
    classes: frozenset[str] | None = None
    default_class: bool = False

    @property
    def cluster(self) -> Cluster:
        """What the operator finds beside itself."""
        return Cluster(
            lws=LWS_GROUP in self.groups and VOLCANO_GROUP in self.groups,
            grove=GROVE_GROUP in self.groups,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What a cluster has and lacks for any graph at all.

    Attributes:
        found: What it has.
        lacks: What it lacks for every graph: rights.
    """

    found: Found
    lacks: tuple[Lack, ...]


def survey(connection: Connection, *, terms: Terms) -> Survey:
    """Look at a cluster, once for all the graphs that are to run in it.

    Raises:
        UnreachableError: The cluster does not answer.
    """
    lacks = tuple(Lack(what=what) for what in _of_rights(connection, terms))
    return Survey(found=look(connection), lacks=lacks)


def preflight(
    connection: Connection,
    manifests: Iterable[Manifest],
    *,
    terms: Terms,
    surveyed: Survey | None = None,
) -> tuple[Lack, ...]:
    """Return everything that the cluster lacks for the graphs of `manifests`, each thing once.

    Args:
        connection: The cluster.
        manifests: The files that are to be applied.
        terms: Under which terms.
        surveyed: What was seen of the cluster under these terms; None looks now.

    Raises:
        UnreachableError: The cluster does not answer.
    """
    known = surveyed or survey(connection, terms=terms)
    gathered: dict[str, dict[str, None]] = {}
    for manifest in manifests:
        for what, graph in _of_manifest(connection, known.found, manifest, terms):
            gathered.setdefault(what, {})[graph] = None
    of_graphs = (Lack(what=what, graphs=tuple(who)) for what, who in gathered.items())
    return (*known.lacks, *of_graphs)


def _of_manifest(
    connection: Connection, found: Found, manifest: Manifest, terms: Terms
) -> Iterator[tuple[str, str]]:
    """Yield what is missing, each with the graph that misses it."""
    for document in manifest.graphs:
        graph = read_graph(document)
        for what in (
            *_of_api(found, document),
            *of_graph(found, graph, terms),
            *of_claims(found, _claims(document, manifest, terms)),
        ):
            yield what, graph.name
    for needed in prerequisites(manifest.documents):
        if not needed.optional and (needed.kind, needed.name) not in terms.brought:
            said = _missing(connection, needed, terms)
            if said:
                yield said, needed.graph


def look(connection: Connection) -> Found:
    """Return what the cluster has.

    Raises:
        UnreachableError: It does not answer.
    """
    groups = _names(connection.run(connection.client.json("GET", "/apis")), "groups")
    served = [
        version
        for version in _versions(connection)
        if "dynamographdeployments" in _resources(connection, version)
    ]
    nodes, classes = _seen(connection, NODES), _seen(connection, STORAGE_CLASSES)
    return Found(
        versions=frozenset(served),
        groups=frozenset(groups),
        # Where we may not see all pods, a node counts as empty.
        nodes=None if nodes is None else read_nodes(nodes, _seen(connection, PODS) or ()),
        classes=frozenset(_name(one) for one in classes) if classes is not None else None,
        default_class=any(_is_default(one) for one in classes or ()),
    )


def of_graph(found: Found, graph: Graph, terms: Terms) -> Iterator[str]:
    """Yield what a graph's pods would miss: orchestrators, and nodes that could hold them."""
    spanning = [one.name for one in graph.components if one.node_count > 1]
    grove = found.cluster.grove and not graph.declines_grove
    if spanning and not found.cluster.lws and not grove:
        yield (
            f"no orchestrator for components that span nodes ({', '.join(spanning)}): install "
            f"LeaderWorkerSet (and the API group {VOLCANO_GROUP}), or Grove"
        )
    if found.nodes is None or terms.scales_up:
        return
    pods = needs(graph, terms)
    # Pods of one component are alike, and what one misses is said once.
    said = {one: None for pod in pods for one in room(pod, found.nodes, why=terms.small)}
    yield from said or together(pods, found.nodes)


def needs(graph: Graph, terms: Terms) -> tuple[Need, ...]:
    """Return the pods of a graph; nothing when the operator makes none of it.

    Args:
        graph: The graph.
        terms: Under which terms it is to run.
    """
    try:
        workloads = render(graph, namespace=terms.namespace or "any", cluster=Cluster(lws=True))
    except ReconcileFailure:
        return ()  # What the operator does with it, the operator says.
    found = []
    for workload in workloads:
        others = [] if workload.follower is None else [workload.follower] * (workload.size - 1)
        for template in [workload.leader, *others] * workload.replicas:
            takes = pod_takes(template.spec, scaled=terms.scaled)
            need = Need(who=workload.component.name, spec=template.spec, takes=takes)
            found.append(need)
    return tuple(found)


def _of_api(found: Found, document: Document) -> Iterator[str]:
    if not found.versions:
        yield (
            "no Dynamo operator: the cluster has no DynamoGraphDeployment; install the chart "
            "dynamo-platform"
        )
    elif document.version not in found.versions:
        served = ", ".join(sorted(found.versions))
        yield (
            f"the operator does not serve {GROUP}/{document.version} (it serves {served}): "
            "use the manifest of that version, or another operator"
        )


def _of_rights(connection: Connection, terms: Terms) -> Iterator[str]:
    wanted = rights.needed(given_namespace=terms.namespace is not None)
    refused = connection.run(rights.missing(connection.client, wanted, namespace=terms.namespace))
    for right, verb in refused:
        where = f" in namespace {terms.namespace}" if terms.namespace and not right.cluster else ""
        yield (
            f"no right to {verb} {right.resource}{where}: needed for {right.why}; see "
            "docs/permissions.md"
        )


def _missing(connection: Connection, needed: Prerequisite, terms: Terms) -> str:
    title = f"no {needed.kind} {needed.name}"
    if (resource := _CLUSTER_WIDE.get(needed.kind)) is not None:
        there = _exists(connection, resource, needed.name, None)
        return "" if there else f"{title} in the cluster: create it, or name another one"
    if (resource := _NAMESPACED.get(needed.kind)) is None:
        return ""
    if terms.namespace is None:
        return f"{title}: bring it along, each example has a namespace of its own"
    found = _object(connection, resource, needed.name, terms.namespace)
    if found is None:
        return f"{title} in namespace {terms.namespace}: create it, or bring it along"
    if needed.key and found and needed.key not in _keys(found):
        return f"no key {needed.key} in {needed.kind} {needed.name} of {terms.namespace}: add it"
    return ""


def _claims(
    document: Document, manifest: Manifest, terms: Terms
) -> Iterator[tuple[str, str | None]]:
    """Yield the claims that come with a graph, with the storage class that each names."""
    spec = document.root.mapping("spec") or Mapping()
    for claim in spec.mappings("pvcs") if document.version == V1ALPHA1 else ():
        create = claim.get("create")
        if create is not None and is_true(create):
            yield claim.string("name") or "?", claim.string("storageClass")
    for one in (*manifest.documents, *terms.documents):
        if one.kind == CLAIM:
            claim = one.root.mapping("spec") or Mapping()
            yield one.name, claim.string("storageClassName")


def of_claims(found: Found, claims: Iterable[tuple[str, str | None]]) -> Iterator[str]:
    """Yield the storage classes that claims miss."""
    if found.classes is None:
        return
    for name, wanted in claims:
        if wanted and wanted not in found.classes:
            yield f"no storage class {wanted} for the claim {name}: name one that is there"
        elif wanted is None and not found.default_class:
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


def _seen(connection: Connection, resource: Resource) -> list[KubeObject] | None:
    """Return all objects of a kind, or None when we may not see them."""
    try:
        return connection.list(resource)
    except ApiError as error:
        if error.status:
            return None
        raise


def _versions(connection: Connection) -> tuple[str, ...]:
    try:
        group = connection.run(connection.client.json("GET", f"/apis/{GROUP}"))
    except ApiError as error:
        if error.status == NOT_FOUND:
            return ()
        raise
    return _names(group, "versions", key="version")


def _resources(connection: Connection, version: str) -> tuple[str, ...]:
    found = connection.run(connection.client.json("GET", f"/apis/{GROUP}/{version}"))
    return _names(found, "resources")


def _names(value: KubeObject, plural: str, *, key: str = "name") -> tuple[str, ...]:
    entries = value.get(plural)
    listed = entries if isinstance(entries, list) else []
    return tuple(str(one.get(key)) for one in listed if isinstance(one, dict))


def _name(value: KubeObject) -> str:
    return metadata(value).string("name") or ""


def _is_default(value: KubeObject) -> bool:
    annotations = metadata(value).mapping("annotations") or Mapping()
    return annotations.string(DEFAULT_CLASS) == "true"


def _keys(value: KubeObject) -> frozenset[str]:
    found: set[str] = set()
    for part in ("data", "stringData", "binaryData"):
        held = value.get(part)
        if isinstance(held, dict):
            found |= held.keys()
    return frozenset(found)
