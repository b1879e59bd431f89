"""Service accounts and their rights: a graph's pods find each other by asking the API server."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from dynamo_conformance.kube.resources import KubeObject, kube_object
from dynamo_conformance.manifest.document import GROUP
from dynamo_conformance.operator.objects.last_applied import noted
from dynamo_conformance.rendering import names

if TYPE_CHECKING:
    from dynamo_conformance.kube.resources import Owner
    from dynamo_conformance.manifest.graph import Graph
    from dynamo_conformance.manifest.node import Plain

RBAC = "rbac.authorization.k8s.io"
PLANNER_ROLE = "dynamo-operator-planner"
"""The ClusterRole that comes with the operator's installation."""

_READ = ("get", "list", "watch")
_MAX_LABEL = 63
_HASH_LENGTH = 8


def discovery(graph: Graph, *, namespace: str, owner: Owner) -> tuple[KubeObject, ...]:
    """Return the account of a graph's pods, and what lets it read and write discovery records."""
    account = names.discovery_account(graph)
    role = kube_object(
        f"{RBAC}/v1",
        "Role",
        f"{account}-role",
        namespace=namespace,
        owner=owner,
        labels=_labels(account),
        rules=discovery_rules(),
    )
    bound, binding = _bound(account, role, namespace=namespace, owner=owner)
    return tuple(noted(made) for made in (bound, role, binding))


def planner(*, namespace: str) -> tuple[KubeObject, ...]:
    """Return the planners' account; it is there for all graphs of a namespace, and stays."""
    role = KubeObject(kind="ClusterRole", metadata={"name": PLANNER_ROLE})
    return _bound(names.PLANNER_ACCOUNT, role, namespace=namespace, owner=None)


def _bound(
    account: str, role: KubeObject, *, namespace: str, owner: Owner | None
) -> tuple[KubeObject, KubeObject]:
    """Return an account and what gives it the rights of a role."""
    labels = _labels(account)
    return (
        kube_object("v1", "ServiceAccount", account, namespace=namespace, owner=owner,
                    labels=labels),
        kube_object(f"{RBAC}/v1", "RoleBinding", f"{account}-binding", namespace=namespace,
                    owner=owner, labels=labels,
                    roleRef={"apiGroup": RBAC, "kind": role.kind, "name": role.name},
                    subjects=[{"kind": "ServiceAccount", "name": account, "namespace": namespace}]),
    )  # fmt: skip


def _labels(account: str) -> dict[str, str]:
    return {
        "app.kubernetes.io/component": "rbac",
        "app.kubernetes.io/managed-by": "dynamo-operator",
        "app.kubernetes.io/name": _label_value(account),
    }


def _label_value(name: str) -> str:
    """Return a name as a label can hold it: cut, and made unique by a hash, when it is too long."""
    if len(name) <= _MAX_LABEL:
        return name
    tail = hashlib.sha256(name.encode()).hexdigest()[:_HASH_LENGTH]
    return f"{name[: _MAX_LABEL - _HASH_LENGTH - 1]}-{tail}"


def discovery_rules() -> list[Plain]:
    """Return the rights with which a component finds the others, and is found."""
    return [
        _rule("", ("endpoints", "pods"), _READ),
        _rule("discovery.k8s.io", ("endpointslices",), _READ),
        _rule(GROUP, ("dynamoworkermetadatas",), ("create", *_READ, "update", "patch", "delete")),
    ]


def _rule(group: str, resources: tuple[str, ...], verbs: tuple[str, ...]) -> dict[str, Plain]:
    return {"apiGroups": [group], "resources": [*resources], "verbs": [*verbs]}
