"""What the graphs of a run know of each other, and of the operator."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest
from snapshot_builders import snapshot

from dynamo_conformance.kube.errors import FORBIDDEN, ApiError
from dynamo_conformance.kube.labels import OPERATOR, OPERATOR_NAMESPACE, PART
from dynamo_conformance.kube.resources import KubeObject
from dynamo_conformance.targets.cluster.namespace_snapshot import Surroundings
from dynamo_conformance.targets.cluster.run_state import RunState
from dynamo_conformance.targets.cluster.watch import is_held

if TYPE_CHECKING:
    from dynamo_conformance.kube.client import Client
    from dynamo_conformance.kube.resources import Resource
    from dynamo_conformance.manifest.node import Plain

NOW = datetime(2026, 11, 26, 1, 0, tzinfo=UTC)
LATER = NOW + timedelta(seconds=5)
CHART = "app.kubernetes.io/part-of=dynamo-operator"
REFERENCE = f"{PART}={OPERATOR}"


BUSY = {"is_crowded": True, "progress": NOW}


def graph(state: str = "") -> KubeObject:
    status: dict[str, Plain] = {"state": state, "observedGeneration": 1} if state else {}
    return KubeObject({"metadata": {"name": "one"}, "status": status})


def pending(why: str) -> KubeObject:
    condition: dict[str, Plain] = {
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "message": f"0/1 nodes are available: 1 {why}.",
    }
    status: dict[str, Plain] = {"phase": "Pending", "conditions": [condition]}
    return KubeObject({"metadata": {"name": "p"}, "status": status})


class Cluster:
    """An API server with Deployments, by the labels that they are asked for by."""

    def __init__(self, **refused: int) -> None:
        self.deployments: dict[str, list[KubeObject]] = {}
        self.refused = refused
        self.asked: list[str] = []

    async def list(
        self, resource: Resource, *, namespace: str | None = None, labels: str = ""
    ) -> tuple[list[KubeObject], str]:
        self.asked.append(f"{namespace or '*'} {resource.plural} {labels}".strip())
        if resource.plural in self.refused:
            raise ApiError(self.refused[resource.plural], "Forbidden", "no")
        known = self.deployments.get(labels, []) if resource.plural == "deployments" else []
        return [item for item in known if namespace in (None, item.namespace)], ""


def deployment(name: str, namespace: str) -> KubeObject:
    labels: dict[str, Plain] = {"app": "a", "control-plane": "c"}
    return KubeObject(
        {
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"replicas": 1, "selector": {"matchLabels": labels}},
        }
    )


def around(shared: RunState, cluster: Cluster, *, silent: bool = True) -> Surroundings:
    return asyncio.run(shared.around(cast("Client", cluster), "ns/one", silent=silent))


def test_the_operator_is_looked_for_by_the_labels_of_the_chart_and_of_our_own() -> None:
    for labels, namespace in ((CHART, "dynamo-system"), (REFERENCE, OPERATOR_NAMESPACE)):
        cluster = Cluster()
        cluster.deployments[labels] = [deployment("manager", namespace)]
        operators = around(RunState(), cluster).operators
        assert operators is not None
        assert [(item.name, item.namespace, item.wanted) for item in operators] == [
            ("manager", namespace, 1)
        ]
        assert f"{namespace} pods app=a,control-plane=c" in cluster.asked


def test_what_the_reference_operator_makes_is_no_operator() -> None:
    cluster = Cluster()
    cluster.deployments[REFERENCE] = [deployment("vllm-agg-frontend", "dyn-vllm-agg")]
    assert around(RunState(), cluster).operators == ()


def test_an_operator_is_looked_at_only_while_it_is_silent_and_not_for_every_graph() -> None:
    shared, cluster = RunState(), Cluster()
    assert around(shared, cluster, silent=False).operators is None
    assert cluster.asked == []
    assert around(shared, cluster).operators == ()
    asked = len(cluster.asked)
    assert around(shared, cluster).operators == ()
    assert len(cluster.asked) == asked


def test_without_the_right_to_look_nothing_is_known() -> None:
    assert around(RunState(), Cluster(deployments=FORBIDDEN)).operators is None
    cluster = Cluster(leases=FORBIDDEN)
    cluster.deployments[CHART] = [deployment("manager", "dynamo-system")]
    operators = around(RunState(), cluster).operators
    assert operators is not None
    assert operators[0].renewed is None


def test_what_the_operator_says_of_any_graph_is_a_sign_of_life() -> None:
    shared = RunState()
    shared.saw("ns/two", (), NOW)
    assert around(shared, Cluster()).progress is None
    shared.saw("ns/two", ("pending",), NOW)
    shared.saw("ns/two", ("pending",), LATER)
    assert around(shared, Cluster()).progress == NOW
    shared.saw("ns/two", ("successful",), LATER)
    assert around(shared, Cluster()).progress == LATER


def test_others_hold_room_until_nothing_is_left_of_them() -> None:
    shared = RunState()
    shared.enter("ns/one")
    assert not around(shared, Cluster()).is_crowded
    shared.enter("ns/two")
    assert around(shared, Cluster()).is_crowded
    shared.leave("ns/two", LATER)
    surroundings = around(shared, Cluster())
    assert (surroundings.is_crowded, surroundings.room_since) == (False, LATER)


@pytest.mark.parametrize(
    ("objects", "around", "held"),
    [
        pytest.param({"graphs": [graph()]}, {}, True, id="the operator has not looked at it"),
        pytest.param({"graphs": [graph("pending")]}, {}, False, id="it has, and nobody else waits"),
        pytest.param({"graphs": [graph("pending")]}, BUSY, True, id="it makes others' pods"),
        pytest.param(
            {"graphs": [graph("pending")]},
            {**BUSY, "progress": NOW - timedelta(seconds=60)},
            False,
            id="it does nothing for others either",
        ),
        pytest.param(
            {"graphs": [graph("pending")], "pods": [pending("Insufficient cpu")]},
            {"is_crowded": True},
            True,
            id="others hold the room",
        ),
        pytest.param(
            {"graphs": [graph("pending")], "pods": [pending("Insufficient cpu")]},
            {},
            False,
            id="nobody holds the room",
        ),
        pytest.param(
            {"graphs": [graph("pending")], "pods": [pending("untolerated taint {a: b}")]},
            {"is_crowded": True},
            False,
            id="no room would help",
        ),
    ],
)
def test_a_graph_is_held_by_others(
    objects: dict[str, Any],
    around: dict[str, Any],
    held: bool,  # noqa: FBT001
) -> None:
    assert is_held(snapshot(**objects, around=Surroundings(**around)), NOW) is held
