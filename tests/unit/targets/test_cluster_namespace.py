"""The end of a namespace: the cluster is asked once, and looks again as soon as it is empty."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from dynamo_conformance.kube.errors import FORBIDDEN, NOT_FOUND, ApiError
from dynamo_conformance.kube.labels import EMPTY, KEPT, PART, PROCESS, RUN
from dynamo_conformance.kube.resources import KubeObject
from dynamo_conformance.targets.cluster import namespace

if TYPE_CHECKING:
    from dynamo_conformance.kube.client import Client
    from dynamo_conformance.kube.connection import Connection

NAME = "dyn-agg-1"
PATH, PODS = f"/api/v1/namespaces/{NAME}", f"/api/v1/namespaces/{NAME}/pods"


@dataclass
class Cluster:
    """A cluster that forgets a namespace with pods in it until it changes, as Kubernetes does.

    Attributes:
        pods: How often pods are still there when they are asked for.
        forbids: Whether pods may not be listed.
        looks: How often the namespace is asked for until the cluster looks at it by itself.
    """

    pods: int = 0
    forbids: bool = False
    looks: int = 20
    asked: list[tuple[str, str]] = field(default_factory=list)
    bodies: list[KubeObject] = field(default_factory=list)
    is_told: bool = False

    async def json(self, method: str, path: str, **more: object) -> KubeObject:
        self.asked.append((method, path))
        if (method, path) == ("GET", PODS):
            if self.forbids:
                raise ApiError(FORBIDDEN, "Forbidden", "no")
            self.pods -= 1
            return KubeObject(items=[{"metadata": {"name": "one"}}] if self.pods >= 0 else [])
        if (method, path) == ("PATCH", PATH):
            self.bodies.append(cast("KubeObject", more["body"]))
            self.is_told = True
        if (method, path) == ("GET", PATH):
            self.looks -= 1
            if self.is_told or self.looks < 0:
                raise ApiError(NOT_FOUND, "NotFound", "gone")
        return KubeObject()

    def remove(self) -> str:
        client = cast("Client", self)
        return asyncio.run(namespace._remove(client, NAME, threading.Event()))

    def count(self, method: str, path: str) -> int:
        return self.asked.count((method, path))


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for item in ("UNTOUCHED_SECONDS", "REMOVAL_POLL_SECONDS"):
        monkeypatch.setattr(namespace, item, 0.0)


def test_the_cluster_is_told_once_when_the_last_pod_is_gone() -> None:
    cluster = Cluster(pods=3)
    assert cluster.remove() == ""
    assert cluster.count("GET", PODS) == 4
    assert cluster.bodies == [{"metadata": {"annotations": {EMPTY: "true"}}}]
    assert cluster.count("DELETE", PATH) == cluster.count("DELETE", PODS) == 1


def test_a_namespace_that_is_gone_is_not_asked_about_any_more() -> None:
    cluster = Cluster(looks=0)
    assert cluster.remove() == ""
    assert cluster.bodies == []


def test_without_the_right_to_look_it_takes_its_time() -> None:
    cluster = Cluster(forbids=True, looks=5)
    assert cluster.remove() == ""
    assert (cluster.count("GET", PODS), cluster.bodies) == (1, [])


def own(name: str, **notes: str) -> KubeObject:
    """Return the namespace of a run that has ended."""
    return KubeObject(metadata={"name": name, "annotations": {PROCESS: "0 0", **notes}})


class Listing:
    """A connection to a cluster with some namespaces."""

    client = None

    def __init__(self, *namespaces: KubeObject) -> None:
        self.namespaces = [*namespaces]
        self.removed: list[str] = []

    def list(self, _resource: object, *, labels: str) -> list[KubeObject]:
        assert labels == f"{PART}={RUN}"
        return self.namespaces


def test_what_a_run_was_to_keep_is_listed_and_no_orphan(monkeypatch: pytest.MonkeyPatch) -> None:
    listing = Listing(own("dyn-a"), own("dyn-b", **{KEPT: "agg"}), own("other", **{KEPT: "agg"}))
    connection = cast("Connection", listing)
    monkeypatch.setattr(listing, "client", SimpleNamespace(now=lambda: datetime.now(UTC)))
    monkeypatch.setattr(namespace, "remove", lambda _connection, name: listing.removed.append(name))
    namespace.remove_orphans(connection)
    assert listing.removed == ["dyn-a"]
    assert namespace.kept_namespaces(connection) == {"dyn-b": "agg"}
