"""What an operator of each release makes of a graph, where releases differ."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.api.cluster_parts import Cluster
from dynamo_conformance.api.operator_releases import Operator, find, minors, order
from dynamo_conformance.manifest.document import read_documents
from dynamo_conformance.manifest.read import read_graph
from dynamo_conformance.rendering.pod import Workload, render
from dynamo_conformance.rendering.reconcile_failure import ReconcileFailure
from dynamo_conformance.rendering.ways import NEWEST, rows, uncertain, ways

if TYPE_CHECKING:
    from dynamo_conformance.manifest.graph import Container, Graph
    from dynamo_conformance.manifest.node import Mapping

DISAGG = """\
apiVersion: nvidia.com/v1alpha1
kind: DynamoGraphDeployment
metadata: {name: my.graph%s}
spec:
  services:
    Frontend:
      componentType: frontend
      replicas: 1%s
      extraPodSpec: {mainContainer: {image: x/vllm-runtime:1.6.1}}
    Worker:
      componentType: worker
      replicas: 1%s
      resources: {limits: {gpu: "%s"}}
      multinode: {nodeCount: %d}
      extraPodSpec:
        mainContainer:
          image: x/vllm-runtime:1.6.1
          command: [python3, -m, dynamo.vllm]
          args: [--model, m, --tensor-parallel-size, "%d"]
    Planner:
      componentType: planner
      replicas: 1
      extraPodSpec: {mainContainer: {image: x/vllm-runtime:1.6.1}}
"""


def graph(
    *,
    note: str = "",
    first: str = "",
    second: str = "",
    gpus: int = 1,
    nodes: int = 1,
    ranks: int = 1,
) -> Graph:
    noted = f", annotations: {{{note}}}" if note else ""
    own = [f"\n      dynamoNamespace: {name}" if name else "" for name in (first, second)]
    text = DISAGG % (noted, *own, gpus, nodes, ranks)
    (document,) = read_documents(text, file="g.yaml")
    return read_graph(document)


def rendered(made: Graph, release: str) -> dict[str, Workload]:
    operator = find(release)
    assert operator is not None
    workloads = render(made, namespace="ns", cluster=Cluster(lws=True), operator=operator.version)
    return {workload.component.name: workload for workload in workloads}


def env(container: Container) -> dict[str, str]:
    return {variable.name: variable.value or "" for variable in container.env}


RELEASES = [operator.name for operator in minors()]


def from_release(first: str, *, until: str = "99.0") -> list[str]:
    return [name for name in RELEASES if order(first) <= order(name) < order(until)]


def test_the_newest_ways_are_those_of_the_data() -> None:
    assert ways("1.5.0") == ways("1.5.0-dev") == NEWEST
    assert {row["way"] for row in rows()} == set(asdict(NEWEST))
    assert all(row["section"] and row["topic"] and row["what"] for row in rows())


@pytest.mark.parametrize("row", rows(), ids=lambda row: str(row["way"]))
def test_a_way_changes_in_the_release_of_its_row(row: dict[str, dict[str, str]]) -> None:
    way = str(row["way"])
    values = {operator.name: getattr(ways(operator.version), way) for operator in minors()}
    for first, value in row["since"].items():
        assert values[first] == value
        before = RELEASES.index(first) - 1
        assert before < 0 or values[RELEASES[before]] != value


@pytest.mark.parametrize("operator", minors(), ids=lambda operator: operator.name)
def test_the_namespace_of_a_release(operator: Operator) -> None:
    worker = rendered(graph(), operator.name)["Worker"]
    name = env(worker.leader.main)["DYN_NAMESPACE"]
    if not operator.since("0.7"):
        assert name == "dynamo-my.graph"
    else:
        assert name == ("ns-my-graph" if operator.since("1.1") else "ns-my.graph")
    assert (worker.context.runtime_namespace == name) != operator.since("1.0")
    assert worker.name.startswith("my.graph-worker")
    assert (worker.name == "my.graph-worker") != operator.since("1.0")


def test_services_choose_their_namespace_before_0_7() -> None:
    mine = graph(first="mine", second="mine")
    assert env(rendered(mine, "0.6")["Worker"].leader.main)["DYN_NAMESPACE"] == "mine"
    assert env(rendered(mine, "0.7")["Worker"].leader.main)["DYN_NAMESPACE"] == "ns-my.graph"
    with pytest.raises(ReconcileFailure, match="namespace mismatch"):
        rendered(graph(first="mine", second="yours"), "0.6")
    assert rendered(graph(first="mine", second="yours"), "0.7")


@pytest.mark.parametrize(
    ("variable", "component", "known"),
    [
        ("DYN_NAMESPACE_WORKER_SUFFIX", "Worker", from_release("1.0")),
        ("DYN_NAMESPACE_PREFIX", "Frontend", from_release("1.0")),
        ("DYN_DISCOVERY_BACKEND", "Worker", from_release("0.8")),
        ("DYN_SYSTEM_ENABLED", "Worker", [*from_release("0.3", until="0.6"), *from_release("0.7")]),
        ("DYN_HEALTH_CHECK_ENABLED", "Worker", from_release("0.8")),
        ("DYN_COMPONENT", "Worker", from_release("0.7")),
        ("POD_NAME", "Worker", from_release("0.7")),
        ("POD_UID", "Worker", from_release("0.8")),
        ("NIXL_TELEMETRY_ENABLE", "Worker", from_release("1.0")),
        ("DYN_FORWARDPASS_METRIC_PORT", "Worker", from_release("1.2")),
        ("DYN_SYSTEM_PORT", "Planner", from_release("1.1")),
        ("DYN_SYSTEM_PORT", "Worker", RELEASES),
    ],
)
def test_a_variable_and_the_releases_that_give_it(
    variable: str, component: str, known: list[str]
) -> None:
    giving = [
        name for name in RELEASES if variable in env(rendered(graph(), name)[component].leader.main)
    ]
    assert giving == known


def test_discovery_is_asked_for_in_0_7() -> None:
    asking = graph(note="nvidia.com/dynamo-discovery-backend: kubernetes")
    giving = [
        name
        for name in RELEASES
        if "DYN_DISCOVERY_BACKEND" in env(rendered(asking, name)["Worker"].leader.main)
    ]
    assert giving == from_release("0.7")
    mode = graph(note="nvidia.com/dynamo-kube-discovery-mode: container")
    giving = [
        name
        for name in RELEASES
        if "CONTAINER_NAME" in env(rendered(mode, name)["Worker"].leader.main)
    ]
    assert giving == from_release("1.1")


def probe(workload: Workload, name: str) -> Mapping:
    found = workload.leader.main.node.mapping(name)
    assert found is not None
    return found


@pytest.mark.parametrize("operator", minors(), ids=lambda operator: operator.name)
def test_the_probes_of_a_release(operator: Operator) -> None:
    made = rendered(graph(), operator.name)
    ready = probe(made["Frontend"], "readinessProbe")
    assert (ready.mapping("exec") is None) == operator.since("0.7")
    assert (ready.mapping("httpGet") is None) != operator.since("0.7")
    startup = probe(made["Worker"], "startupProbe")
    assert startup.integer("failureThreshold") == (720 if operator.since("0.6") else 60)
    ready = probe(made["Worker"], "readinessProbe")
    assert ready.integer("timeoutSeconds") == (4 if operator.since("0.7") else 30)
    assert ready.integer("failureThreshold") == (3 if operator.since("0.7") else 60)
    ports = [port.string("name") for port in made["Worker"].leader.main.node.mappings("ports")]
    assert ports == (["system", "nixl"] if operator.since("1.0") else ["system"])


@pytest.mark.parametrize("operator", minors(), ids=lambda operator: operator.name)
def test_the_pod_of_a_release(operator: Operator) -> None:
    worker = rendered(graph(), operator.name)["Worker"]
    spec = worker.leader.spec
    assert bool(spec.mappings("volumes")) == operator.since("0.5")
    assert (spec.mapping("securityContext") is not None) == operator.since("0.8")
    grace = spec.integer("terminationGracePeriodSeconds")
    assert grace == (60 if operator.since("0.4") else None)
    assert (spec.string("serviceAccountName") == "default") != operator.since("0.8")
    labels = worker.leader.labels
    assert ("nvidia.com/dynamo-discovery-enabled" in labels) == operator.since("1.1")
    assert ("nvidia.com/dynamo-worker-hash" in labels) == operator.since("1.0")


@pytest.mark.parametrize(
    ("release", "leader", "follower"),
    [
        ("0.4", "ray start --head --port=6379 && --model", "ray start --address=${LWS_LEADER_ADDR"),
        ("0.5", "ray start --head --port=6379 && --model", "ray start --address=$(LWS_LEADER_ADDR"),
        (
            "0.7",
            "&& python3 -m dynamo.vllm --model m --tensor-parallel-size 4",
            "ray start --addre",
        ),
        ("0.8", "--distributed-executor-backend ray", "ray start --address=$LWS_LEADER_ADDRESS:63"),
        ("1.0", "mp --nnodes 2 --master-addr $LWS_LEADER_ADDRESS --m", "--headless"),
        ("1.2", "mp --nnodes 2 --master-addr $(LWS_LEADER_ADDRESS) -", "--headless"),
    ],
)
def test_vllm_over_nodes(release: str, leader: str, follower: str) -> None:
    worker = rendered(graph(gpus=2, nodes=2, ranks=4), release)["Worker"]
    assert worker.follower is not None
    lines = [
        " ".join(word.text for word in (*pod.main.command, *pod.main.args))
        for pod in (worker.leader, worker.follower)
    ]
    assert leader in lines[0]
    assert follower in lines[1]
    assert ("backend ray" in lines[0]) == (release in ("0.8", "0.9"))


def test_an_engine_that_fits_one_node_is_started_by_ray_before_0_7_alone() -> None:
    fitting = graph(gpus=2, nodes=2, ranks=1)
    lines = {
        name: " ".join(word.text for word in rendered(fitting, name)["Worker"].leader.main.args)
        for name in RELEASES
    }
    assert [name for name, line in lines.items() if "ray start" in line] == from_release(
        "0.3", until="0.7"
    )


def test_what_is_not_known_of_a_release() -> None:
    operator = find("0.6")
    assert operator is not None
    assert "vllm_nodes" in uncertain(operator)
    newest = find("1.5")
    assert newest is not None
    assert uncertain(newest) == ()
