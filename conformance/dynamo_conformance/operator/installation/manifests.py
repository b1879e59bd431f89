"""The objects by which the reference operator is in a cluster, in the order to apply them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.kube.labels import OPERATOR, OPERATOR_NAME, OPERATOR_NAMESPACE, PART
from dynamo_conformance.kube.resources import KubeObject
from dynamo_conformance.manifest.document import GROUP, V1BETA1
from dynamo_conformance.operator.installation.crds import SERVICE_PORT, definitions
from dynamo_conformance.operator.objects import accounts
from dynamo_conformance.operator.objects.accounts import PLANNER_ROLE, RBAC

if TYPE_CHECKING:
    from dynamo_conformance.manifest.node import Plain
    from dynamo_conformance.operator.installation.certificate import Certificate


SECRET = f"{OPERATOR_NAME}-certificate"
CERTIFICATES = "/certificates"
PORT = 9443
MUTATE, VALIDATE, READY = "/mutate", "/validate", "/ready"
MUTATING, VALIDATING = "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"
HOOKS = {
    MUTATING: ("mdynamographdeployment.kb.io", MUTATE),
    VALIDATING: ("vdynamographdeployment.kb.io", VALIDATE),
}
"""Named as the real operator's, which the API server quotes to the user."""

_NAME = f"dynamo-conformance-{OPERATOR_NAME}"
_APP = {"app": OPERATOR_NAME}
_NOBODY = 65532


def installation(*, image: str, certificate: Certificate) -> tuple[KubeObject, ...]:
    """Return all objects of the installation.

    Args:
        image: What the operator runs from; it must be on the nodes already.
        certificate: That of its webhook server.
    """
    return (
        _made("v1", "Namespace", OPERATOR_NAMESPACE),
        _made("v1", "ServiceAccount", OPERATOR_NAME, is_inside=True),
        _made(f"{RBAC}/v1", "ClusterRole", _NAME, rules=_rules()),
        _made(f"{RBAC}/v1", "ClusterRole", PLANNER_ROLE, rules=_planner_rules()),
        _binding(),
        _made("v1", "Secret", SECRET, is_inside=True, data=certificate.secret_data()),
        _service(),
        *definitions(bundle=certificate.bundle),
        _deployment(image),
        *(_hook(kind, certificate.bundle) for kind in (MUTATING, VALIDATING)),
    )


def _binding() -> KubeObject:
    account: dict[str, Plain] = {
        "kind": "ServiceAccount",
        "name": OPERATOR_NAME,
        "namespace": OPERATOR_NAMESPACE,
    }
    role: dict[str, Plain] = {"apiGroup": RBAC, "kind": "ClusterRole", "name": _NAME}
    return _made(f"{RBAC}/v1", "ClusterRoleBinding", _NAME, roleRef=role, subjects=[account])


def _service() -> KubeObject:
    port: dict[str, Plain] = {"name": "webhook", "port": SERVICE_PORT, "targetPort": PORT}
    spec: dict[str, Plain] = {"selector": {**_APP}, "ports": [port]}
    return _made("v1", "Service", OPERATOR_NAME, is_inside=True, spec=spec)


def _deployment(image: str) -> KubeObject:
    pod: dict[str, Plain] = {
        "serviceAccountName": OPERATOR_NAME,
        # Without it no graph can be read, so it goes before what it makes.
        "priorityClassName": "system-cluster-critical",
        "terminationGracePeriodSeconds": 10,
        "securityContext": {"runAsNonRoot": True, "runAsUser": _NOBODY},
        "containers": [_container(image)],
        "volumes": [{"name": "certificate", "secret": {"secretName": SECRET}}],
    }
    spec: dict[str, Plain] = {
        "replicas": 1,
        # Two at a time would both write.
        "strategy": {"type": "Recreate"},
        "selector": {"matchLabels": {**_APP}},
        "template": {"metadata": {"labels": {**_APP, PART: OPERATOR}}, "spec": pod},
    }
    return _made("apps/v1", "Deployment", OPERATOR_NAME, is_inside=True, spec=spec)


def _container(image: str) -> dict[str, Plain]:
    ready: dict[str, Plain] = {"path": READY, "port": PORT, "scheme": "HTTPS"}
    return {
        "name": "operator",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python3", "-m", "dynamo_conformance.operator"],
        "ports": [{"name": "webhook", "containerPort": PORT}],
        "readinessProbe": {"httpGet": ready, "periodSeconds": 2, "timeoutSeconds": 5},
        "livenessProbe": {
            "httpGet": ready,
            "periodSeconds": 20,
            "timeoutSeconds": 20,
            "failureThreshold": 5,
        },
        "resources": {"requests": {"cpu": "200m", "memory": "96Mi"}},
        "volumeMounts": [{"name": "certificate", "mountPath": CERTIFICATES, "readOnly": True}],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }


def _hook(kind: str, bundle: str) -> KubeObject:
    name, path = HOOKS[kind]
    service: dict[str, Plain] = {
        "name": OPERATOR_NAME,
        "namespace": OPERATOR_NAMESPACE,
        "path": path,
        "port": SERVICE_PORT,
    }
    rule: dict[str, Plain] = {
        "apiGroups": [GROUP],
        "apiVersions": [V1BETA1],
        "operations": ["CREATE", "UPDATE"],
        "resources": ["dynamographdeployments"],
    }
    hook: dict[str, Plain] = {
        "name": name,
        "admissionReviewVersions": ["v1"],
        "clientConfig": {"service": service, "caBundle": bundle},
        "failurePolicy": "Fail",
        # A request in the older version is converted first, and asked about all the same.
        "matchPolicy": "Equivalent",
        "sideEffects": "None",
        # A busy node is no reason to refuse a graph.
        "timeoutSeconds": 30,
        "rules": [rule],
    }
    return _made("admissionregistration.k8s.io/v1", kind, _NAME, webhooks=[hook])


def _made(
    api_version: str, kind: str, name: str, *, is_inside: bool = False, **fields: Plain
) -> KubeObject:
    metadata: dict[str, Plain] = {"name": name, "labels": {PART: OPERATOR}}
    if is_inside:
        metadata["namespace"] = OPERATOR_NAMESPACE
    return KubeObject({"apiVersion": api_version, "kind": kind, "metadata": metadata, **fields})


MAKE = "get", "list", "watch", "create", "patch", "delete"
READ = "get", "list", "watch"


def _rules() -> list[Plain]:
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
        # It makes the keys of groups of nodes, and reads the secrets that open registries.
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


def _planner_rules() -> list[Plain]:
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
