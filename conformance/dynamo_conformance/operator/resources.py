"""The kinds of objects the controller reads and writes, and where an API server keeps them."""

from __future__ import annotations

from dataclasses import dataclass

from dynamo_conformance.manifest.document import GROUP, KIND, V1BETA1
from dynamo_conformance.operator.objects.accounts import RBAC
from dynamo_conformance.operator.objects.adapters import ADAPTER
from dynamo_conformance.rendering.pod import DEPLOYMENT, LEADER_WORKER_SET


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind of object.

    Attributes:
        group: Its API group; empty for the core group.
        version: The version it is read and written in.
        plural: Its name in paths.
        kind: Its kind.
    """

    group: str
    version: str
    plural: str
    kind: str

    @property
    def api_version(self) -> str:
        """Its `apiVersion`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None, name: str = "", subresource: str = "") -> str:
        """Return the path of a collection, of an object in it, or of a part of that object.

        Args:
            namespace: The namespace; None means all of them.
            name: The object; empty means all of them.
            subresource: `status` or the like.
        """
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        within = f"/namespaces/{namespace}" if namespace is not None else ""
        return root + within + "".join(f"/{one}" for one in (self.plural, name, subresource) if one)


GRAPHS = Resource(GROUP, V1BETA1, "dynamographdeployments", KIND)
ADAPTERS = Resource(GROUP, V1BETA1, "dynamographdeploymentscalingadapters", ADAPTER)
DEPLOYMENTS = Resource("apps", "v1", "deployments", DEPLOYMENT)
SETS = Resource("leaderworkerset.x-k8s.io", "v1", "leaderworkersets", LEADER_WORKER_SET)
SERVICES = Resource("", "v1", "services", "Service")
CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap")
ACCOUNTS = Resource("", "v1", "serviceaccounts", "ServiceAccount")
ROLES = Resource(RBAC, "v1", "roles", "Role")
BINDINGS = Resource(RBAC, "v1", "rolebindings", "RoleBinding")
CLAIMS = Resource("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim")
SECRETS = Resource("", "v1", "secrets", "Secret")
PODS = Resource("", "v1", "pods", "Pod")
EVENTS = Resource("events.k8s.io", "v1", "events", "Event")

WATCHED = (
    DEPLOYMENTS, SETS, SERVICES, CONFIG_MAPS, ACCOUNTS, ROLES, BINDINGS, CLAIMS, ADAPTERS,
)  # fmt: skip
"""What the controller makes and then keeps an eye on."""

MADE_ONCE = (CLAIMS.kind, SECRETS.kind, ADAPTERS.kind)
"""What is made when it is missing and then left to others: claims hold data, secrets keys, and an
adapter's number is its user's."""

KEPT = (CLAIMS.kind, SECRETS.kind)
"""What is never deleted because nobody wants it any more: only with its graph, or by people."""

BY_KIND = {one.kind: one for one in (*WATCHED, SECRETS, PODS, GRAPHS)}
