"""What is read from and written to a cluster's API: objects, their kinds, where they are found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from dynamo_conformance.manifest.document import GROUP, KIND, V1ALPHA1, V1BETA1
from dynamo_conformance.manifest.node import Mapping, from_plain

if TYPE_CHECKING:
    from dynamo_conformance.manifest.node import Plain


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind of object.

    Attributes:
        api_version: `v1`, or `group/version`.
        plural: Its name in paths, and in the rules of roles.
        kind: Its kind.
        namespaced: Whether its objects live in namespaces.
    """

    api_version: str
    plural: str
    kind: str
    namespaced: bool = True

    @property
    def group(self) -> str:
        """The API group; empty for the core one."""
        return self.api_version.rpartition("/")[0]

    @property
    def version(self) -> str:
        """The version in its group."""
        return self.api_version.rpartition("/")[2]

    def path(self, namespace: str | None = None, name: str = "", *, sub: str = "") -> str:
        """Return the path of one object, of its subresource, or of all of them."""
        steps = ["/apis" if self.group else "/api", self.api_version]
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
ROLES = Resource("rbac.authorization.k8s.io/v1", "roles", "Role")
ROLE_BINDINGS = Resource("rbac.authorization.k8s.io/v1", "rolebindings", "RoleBinding")
ADAPTERS = Resource(
    f"{GROUP}/{V1BETA1}",
    "dynamographdeploymentscalingadapters",
    "DynamoGraphDeploymentScalingAdapter",
)


def graphs(version: str) -> Resource:
    """Return the graphs of an API version: an older operator does not serve the newest."""
    return Resource(f"{GROUP}/{version}", "dynamographdeployments", KIND)


class Key(NamedTuple):
    """The identity of an object in its namespace."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """The graph that an object belongs to, and with which it is deleted.

    Attributes:
        name: The graph's name.
        uid: What its API server calls it.
    """

    name: str
    uid: str

    def reference(self) -> dict[str, Plain]:
        """Return the entry of `ownerReferences`."""
        return {
            "apiVersion": f"{GROUP}/{V1BETA1}",
            "kind": KIND,
            "name": self.name,
            "uid": self.uid,
            "controller": True,
            "blockOwnerDeletion": True,
        }


class KubeObject(dict[str, "Plain"]):
    """An object as the API gives and takes it: its JSON, and properties for what every kind has.

    Once it is made, nobody changes it: `with_metadata` and `with_spec` return another one.
    """

    __slots__ = ()

    @property
    def api_version(self) -> str:
        """Its `apiVersion`, or an empty string."""
        return _text(self.get("apiVersion"))

    @property
    def kind(self) -> str:
        """Its kind, or an empty string."""
        return _text(self.get("kind"))

    @property
    def name(self) -> str:
        """Its name, or an empty string."""
        return _text(self.metadata.get("name"))

    @property
    def namespace(self) -> str | None:
        """Its namespace, or None."""
        return _text(self.metadata.get("namespace")) or None

    @property
    def key(self) -> Key:
        """Its kind and name."""
        return Key(self.kind, self.name)

    @property
    def metadata(self) -> dict[str, Plain]:
        """Its metadata; empty when there is none."""
        return table(self.get("metadata"))

    @property
    def uid(self) -> str:
        """What nothing else is ever called; an empty string when it is not known."""
        return _text(self.metadata.get("uid"))

    @property
    def controller(self) -> dict[str, Plain]:
        """The reference to what controls it; empty when nothing does."""
        owners = self.metadata.get("ownerReferences")
        each = (table(reference) for reference in (owners if isinstance(owners, list) else ()))
        return next((reference for reference in each if reference.get("controller") is True), {})

    @property
    def controller_uid(self) -> str:
        """The uid of what controls it, or an empty string."""
        return _text(self.controller.get("uid"))

    @property
    def labels(self) -> dict[str, str]:
        """Its labels."""
        return _texts(self.metadata.get("labels"))

    @property
    def annotations(self) -> dict[str, str]:
        """Its annotations."""
        return _texts(self.metadata.get("annotations"))

    @property
    def spec(self) -> dict[str, Plain]:
        """Its spec; empty when there is none."""
        return table(self.get("spec"))

    def with_metadata(
        self, *, labels: dict[str, str] | None = None, annotations: dict[str, str] | None = None
    ) -> KubeObject:
        """Return the object with these labels and annotations beside its own."""
        metadata = {**self.metadata}
        for field, added in (("labels", labels), ("annotations", annotations)):
            if added:
                metadata[field] = {**table(metadata.get(field)), **added}
        return KubeObject({**self, "metadata": metadata})

    def with_spec(self, **fields: Plain) -> KubeObject:
        """Return the object with these fields of its spec replaced."""
        return KubeObject({**self, "spec": {**self.spec, **fields}})


def kube_object(
    api_version: str,
    kind: str,
    name: str,
    *,
    namespace: str,
    owner: Owner | None,
    labels: dict[str, str] | None = None,
    annotations: dict[str, str] | None = None,
    **content: Plain,
) -> KubeObject:
    """Return an object of a graph.

    Args:
        api_version: Its `apiVersion`.
        kind: Its kind.
        name: Its name.
        namespace: The namespace it is in.
        owner: The graph with which it goes away, or None when it stays.
        labels: Its labels.
        annotations: Its annotations.
        content: What stands beside `metadata`: spec, data, rules, ...
    """
    metadata: dict[str, Plain] = {"name": name, "namespace": namespace}
    if labels:
        metadata["labels"] = {**labels}
    if annotations:
        metadata["annotations"] = {**annotations}
    if owner is not None:
        metadata["ownerReferences"] = [owner.reference()]
    return KubeObject({"apiVersion": api_version, "kind": kind, "metadata": metadata, **content})


def table(value: Plain) -> dict[str, Plain]:
    """Return a value that should be a mapping; empty when it is none."""
    return value if isinstance(value, dict) else {}


def _text(value: Plain) -> str:
    return value if isinstance(value, str) else ""


def _texts(value: Plain) -> dict[str, str]:
    return {key: _text(item) for key, item in table(value).items()}


def as_mapping(value: dict[str, Plain]) -> Mapping:
    """Return an object the way manifests are read: every step asks for the type it expects."""
    node = from_plain(value)
    return node if isinstance(node, Mapping) else Mapping()
