"""What a cluster has: operator versions, API groups, nodes, storage classes, our permissions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dynamo_conformance.api.cluster_parts import Cluster
from dynamo_conformance.kube.errors import NOT_FOUND, ApiError
from dynamo_conformance.kube.resources import NODES, PODS, STORAGE_CLASSES, as_mapping
from dynamo_conformance.manifest.document import GROUP
from dynamo_conformance.manifest.node import Mapping
from dynamo_conformance.operator.installation.crds import DEFINITION, presence
from dynamo_conformance.targets.cluster import permissions
from dynamo_conformance.targets.cluster.node_fit import read_nodes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.kube.connection import Connection
    from dynamo_conformance.kube.resources import KubeObject, Resource
    from dynamo_conformance.manifest.node import Plain
    from dynamo_conformance.targets.cluster.node_fit import ClusterNode

LWS_GROUP, VOLCANO_GROUP, GROVE_GROUP = (
    "leaderworkerset.x-k8s.io", "scheduling.volcano.sh", "grove.io",
)  # fmt: skip
DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
_DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class MissingPrerequisite:
    """One thing that is missing in the cluster.

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
class ClusterCapabilities:
    """What a cluster has, as far as we may see it.

    Attributes:
        versions: The versions of the operator's API group that serve graphs.
        groups: All API groups.
        nodes: The nodes; None when we may not see them.
        classes: The names of the storage classes; None when we may not see them.
        default_class: Whether one of these is the default.
        missing: The permissions that every graph needs and we do not have.
    """

    versions: frozenset[str]
    groups: frozenset[str]
    nodes: tuple[ClusterNode, ...] | None = None
    classes: frozenset[str] | None = None
    default_class: bool = False
    missing: tuple[MissingPrerequisite, ...] = ()

    @property
    def cluster(self) -> Cluster:
        """What is installed that the operator may use."""
        return Cluster(
            lws=LWS_GROUP in self.groups and VOLCANO_GROUP in self.groups,
            grove=GROVE_GROUP in self.groups,
        )


def read_capabilities(connection: Connection, *, namespace: str | None) -> ClusterCapabilities:
    """Return what a cluster has; read once for all the graphs that are to run in it.

    Args:
        connection: The cluster.
        namespace: The namespace to use; None when each example has its own.

    Raises:
        UnreachableError: The cluster does not answer.
    """
    groups = _names(connection.run(connection.client.json("GET", "/apis")), "groups")
    served = [
        version
        for version in _versions(connection)
        if "dynamographdeployments" in _resources(connection, version)
    ]
    nodes, classes = _seen(connection, NODES), _seen(connection, STORAGE_CLASSES)
    return ClusterCapabilities(
        versions=frozenset(served),
        groups=frozenset(groups),
        # Where we may not see all pods, a node counts as empty.
        nodes=None if nodes is None else read_nodes(nodes, _seen(connection, PODS) or ()),
        classes=frozenset(storage_class.name for storage_class in classes)
        if classes is not None
        else None,
        default_class=any(_is_default(storage_class) for storage_class in classes or ()),
        missing=tuple(_missing_permissions(connection, namespace)),
    )


def describe(connection: Connection) -> str:
    """Return what a cluster has, as far as its API shows it."""
    version = _read(connection, "/version").get("gitVersion")
    definition = _read(connection, f"{_DEFINITIONS}/{DEFINITION}")
    parts = (
        f"Kubernetes {version}" if version else "",
        f"{presence(definition)} operator" if definition else "",
    )
    return ", ".join(part for part in parts if part)


def _read(connection: Connection, path: str) -> dict[str, Plain]:
    try:
        return connection.run(connection.client.json("GET", path))
    except ApiError:
        return {}


def _missing_permissions(
    connection: Connection, namespace: str | None
) -> Iterator[MissingPrerequisite]:
    wanted = permissions.needed(given_namespace=namespace is not None)
    refused = connection.run(permissions.missing(connection.client, wanted, namespace=namespace))
    for permission, verb in refused:
        where = f" in namespace {namespace}" if namespace and not permission.cluster else ""
        yield MissingPrerequisite(
            what=f"no permission to {verb} {permission.resource}{where}: needed for "
            f"{permission.why}; see docs/permissions.md"
        )


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
    served = connection.run(connection.client.json("GET", f"/apis/{GROUP}/{version}"))
    return _names(served, "resources")


def _names(value: KubeObject, plural: str, *, key: str = "name") -> tuple[str, ...]:
    entries = value.get(plural)
    listed = entries if isinstance(entries, list) else []
    return tuple(str(entry.get(key)) for entry in listed if isinstance(entry, dict))


def _is_default(value: KubeObject) -> bool:
    annotations = as_mapping(value.metadata).mapping("annotations") or Mapping()
    return annotations.string(DEFAULT_CLASS) == "true"
