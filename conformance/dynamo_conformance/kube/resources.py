"""What is read from and written to a cluster's API: kinds, and where they are found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import quote

from dynamo_conformance.manifest.document import GROUP, KIND, V1ALPHA1, V1BETA1
from dynamo_conformance.manifest.node import Mapping, from_plain

if TYPE_CHECKING:
    from dynamo_conformance.manifest.node import Plain

KubeObject: TypeAlias = "dict[str, Plain]"
"""An object as the API gives and takes it."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind of object.

    Attributes:
        version: `v1`, or `group/version`.
        plural: Its name in paths, and in the rules of roles.
        kind: Its kind.
        namespaced: Whether its objects live in namespaces.
    """

    version: str
    plural: str
    kind: str
    namespaced: bool = True

    @property
    def group(self) -> str:
        """The API group; empty for the core one."""
        return self.version.rpartition("/")[0]

    def path(self, namespace: str | None = None, name: str = "", *, sub: str = "") -> str:
        """Return the path of one object, of its subresource, or of all of them."""
        steps = ["/apis" if self.group else "/api", self.version]
        if namespace is not None and self.namespaced:
            steps += ["namespaces", quote(namespace, safe="")]
        steps.append(self.plural)
        steps += [quote(step, safe="") for step in (name, sub) if step]
        return "/".join(steps)


NAMESPACES = Resource("v1", "namespaces", "Namespace", namespaced=False)
NODES = Resource("v1", "nodes", "Node", namespaced=False)
PODS = Resource("v1", "pods", "Pod")
EVENTS = Resource("v1", "events", "Event")
SECRETS = Resource("v1", "secrets", "Secret")
CONFIG_MAPS = Resource("v1", "configmaps", "ConfigMap")
CLAIMS = Resource("v1", "persistentvolumeclaims", "PersistentVolumeClaim")
SERVICES = Resource("v1", "services", "Service")
SERVICE_ACCOUNTS = Resource("v1", "serviceaccounts", "ServiceAccount")
DEPLOYMENTS = Resource("apps/v1", "deployments", "Deployment")
REPLICA_SETS = Resource("apps/v1", "replicasets", "ReplicaSet")
STATEFUL_SETS = Resource("apps/v1", "statefulsets", "StatefulSet")
ENDPOINT_SLICES = Resource("discovery.k8s.io/v1", "endpointslices", "EndpointSlice")
STORAGE_CLASSES = Resource("storage.k8s.io/v1", "storageclasses", "StorageClass", namespaced=False)
PRIORITY_CLASSES = Resource(
    "scheduling.k8s.io/v1", "priorityclasses", "PriorityClass", namespaced=False
)
RUNTIME_CLASSES = Resource("node.k8s.io/v1", "runtimeclasses", "RuntimeClass", namespaced=False)
LEADER_WORKER_SETS = Resource("leaderworkerset.x-k8s.io/v1", "leaderworkersets", "LeaderWorkerSet")
LEASES = Resource("coordination.k8s.io/v1", "leases", "Lease")
COMPONENTS = Resource(
    f"{GROUP}/{V1BETA1}", "dynamocomponentdeployments", "DynamoComponentDeployment"
)
WORKERS = Resource(f"{GROUP}/{V1ALPHA1}", "dynamoworkermetadatas", "DynamoWorkerMetadata")
ACCESS_REVIEWS = Resource(
    "authorization.k8s.io/v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview",
    namespaced=False,
)  # fmt: skip


def graphs(version: str) -> Resource:
    """Return the graphs of an API version: an older operator does not serve the newest."""
    return Resource(f"{GROUP}/{version}", "dynamographdeployments", KIND)


def as_mapping(value: KubeObject) -> Mapping:
    """Return an object the way manifests are read: every step asks for the type it expects."""
    node = from_plain(value)
    return node if isinstance(node, Mapping) else Mapping()


def metadata(value: KubeObject) -> Mapping:
    """Return an object's metadata."""
    found = value.get("metadata")
    return as_mapping(found) if isinstance(found, dict) else Mapping()


def name_of(value: KubeObject) -> str:
    """Return an object's name."""
    found = value.get("metadata")
    name = found.get("name") if isinstance(found, dict) else None
    return name if isinstance(name, str) else ""
