"""A graph that is in a cluster already: what is read of it, and why it cannot be asked."""

from __future__ import annotations

import asyncio
import copy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
import yaml

from dynamo_conformance.engines.role import Role
from dynamo_conformance.engines.serving import serving
from dynamo_conformance.kube.errors import FORBIDDEN, NOT_FOUND, ApiError
from dynamo_conformance.kube.resources import CONFIG_MAPS, KubeObject, graphs
from dynamo_conformance.targets.cluster.existing import find_existing
from dynamo_conformance.targets.cluster.namespace_snapshot import read_pod
from dynamo_conformance.targets.cluster.watch import seen_since
from dynamo_conformance.targets.interface import DeployFailure

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from dynamo_conformance.kube.connection import Connection
    from dynamo_conformance.kube.resources import Resource
    from dynamo_conformance.targets.cluster.existing import ExistingGraph

EXAMPLES = Path(__file__).parents[3] / "examples" / "llm" / "vllm_v1" / "launch" / "k8s"
Body = dict[str, Any]
APPLIED = "applied by hand"


def condition(status: str = "True", message: str = "", reason: str = "all_ready") -> Body:
    return {"type": "Ready", "status": status, "message": message, "reason": reason}


def stored(
    example: str = "disagg", *, namespace: str = "team", status: Body | None = None
) -> KubeObject:
    """Return an example as a cluster has it."""
    body: Body = yaml.safe_load((EXAMPLES / f"{example}.yaml").read_text(encoding="utf-8"))
    body["metadata"] |= {
        "namespace": namespace,
        "uid": "1-2",
        "resourceVersion": "77",
        "managedFields": [{"manager": "kubectl"}],
        "annotations": {
            "kubectl.kubernetes.io/last-applied-configuration": APPLIED,
            "team": "a",
        },
    }
    body["status"] = status or {"state": "successful", "conditions": [condition()]}
    return KubeObject(body)


@dataclass
class Cluster:
    """A cluster with some graphs, in which everything may be read and nothing written.

    Attributes:
        items: The graphs.
        version: The version that the operator serves; None when there is no operator.
        maps: The ConfigMaps.
        refused: The resources that may not be used.
        forbids: Whether graphs may not be listed.
    """

    items: list[KubeObject] = field(default_factory=list)
    version: str | None = "v1beta1"
    maps: dict[str, Body] = field(default_factory=dict)
    refused: tuple[str, ...] = ()
    forbids: bool = False
    context: str = "prod"

    @property
    def client(self) -> Cluster:
        return self

    async def json(self, method: str, path: str, **more: object) -> KubeObject:
        assert (method, path) == ("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews")
        asked = cast("Body", more["body"])["spec"]["resourceAttributes"]
        assert asked["verb"] in ("get", "list", "watch") or asked["subresource"] == "portforward"
        name = "/".join(filter(None, (asked["resource"], asked.get("subresource"))))
        return KubeObject(status={"allowed": name not in self.refused})

    def run(self, coroutine: Coroutine[object, object, object]) -> object:
        return asyncio.run(cast("Coroutine[Any, Any, object]", coroutine))

    def list(self, resource: Resource, *, namespace: str | None = None) -> list[KubeObject]:
        if self.forbids:
            raise ApiError(FORBIDDEN, "Forbidden", "alice may not list")
        if self.version is None or resource != graphs(self.version):
            raise ApiError(NOT_FOUND, "NotFound", "no such kind")
        inside = [item for item in self.items if namespace in (None, item.namespace)]
        hidden = ("apiVersion", "kind")
        return [
            KubeObject({key: value for key, value in copy.deepcopy(item).items()
                        if key not in hidden})
            for item in inside
        ]  # fmt: skip

    def get(self, resource: Resource, name: str, *, namespace: str | None) -> KubeObject | None:
        assert (resource, namespace) == (CONFIG_MAPS, "team")
        if "configmaps" in self.refused:
            raise ApiError(FORBIDDEN, "Forbidden", "alice may not get")
        return KubeObject(self.maps[name]) if name in self.maps else None

    def kubectl_words(self, *words: str) -> str:
        return " ".join(("kubectl", *words))

    def find(self, name: str = "vllm-disagg", *, namespace: str | None = "team") -> ExistingGraph:
        return find_existing(cast("Connection", self), name, namespace=namespace)


def test_a_graph_promises_what_its_file_would() -> None:
    found = Cluster([stored()]).find()
    promised = serving(found.graph)
    assert promised is not None
    assert promised.model == "Qwen/Qwen3-0.6B"
    assert promised.roles == {Role.PREFILL: 1, Role.DECODE: 1}
    assert (found.namespace, found.graph.name) == ("team", "vllm-disagg")


def test_the_graph_is_kept_as_its_author_wrote_it() -> None:
    kept = yaml.safe_load(Cluster([stored()]).find().manifest.data)
    written = yaml.safe_load((EXAMPLES / "disagg.yaml").read_text(encoding="utf-8"))
    assert kept["spec"] == written["spec"]
    assert kept["metadata"] == {
        "name": "vllm-disagg", "namespace": "team", "annotations": {"team": "a"},
    }  # fmt: skip
    assert kept.keys() == {"apiVersion", "kind", "metadata", "spec"}


def test_it_is_found_in_whichever_namespace_it_is() -> None:
    cluster = Cluster([stored(namespace="other"), stored("agg")])
    assert cluster.find(namespace=None).namespace == "other"
    assert cluster.find("vllm-agg", namespace=None).namespace == "team"


def test_an_old_operator_is_asked_in_its_version() -> None:
    cluster = Cluster([stored("v1alpha1/disagg")], version="v1alpha1")
    document = cluster.find().graph.document
    assert document is not None
    assert document.version == "v1alpha1"


def with_file(name: str) -> KubeObject:
    """Return a graph whose worker has a setting from a ConfigMap."""
    item = stored("agg")
    worker: Any = item.spec["components"]
    main = worker[1]["podTemplate"]["spec"]["containers"][0]
    reference = {"name": name, "key": "model"}
    main["env"] = [{"name": "CHOSEN", "valueFrom": {"configMapKeyRef": reference}}]
    main["args"] = ["--model", "$(CHOSEN)"]
    return item


MODELS = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "models"},
    "data": {"model": "org/chosen"},
}


def test_the_config_maps_that_it_names_are_read() -> None:
    promised = serving(
        Cluster([with_file("models")], maps={"models": MODELS}).find("vllm-agg").graph
    )
    assert promised is not None
    assert promised.model == "org/chosen"


@pytest.mark.parametrize("refused", [(), ("configmaps",)])
def test_without_its_config_maps_it_is_asked_all_the_same(refused: tuple[str, ...]) -> None:
    found = Cluster([with_file("models")], refused=refused).find("vllm-agg")
    promised = serving(found.graph)
    assert promised is None or promised.model != "org/chosen"


def deleted() -> KubeObject:
    item = stored()
    return KubeObject(
        {**item, "metadata": {**item.metadata, "deletionTimestamp": "2026-01-01T00:00:00Z"}}
    )


def in_state(state: str, *conditions: Body) -> KubeObject:
    return stored(status={"state": state, "conditions": [*conditions]})


WAITS = condition("False", "1 of 2 pods are ready", "some_not_ready")
BROKEN = condition("False", "no LeaderWorkerSet", "no_orchestrator")


@pytest.mark.parametrize(
    ("cluster", "namespace", "what", "cause"),
    [
        (
            Cluster(),
            "team",
            "no graph vllm-disagg in namespace team; there is none at all",
            "metadata.name",
        ),
        (
            Cluster([stored("agg"), stored("agg", namespace="x")]),
            None,
            "no graph vllm-disagg in cluster prod; there are: team/vllm-agg, x/vllm-agg",
            "its name is metadata.name",
        ),
        (
            Cluster([stored("agg", namespace=f"n{index}") for index in range(12)]),
            None,
            "n4/vllm-agg, n5/vllm-agg and 4 more",
            "--dynamo-kube-context",
        ),
        (
            Cluster([stored(namespace="b"), stored(namespace="a")]),
            None,
            "2 namespaces have a graph vllm-disagg: a, b",
            "name one of them with --dynamo-namespace",
        ),
        (Cluster(version=None), "team", "no Dynamo operator is installed", "another context"),
        (
            Cluster(forbids=True),
            None,
            "cannot be looked for: alice may not list",
            "name one: --dynamo-namespace",
        ),
        (Cluster(forbids=True), "team", "alice may not list", "docs/permissions.md"),
        (
            Cluster([stored()], refused=("pods/log", "pods/portforward")),
            "team",
            "no permission to get pods/portforward in namespace team: needed for requests to",
            "docs/permissions.md",
        ),
        (Cluster([deleted()]), "team", "in namespace team is being deleted", "apply it again"),
        (
            Cluster([in_state("failed", BROKEN)]),
            "team",
            "has failed: no LeaderWorkerSet (no_orchestrator)",
            "kubectl describe dgd vllm-disagg -n team",
        ),
        (
            Cluster([in_state("pending", WAITS)]),
            "team",
            "is not ready: 1 of 2 pods are ready (some_not_ready)",
            "kubectl wait --for=condition=Ready dgd/vllm-disagg -n team",
        ),
        (
            Cluster([in_state("initializing")]),
            "team",
            "no operator has looked at the graph vllm-disagg in namespace team yet",
            "kubectl wait",
        ),
    ],
)
def test_why_a_graph_cannot_be_asked_is_a_sentence(
    cluster: Cluster, namespace: str | None, what: str, cause: str
) -> None:
    with pytest.raises(DeployFailure) as failed:
        cluster.find(namespace=namespace)
    assert what in failed.value.what
    assert cause in failed.value.cause


@pytest.mark.parametrize(("minute", "is_news"), [(29, False), (31, True)])
def test_only_what_happens_while_it_is_asked_is_its_failure(minute: int, *, is_news: bool) -> None:
    end = {"exitCode": 1, "finishedAt": f"2026-01-01T10:{minute}:00Z"}
    container: Body = {"name": "main", "restartCount": 4, "lastState": {"terminated": end}}
    value = KubeObject(
        metadata={"name": "worker-0"},
        spec={"containers": [{"name": "main"}]},
        status={"containerStatuses": [container]},
    )
    pod = read_pod(value)
    assert pod.containers[0].ended_before is not None
    now = datetime(2026, 1, 1, 10, 30, tzinfo=UTC)
    assert (seen_since(pod, now).containers[0].ended_before is not None) is is_news
    assert seen_since(pod, None) == pod
