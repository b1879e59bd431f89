"""Installing the reference operator into a cluster, again, and taking it away.

A cluster of its own is made for it, as taking it away takes all graphs with it.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.images import base_image, build
from dynamo_conformance.kube.connection import Connection
from dynamo_conformance.kube.labels import OPERATOR, OPERATOR_NAME, OPERATOR_NAMESPACE, PART
from dynamo_conformance.kube.resources import table
from dynamo_conformance.operator.installation.crds import (
    InstalledOperator,
)
from dynamo_conformance.operator.installation.install import (
    find,
    install,
    uninstall,
)
from dynamo_conformance.operator.installation.operator_image import (
    recipe,
)
from dynamo_conformance.targets.kind.kind_cluster import (
    NODE_IMAGE_VARIABLE,
    KindOptions,
    open_cluster,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.manifest.node import Plain

KINDS = (
    "mutatingwebhookconfigurations,validatingwebhookconfigurations,customresourcedefinitions,"
    "clusterrolebindings,clusterroles,namespaces"
)
FRONTEND = """
apiVersion: nvidia.com/v1alpha1
kind: DynamoGraphDeployment
metadata: {name: g, namespace: default}
spec:
  services:
    Frontend:
      componentType: frontend
      replicas: 0
      extraPodSpec: {mainContainer: {image: "none:1.6.1"}}
"""


@pytest.fixture(scope="module")
def connection() -> Iterator[Connection]:
    options = KindOptions(
        name="dynamo-install-test", image=os.environ.get(NODE_IMAGE_VARIABLE), delete=True
    )
    cluster = open_cluster(options, progress=print)
    try:
        with Connection(cluster.kubeconfig, cluster.context) as made:
            yield made
    finally:
        cluster.delete()


@pytest.fixture(scope="module")
def image(connection: Connection) -> str:
    built = build(recipe(), base=base_image())
    cluster = open_cluster(KindOptions(name="dynamo-install-test"), progress=print)
    cluster.load(built.name)
    return built.name


def listed(connection: Connection, *words: str) -> list[dict[str, Plain]]:
    done = connection.kubectl("get", *words, "--ignore-not-found", "--output", "json")
    assert done.returncode == 0, done.stderr
    items: list[dict[str, Plain]] = json.loads(done.stdout)["items"] if done.stdout else []
    return items


def ours(connection: Connection) -> list[str]:
    found = listed(connection, KINDS, "--selector", f"{PART}={OPERATOR}")
    return [f"{one['kind']} {table(one['metadata'])['name']}" for one in found]


def pods(connection: Connection) -> list[Plain]:
    found = listed(connection, "pods", "--namespace", OPERATOR_NAMESPACE)
    return [table(one["metadata"])["uid"] for one in found]


def secret(connection: Connection) -> Plain:
    (found,) = listed(connection, "secrets", "--namespace", OPERATOR_NAMESPACE)
    return found["data"]


def test_it_comes_stays_as_it_is_and_goes(connection: Connection, image: str) -> None:
    assert find(connection.kubectl) is InstalledOperator.NONE
    install(connection.kubectl, image=image)
    assert find(connection.kubectl) is InstalledOperator.REFERENCE
    assert len(ours(connection)) == 10
    done = connection.kubectl("apply", "--filename", "-", stdin=FRONTEND)
    assert done.returncode == 0, done.stderr

    before = pods(connection), secret(connection)
    install(connection.kubectl, image=image)
    assert (pods(connection), secret(connection)) == before
    (graph,) = listed(connection, "dgd", "--all-namespaces")
    assert "finalizers" not in table(graph["metadata"])

    uninstall(connection.kubectl)
    assert ours(connection) == []
    assert find(connection.kubectl) is InstalledOperator.NONE
    left = listed(
        connection, "deployments,services,serviceaccounts,roles,rolebindings", "--all-namespaces",
        "--selector", f"{PART}={OPERATOR}",
    )  # fmt: skip
    assert left == []

    install(connection.kubectl, image=image)
    done = connection.kubectl("apply", "--filename", "-", stdin=FRONTEND)
    assert done.returncode == 0, done.stderr
    told = connection.kubectl("delete", "pod", "--all", "--namespace", OPERATOR_NAMESPACE)
    assert told.returncode == 0, told.stderr
    done = connection.kubectl(
        "rollout", "status", f"deployment/{OPERATOR_NAME}", "--namespace", OPERATOR_NAMESPACE,
        "--timeout=100s", timeout=110,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
