"""Installing the reference operator, and taking it away again."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Protocol

from dynamo_conformance.kube.labels import OPERATOR, OPERATOR_NAME, OPERATOR_NAMESPACE, PART
from dynamo_conformance.kube.resources import table
from dynamo_conformance.operator.installation.certificate import Certificate
from dynamo_conformance.operator.installation.crds import (
    DEFINITION,
    InstalledOperator,
    presence,
)
from dynamo_conformance.operator.installation.manifests import SECRET, installation

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterable

    from dynamo_conformance.kube.resources import KubeObject
    from dynamo_conformance.manifest.node import Plain

MANAGER = "dynamo-conformance"
READY_SECONDS = 120.0
REMOVE_SECONDS = 120.0
POLL_SECONDS = 0.5
LAST_LINES = 15

_WITHIN = "rolebindings,serviceaccounts"
"""What the controller makes for all graphs of a namespace, and what goes with none of them."""

_KINDS = (
    "mutatingwebhookconfigurations",
    "validatingwebhookconfigurations",
    "customresourcedefinitions",
    "clusterrolebindings",
    "clusterroles",
    "namespaces",
)


class InstallError(Exception):
    """The reference operator cannot be installed; the text is why."""


class Kubectl(Protocol):
    """kubectl on one cluster."""

    def __call__(
        self, *words: str, stdin: str | None = None, timeout: float = ...
    ) -> subprocess.CompletedProcess[str]:
        """Run it to its end."""


def find(kubectl: Kubectl) -> InstalledOperator:
    """Return which operator the cluster has.

    Raises:
        InstallError: It cannot be asked.
    """
    definition = _get(kubectl, "crd", DEFINITION)
    return presence(definition)


def install(kubectl: Kubectl, *, image: str) -> None:
    """Have the reference operator in the cluster, in the version of `image`, and answering.

    Raises:
        InstallError: The API server refuses it, or it does not come up.
    """
    certificate = _certificate(kubectl)
    _apply(kubectl, installation(image=image, certificate=certificate))
    done = kubectl(
        "rollout", "status", f"deployment/{OPERATOR_NAME}", "--namespace", OPERATOR_NAMESPACE,
        f"--timeout={READY_SECONDS:.0f}s",
        timeout=READY_SECONDS + 10,
    )  # fmt: skip
    if done.returncode:
        where = ("--namespace", OPERATOR_NAMESPACE, f"--tail={LAST_LINES}")
        wrote = kubectl("logs", f"deployment/{OPERATOR_NAME}", *where).stdout.strip()
        message = f"the reference operator does not come up: {done.stderr.strip()}"
        raise InstallError("\n".join((message, *wrote.splitlines())))
    _wait_for_answers(kubectl)


def uninstall(kubectl: Kubectl) -> None:
    """Take everything of the reference operator out of the cluster, and all graphs with it.

    Raises:
        InstallError: Something stays.
    """
    if find(kubectl) is InstalledOperator.REFERENCE:
        # The cluster finds what belongs to an object only as long as it knows the object's kind.
        _delete(kubectl, "graphs", DEFINITION, "--all", "--all-namespaces", "--cascade=foreground")
    for kind in (*_KINDS, _WITHIN):
        where = ("--all-namespaces",) if kind == _WITHIN else ()
        selected = (kind, "--selector", f"{PART}={OPERATOR}", "--ignore-not-found", *where)
        _delete(kubectl, f"{kind} of the reference operator", *selected)


def _delete(kubectl: Kubectl, what: str, *words: str) -> None:
    deadline = f"--timeout={REMOVE_SECONDS:.0f}s"
    done = kubectl("delete", *words, deadline, timeout=REMOVE_SECONDS + 10)
    if done.returncode:
        raise InstallError(f"{what} stay: {done.stderr.strip()}")


def _certificate(kubectl: Kubectl) -> Certificate:
    """Return the certificate that is in use, so that nothing stops working, or a new one."""
    secret = _get(kubectl, "secret", SECRET, "--namespace", OPERATOR_NAMESPACE)
    known = Certificate.of_secret(table(secret.get("data"))) if secret is not None else None
    return known or Certificate.new()


def _apply(kubectl: Kubectl, objects: Iterable[KubeObject]) -> None:
    items: list[Plain] = list(objects)
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
    done = kubectl(
        "apply", "--server-side", "--force-conflicts", "--field-manager", MANAGER,
        "--filename", "-",
        stdin=text,
    )  # fmt: skip
    if done.returncode:
        raise InstallError(f"the reference operator cannot be installed: {done.stderr.strip()}")


def _get(kubectl: Kubectl, *words: str) -> dict[str, Plain] | None:
    done = kubectl("get", *words, "--ignore-not-found", "--output", "json")
    if done.returncode:
        raise InstallError(f"kubectl get {' '.join(words)}: {done.stderr.strip()}")
    answer: dict[str, Plain] | None = json.loads(done.stdout) if done.stdout.strip() else None
    return answer


def _wait_for_answers(kubectl: Kubectl) -> None:
    """Wait until a graph of the older version goes all the way: both webhooks, and conversion."""
    text = json.dumps(_smallest_graph())
    deadline = time.monotonic() + READY_SECONDS
    while True:
        done = kubectl("create", "--dry-run=server", "--filename", "-", stdin=text)
        if done.returncode == 0:
            return
        if time.monotonic() > deadline:
            message = done.stderr.strip()
            raise InstallError(f"the webhooks of the reference operator do not answer: {message}")
        time.sleep(POLL_SECONDS)


def _smallest_graph() -> dict[str, Plain]:
    main: dict[str, Plain] = {"image": "none:1.6.1"}
    service: dict[str, Plain] = {
        "componentType": "frontend",
        "extraPodSpec": {"mainContainer": main},
    }
    return {
        "apiVersion": "nvidia.com/v1alpha1",
        "kind": "DynamoGraphDeployment",
        "metadata": {"name": "dynamo-conformance-try", "namespace": "default"},
        "spec": {"services": {"Frontend": service}},
    }
