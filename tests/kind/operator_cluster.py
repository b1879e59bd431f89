"""A live cluster for the tests of the reference operator: short calls, and waits that end."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar
from unittest import mock

from dynamo_conformance.kube.errors import ApiError
from dynamo_conformance.kube.labels import OPERATOR_NAME, OPERATOR_NAMESPACE
from dynamo_conformance.kube.resources import (
    DEPLOYMENTS,
    NAMESPACES,
    NODES,
    PODS,
    KubeObject,
    Resource,
    graphs,
    table,
)
from dynamo_conformance.operator.cluster_api import ClusterApi, login
from dynamo_conformance.operator.watched_kinds import BY_KIND, GRAPHS

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path

    from dynamo_conformance.kube.client import Access
    from dynamo_conformance.manifest.node import Plain

Found = TypeVar("Found")

CRDS = Resource(
    "apiextensions.k8s.io/v1",
    "customresourcedefinitions",
    "CustomResourceDefinition",
    namespaced=False,
)
POLL = 0.02

_CONTROLLER = """
import asyncio, kopf
from dynamo_conformance.operator.controller import controller
made = controller()
asyncio.run(kopf.operator(registry=made.registry, settings=made.settings, clusterwide=True))
"""


class Cluster:
    """Calls to a cluster, one after another."""

    def __init__(self, kubeconfig: Path) -> None:
        self.kubeconfig = kubeconfig
        self._runner = asyncio.Runner()
        self._api = ClusterApi(self._login)

    def close(self) -> None:
        self._run(self._api.aclose())
        self._runner.close()

    def get(self, path: str) -> dict[str, Plain] | None:
        return self._run(self._api.get(path))

    def items(self, resource: Resource, namespace: str | None, **params: str) -> list[KubeObject]:
        return list(self._run(self._api.items(resource, namespace, **params)))

    def create(self, body: dict[str, Plain], resource: Resource | None = None) -> KubeObject:
        made = self._run(self._api.create(KubeObject(body), resource))
        assert made is not None
        return made

    def create_graph(self, body: dict[str, Plain], version: str = "v1beta1") -> KubeObject:
        return self.create(body, graphs(version))

    def edit(self, what: KubeObject, *steps: Plain, subresource: str = "") -> KubeObject:
        return self._run(self._api.edit(what, [*steps], subresource=subresource))

    def try_edit(self, what: KubeObject, *steps: Plain) -> KubeObject | None:
        """Edit an object, or return None when that is refused."""
        with suppress(ApiError):
            return self.edit(what, *steps)
        return None

    def merge(self, what: KubeObject, patch: dict[str, Plain]) -> KubeObject:
        return self._run(self._api.merge(what, patch))

    def delete(self, what: KubeObject) -> None:
        self._run(self._api.delete(what))

    def delete_namespace(self, name: str) -> None:
        async def gone() -> None:
            with suppress(ApiError):
                await self._api.json("DELETE", NAMESPACES.path(name=name))

        self._run(gone())

    def graph(self, namespace: str, name: str) -> dict[str, Plain]:
        return self.get(GRAPHS.path(namespace, name)) or {}

    def status(self, namespace: str, name: str) -> dict[str, Plain]:
        return table(self.graph(namespace, name).get("status"))

    def ready(self, namespace: str, name: str) -> dict[str, Plain]:
        conditions = self.status(namespace, name).get("conditions")
        each = [table(one) for one in conditions] if isinstance(conditions, list) else []
        return next((one for one in each if one.get("type") == "Ready"), {})

    def deployments(self, namespace: str) -> dict[str, Plain]:
        """Return how many copies each Deployment is to run."""
        found = self.items(DEPLOYMENTS, namespace)
        return {one.name: one.spec.get("replicas") for one in found}

    def node_image(self, part: str) -> str | None:
        """Return an image that a node has and that has `part` in its name."""
        for node in self.items(NODES, None):
            images = table(node["status"]).get("images")
            for image in images if isinstance(images, list) else []:
                names = table(image).get("names")
                for name in names if isinstance(names, list) else []:
                    if part in str(name):
                        return str(name)
        return None

    def running(self, pods: list[KubeObject]) -> list[int]:
        """Return which of these pods run."""
        paths = [PODS.path(pod.namespace, pod.name) for pod in pods]
        phases = [table((self.get(path) or {}).get("status")).get("phase") for path in paths]
        return [number for number, phase in enumerate(phases) if phase == "Running"]

    def made(self, namespace: str, label: str) -> list[KubeObject]:
        """Return all objects with a label, of every kind the controller makes."""
        return [
            one
            for resource in BY_KIND.values()
            for one in self.items(resource, namespace, labelSelector=label)
        ]

    def wait(self, what: str, condition: Callable[[], Found], *, seconds: float = 60.0) -> Found:
        """Return the first thing that `condition` returns and that says something."""
        deadline = time.monotonic() + seconds
        while not (found := condition()):
            assert time.monotonic() < deadline, f"{what}: not within {seconds:.0f} s"
            time.sleep(POLL)
        return found

    def _run(self, call: Coroutine[object, object, Found]) -> Found:
        return self._runner.run(call)

    async def _login(self) -> Access:
        with mock.patch.dict(os.environ, {"KUBECONFIG": str(self.kubeconfig)}):
            return await login()


class RunningOperator:
    """The cluster's own controller, or one of this machine where the cluster has none."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._process: subprocess.Popen[bytes] | None = None
        path = DEPLOYMENTS.path(OPERATOR_NAMESPACE, OPERATOR_NAME)
        self.is_in_cluster = cluster.get(path) is not None
        self.start()

    def start(self) -> None:
        if self.is_in_cluster or self._process is not None:
            return
        environment = {**os.environ, "KUBECONFIG": str(self._cluster.kubeconfig)}
        command = [sys.executable, "-c", _CONTROLLER]
        self._process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)

    def kill(self) -> None:
        """End the controller without a chance to finish; one in a pod comes back by itself."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
            return
        for pod in self._cluster.items(PODS, OPERATOR_NAMESPACE):
            if pod.name.startswith(OPERATOR_NAME):
                self._cluster.delete(KubeObject({**pod, "kind": "Pod"}))
