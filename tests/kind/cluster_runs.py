"""Graphs in the cluster of these tests: targets that make them, and accounts that may do little."""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import yaml
from planted_faults import Body, applied

from dynamo_conformance.kube.connection import Connection
from dynamo_conformance.kube.labels import PART, RUN, RUN_ID
from dynamo_conformance.kube.resources import NAMESPACES
from dynamo_conformance.targets.cluster.cluster_target import ClusterTarget
from dynamo_conformance.targets.cluster.namespace import Namespace, Removal, new_name
from dynamo_conformance.targets.readiness import wait_ready

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dynamo_conformance.targets.cluster.cluster_deployment import ClusterDeployment
    from dynamo_conformance.targets.cluster.permissions import Permission

TOKEN: Body = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "hf-token-secret"},
    "stringData": {"HF_TOKEN": "dummy"},
}
READY_SECONDS = 120.0


@dataclass
class Targets:
    """Makes targets, and waits for the end of all that they removed."""

    connection: Connection
    removals: list[Removal]
    run: str

    def target(self, *objects: Body, **options: object) -> ClusterTarget:
        """Return a target whose namespaces hold `objects` before anything is applied."""

        def furnish(namespace: str) -> None:
            applied(self.connection, namespace, *(objects or (TOKEN,)))

        given: dict[str, object] = {"fill_namespace": furnish, **options}
        return ClusterTarget(
            connection=self.connection,
            run=self.run,
            removed=self.removals.append,
            **given,  # type: ignore[arg-type]
        )

    def left(self) -> list[str]:
        """Return the namespaces of the run that are still there."""
        namespaces = self.connection.list(NAMESPACES, labels=f"{PART}={RUN},{RUN_ID}={self.run}")
        return [namespace.name for namespace in namespaces]


def came_up(deployment: ClusterDeployment, model: str | None = None) -> float:
    """Wait until a graph answers; return how long it took."""
    return wait_ready(deployment, model=model, timeout=READY_SECONDS).ready_after


@contextmanager
def given_namespace(targets: Targets) -> Iterator[str]:
    """Return a namespace that somebody else made, with what the graph needs."""
    namespace = Namespace(targets.connection, new_name("given"), run=targets.run)
    try:
        namespace.create()
        applied(targets.connection, namespace.name, TOKEN)
        yield namespace.name
    finally:
        targets.removals.append(namespace.remove())


@contextmanager
def limited(
    targets: Targets,
    kubeconfig: Path,
    folder: Path,
    permissions: tuple[Permission, ...],
    *,
    namespace: str | None = None,
) -> Iterator[Connection]:
    """Return a connection as a service account that has these permissions and no others.

    Args:
        targets: Who makes the account.
        kubeconfig: The cluster.
        folder: Where the account's own kubeconfig is written.
        permissions: What it may do.
        namespace: Where it may do so; None is everywhere.
    """
    name = f"limited-{secrets.token_hex(3)}"
    admin = targets.connection
    metadata = {"name": name}
    rules = [
        {
            "apiGroups": [permission.group],
            "resources": [permission.resource],
            "verbs": list(permission.verbs),
        }
        for permission in permissions
    ]
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name}
    subject = {"kind": "ServiceAccount", "name": name, "namespace": "default"}
    made: tuple[Body, ...] = (
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata},
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": metadata,
            "rules": rules,
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding" if namespace else "ClusterRoleBinding",
            "metadata": {**metadata, "namespace": namespace} if namespace else metadata,
            "roleRef": role,
            "subjects": [subject],
        },
    )
    for item in made:
        applied(admin, str(item["metadata"].get("namespace", "default")), item)
    try:
        token = admin.kubectl("create", "token", name, "-n", "default").stdout.strip()
        config = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))
        (user,) = config["users"]
        user["user"] = {"token": token}
        path = folder / f"{name}.kubeconfig"
        path.write_text(yaml.safe_dump(config), encoding="utf-8")
        with Connection(path) as connection:
            yield connection
    finally:
        admin.kubectl("delete", "clusterrolebinding,clusterrole", name)
        admin.kubectl("delete", "serviceaccount", name, "-n", "default")
