"""What a graph says of itself, for what is seen of its workloads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from dynamo_conformance.kube.resources import KubeObject, table
from dynamo_conformance.operator.graph_status import (
    FAILED,
    Expected,
    Outcome,
    outcome,
    read_progress,
    rolling_update,
    updated_status,
    with_ready,
)
from dynamo_conformance.operator.rollout import RolloutPhase, RolloutProgress
from dynamo_conformance.operator.workload_state import workload_state

if TYPE_CHECKING:
    from dynamo_conformance.manifest.node import Plain
    from dynamo_conformance.operator.workload_state import WorkloadState

READY_STATUS = Path(__file__).parents[2] / "data/observed/status-ready.yaml"
NOW = "2026-01-01T00:00:00Z"


def live(
    name: str,
    *,
    kind: str = "Deployment",
    wanted: int = 1,
    labels: dict[str, Plain] | None = None,
    status: dict[str, Plain] | None = None,
) -> KubeObject:
    counted: dict[str, Plain] = {
        "observedGeneration": 1,
        "replicas": wanted,
        "updatedReplicas": wanted,
        "readyReplicas": wanted,
        "availableReplicas": wanted,
        "conditions": [{"type": "Available", "status": "True"}],
        **(status or {}),
    }
    return KubeObject(
        {
            "kind": kind,
            "metadata": {"name": name, "generation": 1, "labels": labels or {}},
            "spec": {"replicas": wanted},
            "status": {key: value for key, value in counted.items() if value is not None},
        }
    )


def state(one: KubeObject) -> WorkloadState:
    found = workload_state(one)
    assert found is not None
    return found


def expected(component: str, one: KubeObject | None, name: str = "") -> Expected:
    return Expected(
        component=component,
        name=name or (one.name if one is not None else component),
        runtime_namespace="default-agg",
        state=state(one) if one is not None else None,
    )


def test_the_recorded_status_of_a_ready_graph() -> None:
    recorded = next(iter(yaml.safe_load_all(READY_STATUS.read_text(encoding="utf-8"))))
    frontend, worker = "agg-frontend", "agg-mockworker-06785f57"
    found = outcome(
        [
            Expected(
                component="MockWorker",
                name=worker,
                runtime_namespace="default-agg-06785f57",
                state=state(live(worker)),
            ),
            Expected(
                component="Frontend",
                name=frontend,
                runtime_namespace="default-agg",
                state=state(live(frontend)),
            ),
        ],
        rollout=RolloutProgress(),
    )
    status = updated_status(
        {}, found, generation=1, rollout=RolloutProgress(), restart=None, now="2026-11-24T02:24:05Z"
    )
    assert status == recorded["status"]


@pytest.mark.parametrize(
    "status",
    [
        {"readyReplicas": None, "availableReplicas": None},
        {"updatedReplicas": 0},
        {"replicas": 2},
        {"observedGeneration": 0},
        {"conditions": [{"type": "Available", "status": "False"}]},
        {"conditions": None},
    ],
)
def test_a_deployment_that_is_not_ready(status: dict[str, Plain]) -> None:
    found = outcome([expected("F", live("d", status=status))], rollout=RolloutProgress())
    assert found.state == "pending"
    assert found.reason == "some_resources_are_not_ready"
    assert found.message == (
        "Resources not ready: d: Component deployment not ready - Available condition not true"
    )


def test_nothing_wanted_is_ready_at_once() -> None:
    assert state(live("d", wanted=0, status={"observedGeneration": 0, "conditions": None})).is_ready
    paused = live("d")
    spec = {**table(paused["spec"]), "paused": True}
    assert not state(KubeObject({**paused, "spec": spec})).is_ready


def test_laggards_are_sorted_by_name() -> None:
    found = outcome(
        [expected("B", None, "z"), expected("A", live("ok")), expected("C", None, "a")],
        rollout=RolloutProgress(),
    )
    assert found.message.startswith("Resources not ready: a: Component")
    assert "; z: Component" in found.message
    assert "ok" not in found.message
    assert set(found.components or {}) == {"A"}


def test_a_leader_worker_set_counts_groups() -> None:
    one = live("s-0", kind="LeaderWorkerSet", status={"observedGeneration": None})
    found = outcome([expected("W", one, "s")], rollout=RolloutProgress())
    assert found.state == "successful"
    assert table((found.components or {})["W"]) == {
        "componentKind": "LeaderWorkerSet",
        "componentNames": ["s-0"],
        "runtimeNamespace": "default-agg",
        "replicas": 1,
        "updatedReplicas": 1,
        "readyReplicas": 1,
    }


def test_what_cannot_be_made_is_not_ready_although_it_runs() -> None:
    running = expected("F", live("d"))
    broken = Expected(
        component="F", name="d", runtime_namespace="", state=running.state, is_broken=True
    )
    assert outcome([broken], rollout=RolloutProgress()).state == "pending"


def test_a_failure_leaves_what_was_said_of_the_components() -> None:
    before: dict[str, Plain] = {
        "state": "successful",
        "observedGeneration": 3,
        "components": {"F": {"replicas": 1}},
    }
    found = Outcome(state=FAILED, reason="r", message="m")
    after = updated_status(
        before, found, generation=4, rollout=RolloutProgress(), restart=None, now=NOW
    )
    assert after["state"] == "failed"
    assert after["observedGeneration"] == 3
    assert after["components"] == before["components"]


def test_a_condition_keeps_its_time_until_it_turns() -> None:
    def turned(before: list[Plain], state: str, reason: str, now: str) -> list[Plain]:
        found = Outcome(state=state, reason=reason, message="m")
        return with_ready(before, found, generation=1, now=now)

    others: list[Plain] = [{"type": "Other", "status": "True"}]
    first = turned(others, "pending", "a", "1")
    second = turned(first, "failed", "b", "2")
    third = turned(second, "successful", "c", "3")
    times = [table(one[-1])["lastTransitionTime"] for one in (first, second, third)]
    assert times == ["1", "1", "3"]
    assert [table(one[-1])["reason"] for one in (first, second, third)] == ["a", "b", "c"]
    assert third[0] == others[0]
    assert len(third) == 2


@pytest.mark.parametrize(
    "progress",
    [
        RolloutProgress(),
        RolloutProgress(phase=RolloutPhase.PENDING, started="a"),
        RolloutProgress(phase=RolloutPhase.COMPLETED, started="a", ended="b", updated=("x", "y")),
    ],
)
def test_a_rolling_update_is_read_as_it_was_written(progress: RolloutProgress) -> None:
    written = rolling_update(progress)
    assert read_progress({} if written is None else {"rollingUpdate": written}) == progress


def test_requests_go_to_the_old_generation_as_long_as_it_keeps_a_copy() -> None:
    def worker(generation: str) -> KubeObject:
        return live(f"w-{generation}", labels={"nvidia.com/dynamo-worker-hash": generation})

    one = Expected(
        component="W",
        name="w-new",
        runtime_namespace="default-agg-new",
        state=state(worker("new")),
        old=(state(worker("a")), state(worker("b"))),
        kept={"w-a": 1, "w-b": 0},
    )
    under_way = RolloutProgress(phase=RolloutPhase.IN_PROGRESS)
    found = outcome([one], rollout=under_way)
    status = table((found.components or {})["W"])
    assert status["runtimeNamespace"] == "default-agg-a"
    assert status["componentNames"] == ["w-a", "w-b", "w-new"]
    assert status["replicas"] == 3
    assert status["updatedReplicas"] == 1
    assert found.reason == "rolling_update_in_progress"
