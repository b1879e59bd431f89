"""What the reference operator may do in a cluster: no more than it does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.manifest.document import GROUP
from dynamo_conformance.operator.objects import accounts

if TYPE_CHECKING:
    from dynamo_conformance.manifest.node import Plain

RBAC = "rbac.authorization.k8s.io"
MAKE = "get", "list", "watch", "create", "patch", "delete"
READ = "get", "list", "watch"


def rules() -> list[Plain]:
    """Return the rules of its ClusterRole."""
    graphs, adapters = "dynamographdeployments", "dynamographdeploymentscalingadapters"
    return [
        _rule(GROUP, (graphs,), *READ, "patch", "update"),
        _rule(GROUP, (f"{graphs}/status", f"{adapters}/status"), "get", "patch", "update"),
        _rule(GROUP, (f"{graphs}/finalizers",), "update"),
        _rule(GROUP, (adapters,), *MAKE),
        _rule("apps", ("deployments",), *MAKE),
        _rule("leaderworkerset.x-k8s.io", ("leaderworkersets",), *MAKE),
        _rule("", ("services", "configmaps", "serviceaccounts"), *MAKE),
        _rule("", ("persistentvolumeclaims",), *MAKE),
        # It makes the keys of groups of nodes, and looks at secrets that open registries.
        _rule("", ("secrets",), "get", "list", "create"),
        _rule("", ("pods", "namespaces"), *READ),
        _rule(RBAC, ("roles", "rolebindings"), *MAKE),
        # The roles that it makes give rights that it does not have itself.
        _rule(RBAC, ("roles",), "escalate"),
        _rule(RBAC, ("roles", "clusterroles"), "bind"),
        _rule("events.k8s.io", ("events",), "create", "patch"),
        _rule("", ("events",), "create", "patch"),
        _rule("apiextensions.k8s.io", ("customresourcedefinitions",), *READ),
    ]


def planner_rules() -> list[Plain]:
    """Return the rules of the ClusterRole that planners are bound to.

    They scale graphs, and find their workers by Kubernetes' discovery as every component does.
    """
    graphs, adapters = "dynamographdeployments", "dynamographdeploymentscalingadapters"
    return [
        _rule(GROUP, (graphs, adapters), *READ, "patch", "update"),
        _rule(GROUP, (f"{graphs}/scale", f"{adapters}/scale"), "get", "patch", "update"),
        *accounts.discovery_rules(),
    ]


def _rule(group: str, resources: tuple[str, ...], *verbs: str) -> dict[str, Plain]:
    return {"apiGroups": [group], "resources": list(resources), "verbs": list(verbs)}
