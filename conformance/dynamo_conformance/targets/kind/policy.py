"""What graphs ask of a node that a laptop is not, scaled down as their pods are admitted.

Limits stay as published: they cost nothing until they are reached. Requests decide whether a pod
is placed at all, so every container of a graph's pods asks for next to nothing instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.kube.labels import PART, WORLD
from dynamo_conformance.rendering.labels import GRAPH

if TYPE_CHECKING:
    from dynamo_conformance.manifest.node import Plain

GROUP = "admissionregistration.k8s.io"
KIND = "MutatingAdmissionPolicy"
VERSIONS = ("v1", "v1beta1")
"""In which the policy can be written, the best first: Kubernetes 1.36, and 1.34 when asked."""

NAME = "dynamo-conformance-requests"
REQUESTS = {"cpu": "10m", "memory": "16Mi", "ephemeral-storage": "1Mi"}
"""What every container of a graph asks for in the test cluster."""


def best_version(served: str) -> str | None:
    """Return the version in which a cluster takes the policy, or None when it takes none.

    Args:
        served: What `kubectl api-resources` prints of the group.
    """
    rows = [line.split() for line in served.splitlines()]
    found = {row[-3] for row in rows if len(row) > 3 and row[-1] == KIND}  # noqa: PLR2004 - columns
    return next((one for one in VERSIONS if f"{GROUP}/{one}" in found), None)


def scaling_policy(version: str) -> list[dict[str, Plain]]:
    """Return the policy and its binding.

    Args:
        version: One of VERSIONS.
    """
    api = f"{GROUP}/{version}"
    rules: list[Plain] = [
        {
            "apiGroups": [""],
            "apiVersions": ["v1"],
            "operations": ["CREATE"],
            "resources": ["pods"],
        }
    ]
    selector: dict[str, Plain] = {"matchExpressions": [{"key": GRAPH, "operator": "Exists"}]}
    change: dict[str, Plain] = {
        "patchType": "ApplyConfiguration",
        "applyConfiguration": {"expression": _expression()},
    }
    policy: dict[str, Plain] = {
        "apiVersion": api,
        "kind": KIND,
        "metadata": _metadata(),
        "spec": {
            "matchConstraints": {"resourceRules": rules, "objectSelector": selector},
            "failurePolicy": "Fail",
            "reinvocationPolicy": "IfNeeded",
            "mutations": [change],
        },
    }
    binding: dict[str, Plain] = {
        "apiVersion": api,
        "kind": f"{KIND}Binding",
        "metadata": _metadata(),
        "spec": {"policyName": NAME},
    }
    return [policy, binding]


def _metadata() -> dict[str, Plain]:
    return {"name": NAME, "labels": {PART: WORLD}}


def _expression() -> str:
    """Return the change as CEL: lists of containers merge by name, maps of requests by key."""
    lists = ", ".join(
        f"{field}: (has(object.spec.{field}) ? object.spec.{field} : []).map(one, "
        f"Object.spec.{field}{{name: one.name, "
        f"resources: Object.spec.{field}.resources{{requests: {_requests()}}}}})"
        for field in ("containers", "initContainers")
    )
    return f"Object{{spec: Object.spec{{{lists}}}}}"


def _requests() -> str:
    return "{" + ", ".join(f'"{name}": "{value}"' for name, value in REQUESTS.items()) + "}"
