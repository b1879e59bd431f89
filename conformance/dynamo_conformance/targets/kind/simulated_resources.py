"""Resources that a laptop does not have, simulated: the cluster is adapted, never the manifest.

The nodes advertise extended resources (GPUs, RDMA devices) that they do not have. A policy scales
down what the pods of graphs request, as they are admitted: requests decide whether a pod is placed
at all. Limits stay as published: they cost nothing until they are reached.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import yaml

from dynamo_conformance.kube.labels import PART, WORLD
from dynamo_conformance.rendering.labels import GRAPH
from dynamo_conformance.targets.interface import Change, TargetUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dynamo_conformance.kube.connection import Connection
    from dynamo_conformance.manifest.node import Plain

MANAGER = "dynamo-conformance-world"
COUNT = "1024"
"""Of each device on each node: more than all examples that fit on it can ask for."""

GROUP = "admissionregistration.k8s.io"
KIND = "MutatingAdmissionPolicy"
VERSIONS = ("v1", "v1beta1")
"""In which the policy can be written, the best first: Kubernetes 1.36, and 1.34 when asked."""

NAME = "dynamo-conformance-requests"
REQUESTS = {"cpu": "10m", "memory": "16Mi", "ephemeral-storage": "1Mi"}
"""What every container of a graph asks for in the test cluster."""

UNSCALED = (
    f"the cluster serves no {KIND}, so pods ask for all that their manifests say; make the "
    "cluster with Kubernetes 1.34 or later"
)


def apply(
    connection: Connection, objects: Sequence[dict[str, Plain]], *, namespace: str | None = None
) -> None:
    """Make `objects` be there as they are written, whoever else wrote to them before.

    Raises:
        TargetUnavailableError: The API server refuses an object.
    """
    if not objects:
        return
    listed = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
    where = ("--namespace", namespace) if namespace is not None else ()
    done = connection.kubectl(
        "apply", "--server-side", "--force-conflicts", "--field-manager", MANAGER, *where,
        "--filename", "-",
        stdin=json.dumps(listed),
    )  # fmt: skip
    if done.returncode:
        raise TargetUnavailableError(
            f"the test cluster refuses an object that graphs need: {done.stderr.strip()}"
        )


def advertise(connection: Connection, resources: Iterable[str]) -> tuple[Change, ...]:
    """Let every node advertise devices of these names; what it has of its own stays.

    The kubelet keeps in a node's status what it does not know.

    Raises:
        TargetUnavailableError: The nodes' status cannot be written.
    """
    wanted = sorted(resources)
    changes = []
    for node, capacity in _capacities(connection).items():
        missing = [name for name in wanted if capacity.get(name, "0") == "0"]
        if missing:
            _patch(connection, node, missing)
        changes += [
            Change(f"node {node}", f"advertises {name}, of which it has none")
            for name in wanted
            if name in missing or capacity.get(name) == COUNT
        ]
    return tuple(changes)


def _capacities(connection: Connection) -> dict[str, dict[str, str]]:
    done = connection.kubectl("get", "nodes", "--output", "json")
    if done.returncode:
        raise TargetUnavailableError(f"cannot list the nodes: {done.stderr.strip()}")
    items: list[dict[str, dict[str, dict[str, str]]]] = json.loads(done.stdout)["items"]
    return {str(node["metadata"]["name"]): node["status"]["capacity"] for node in items}


def _patch(connection: Connection, node: str, names: list[str]) -> None:
    patch: list[Plain] = [
        {"op": "add", "path": f"/status/capacity/{name.replace('/', '~1')}", "value": COUNT}
        for name in names
    ]
    done = connection.kubectl(
        "patch", "node", node, "--subresource=status", "--type=json", "--patch", json.dumps(patch)
    )
    if done.returncode:
        raise TargetUnavailableError(f"node {node} takes no devices: {done.stderr.strip()}")


def policy_version(connection: Connection) -> str | None:
    """Return in which version the cluster takes the policy that scales requests, or None."""
    served = connection.kubectl("api-resources", "--api-group", GROUP, "--no-headers")
    return best_version(served.stdout)


def scale_requests(connection: Connection, version: str | None) -> tuple[Change, ...]:
    """Let pods ask for next to nothing, where the cluster can do it."""
    if version is None:
        return (Change("requests", UNSCALED),)
    apply(connection, scaling_policy(version))
    requests = ", ".join(f"{name} {value}" for name, value in REQUESTS.items())
    return (Change("pods", f"each container requests {requests}"),)


def best_version(served: str) -> str | None:
    """Return the version in which a cluster takes the policy, or None when it takes none.

    Args:
        served: What `kubectl api-resources` prints of the group.
    """
    rows = [line.split() for line in served.splitlines()]
    versions = {row[-3] for row in rows if len(row) > 3 and row[-1] == KIND}  # noqa: PLR2004 - columns
    return next((version for version in VERSIONS if f"{GROUP}/{version}" in versions), None)


def scaling_policy(version: str) -> list[dict[str, Plain]]:
    """Return the policy and its binding.

    Args:
        version: One of VERSIONS.
    """
    policy = f"""
apiVersion: {GROUP}/{version}
kind: {KIND}
metadata: {{name: {NAME}, labels: {{{PART}: {WORLD}}}}}
spec:
  matchConstraints:
    resourceRules:
      - {{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}}
    objectSelector: {{matchExpressions: [{{key: {GRAPH}, operator: Exists}}]}}
  failurePolicy: Fail
  reinvocationPolicy: IfNeeded
  mutations:
    - patchType: ApplyConfiguration
      applyConfiguration: {{expression: {json.dumps(_expression())}}}
---
apiVersion: {GROUP}/{version}
kind: {KIND}Binding
metadata: {{name: {NAME}, labels: {{{PART}: {WORLD}}}}}
spec: {{policyName: {NAME}}}
"""
    return list(yaml.safe_load_all(policy))


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
