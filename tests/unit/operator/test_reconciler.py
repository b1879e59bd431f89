"""Whole lives of graphs, in a cluster that is just memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from operator_helpers import BARE, WITH_LWS, FakeCluster, Operator, Stopped

from dynamo_conformance.kube.errors import ApiError
from dynamo_conformance.kube.resources import Key, table
from dynamo_conformance.manifest.document import KIND
from dynamo_conformance.operator.observed_graph import CURRENT_HASH

if TYPE_CHECKING:
    from dynamo_conformance.manifest.node import Plain

WORKERS = """
spec:
  components:
  - name: Frontend
    type: frontend
    podTemplate: {spec: {containers: [{name: main, image: "i:1.6.1"}]}}
  - name: Worker
    type: worker
    replicas: REPLICAS
    EXTRA
    podTemplate: {spec: {containers: [{name: main, image: "IMAGE", command: [c], args: [a]}]}}
"""


def workers(*, image: str = "w:1", replicas: int = 1, extra: str = "minAvailable: 1") -> str:
    found = WORKERS.replace("IMAGE", image).replace("REPLICAS", str(replicas))
    return found.replace("EXTRA", extra)


def ready_cluster(text: str, *, groups: tuple[str, ...] = BARE) -> tuple[FakeCluster, Operator]:
    cluster = FakeCluster(groups=groups)
    cluster.put_graph(text)
    operator = Operator(cluster)
    operator.reconcile_until_quiet()
    cluster.settle()
    operator.reconcile_until_quiet()
    assert cluster.status()["state"] == "successful"
    return cluster, operator


def test_a_new_graph_gets_its_objects_and_says_how_far_it_is() -> None:
    cluster = FakeCluster()
    cluster.put_graph(workers())
    Operator(cluster).reconcile_until_quiet()
    generation = table(cluster.graph()["metadata"])["annotations"]
    worker = f"g-worker-{table(generation)[CURRENT_HASH]}"
    assert cluster.names("Deployment") == ["g-frontend", worker]
    assert cluster.names("Service") == ["g-frontend", worker]
    assert cluster.names("ServiceAccount") == ["g-k8s-service-discovery", "planner-serviceaccount"]
    assert cluster.status()["state"] == "pending"
    assert cluster.status()["observedGeneration"] == 1
    not_yet = "Component deployment not ready - Available condition not true"
    assert cluster.ready() == {
        "type": "Ready",
        "status": "False",
        "reason": "some_resources_are_not_ready",
        "message": f"Resources not ready: g-frontend: {not_yet}; {worker}: {not_yet}",
        "observedGeneration": 1,
        "lastTransitionTime": cluster.ready()["lastTransitionTime"],
    }


def test_accounts_are_there_before_what_needs_them() -> None:
    cluster = FakeCluster()
    cluster.put_graph(workers())
    Operator(cluster).reconcile()
    written = [one.split()[1] for one in cluster.writes()]
    first = written.index("Deployment")
    assert {"ServiceAccount", "Role", "RoleBinding"} <= set(written[:first])
    assert "ServiceAccount" not in written[first:]


def test_a_ready_graph_has_the_recorded_status() -> None:
    cluster, _ = ready_cluster(workers())
    status = cluster.status()
    worker = cluster.names("Deployment")[1]
    assert status["components"] == {
        "Frontend": {
            "componentKind": "Deployment",
            "componentNames": ["g-frontend"],
            "runtimeNamespace": "ns-g",
            "replicas": 1,
            "updatedReplicas": 1,
            "readyReplicas": 1,
            "availableReplicas": 1,
        },
        "Worker": {
            "componentKind": "Deployment",
            "componentNames": [worker],
            "runtimeNamespace": f"ns-g-{worker.removeprefix('g-worker-')}",
            "replicas": 1,
            "updatedReplicas": 1,
            "readyReplicas": 1,
            "availableReplicas": 1,
        },
    }
    assert set(status) == {"components", "conditions", "observedGeneration", "state"}
    assert cluster.ready()["reason"] == "all_resources_are_ready"
    assert cluster.ready()["message"] == "All resources are ready"


def test_a_quiet_graph_costs_no_calls() -> None:
    cluster, operator = ready_cluster(workers())
    cluster.calls.clear()
    assert operator.reconcile() is None
    assert cluster.calls == []


def test_a_new_controller_writes_nothing_again() -> None:
    cluster, _ = ready_cluster(workers())
    cluster.calls.clear()
    Operator(cluster).reconcile_until_quiet()
    assert cluster.writes() == []


def test_what_somebody_changed_or_deleted_is_put_right() -> None:
    cluster, operator = ready_cluster(workers())
    deployment = cluster.objects[Key("Deployment", "g-frontend")]
    cluster._store({**deployment, "spec": {**table(deployment["spec"]), "replicas": 7}}, deployment)
    cluster._remove(Key("Service", "g-frontend"))
    operator.reconcile_until_quiet()
    assert cluster.replicas()["g-frontend"] == 1
    assert "g-frontend" in cluster.names("Service")
    cluster.calls.clear()
    operator.reconcile_until_quiet()
    assert cluster.writes() == []


def test_scaling_by_the_graph_keeps_the_generation() -> None:
    cluster, operator = ready_cluster(workers())
    cluster.put_graph(workers(replicas=3))
    operator.reconcile_until_quiet()
    assert sorted(map(str, cluster.replicas().values())) == ["1", "3"]
    assert cluster.status()["state"] == "pending"
    assert cluster.status()["observedGeneration"] == 2
    assert "rollingUpdate" not in cluster.status()


def test_workers_are_replaced_without_a_gap() -> None:
    cluster, operator = ready_cluster(workers(replicas=2))
    (old,) = [name for name in cluster.replicas() if "worker" in name]
    cluster.put_graph(workers(replicas=2, image="w:2"))
    operator.reconcile_until_quiet()
    (new,) = [name for name in cluster.replicas() if "worker" in name and name != old]
    assert cluster.replicas() == {"g-frontend": 1, old: 2, new: 1}
    assert table(cluster.status()["rollingUpdate"])["phase"] == "InProgress"
    assert cluster.ready()["reason"] == "rolling_update_in_progress"
    assert cluster.ready()["message"] == "Rolling update in progress"
    cluster.settle()
    operator.reconcile_until_quiet()
    component = table(table(cluster.status()["components"])["Worker"])
    assert component["componentNames"] == sorted([old, new])
    assert str(component["runtimeNamespace"]).endswith(old.removeprefix("g-worker-"))
    assert component["readyReplicas"] == 3
    assert component["updatedReplicas"] == 1
    serving = []
    for _ in range(6):
        serving.append(sum(int(str(n)) for name, n in cluster.replicas().items() if "work" in name))
        cluster.settle()
        operator.reconcile_until_quiet()
    assert cluster.replicas() == {"g-frontend": 1, new: 2}
    assert min(serving) >= 2
    assert max(serving) <= 3
    assert old not in cluster.names("Service")
    assert cluster.status()["state"] == "successful"
    over = table(cluster.status()["rollingUpdate"])
    assert over["phase"] == "Completed"
    assert over["updatedComponents"] == ["Worker"]
    assert {"startTime", "endTime"} <= set(over)
    annotations = table(table(cluster.graph()["metadata"])["annotations"])
    assert annotations[CURRENT_HASH] == new.removeprefix("g-worker-")
    assert cluster.events == ["RollingUpdateStarted", "RollingUpdateCompleted"]


def test_a_third_generation_takes_over_in_the_middle() -> None:
    cluster, operator = ready_cluster(workers(replicas=2))
    for image in ("w:2", "w:3"):
        cluster.put_graph(workers(replicas=2, image=image))
        operator.reconcile_until_quiet()
        cluster.settle(ready=image == "w:1")
        operator.reconcile_until_quiet()
    for _ in range(8):
        cluster.settle()
        operator.reconcile_until_quiet()
    assert sorted(map(str, cluster.replicas().values())) == ["1", "2"]
    assert cluster.status()["state"] == "successful"


def test_going_back_in_the_middle_ends_where_it_began() -> None:
    cluster, operator = ready_cluster(workers())
    before = cluster.replicas()
    cluster.put_graph(workers(image="w:2"))
    operator.reconcile_until_quiet()
    cluster.put_graph(workers())
    for _ in range(5):
        operator.reconcile_until_quiet()
        cluster.settle()
    operator.reconcile_until_quiet()
    assert cluster.replicas() == before
    assert cluster.status()["state"] == "successful"


def test_recreated_workers_wait_until_the_old_pods_are_gone() -> None:
    extra = "minAvailable: 1"
    recreate = "metadata: {annotations: {nvidia.com/deployment-strategy: Recreate}}, spec: {"

    def graph(image: str) -> str:
        return (
            workers(image=image, extra=extra)
            .replace("podTemplate: {spec: {", "podTemplate: {" + recreate)
            .replace("args: [a]}]}}", "args: [a]}]}}")
        )

    cluster, operator = ready_cluster(graph("w:1"))
    (old,) = [name for name in cluster.replicas() if "worker" in name]
    cluster.ending_pods.add(old)
    cluster.put_graph(graph("w:2"))
    operator.reconcile_until_quiet()
    (new,) = [name for name in cluster.replicas() if "worker" in name and name != old]
    cluster.settle()
    assert operator.reconcile_until_quiet() is not None
    assert (cluster.replicas()[old], cluster.replicas()[new]) == (0, 0)
    cluster.ending_pods.clear()
    for _ in range(4):
        operator.reconcile_until_quiet()
        cluster.settle()
    operator.reconcile_until_quiet()
    assert cluster.replicas() == {"g-frontend": 1, new: 1}


@pytest.mark.parametrize("dies_at", range(0, 60, 3))
def test_a_controller_that_is_killed_anywhere_does_no_harm(dies_at: int) -> None:
    """Create a graph and replace its workers; the controller dies after so many calls of each."""
    cluster = FakeCluster()
    for image in ("w:1", "w:2"):
        cluster.put_graph(workers(replicas=2, image=image))
        cluster.calls.clear()
        cluster.dies_at = dies_at
        operator = Operator(cluster)
        for _ in range(8):
            try:
                operator.reconcile_until_quiet()
            except Stopped:
                cluster.dies_at = None
                operator = Operator(cluster)
            serving = [int(str(n)) for name, n in cluster.replicas().items() if "worker" in name]
            assert image == "w:1" or sum(serving) >= 2
            cluster.settle()
        cluster.dies_at = None
        operator.reconcile_until_quiet()
        assert cluster.status()["state"] == "successful"
        assert sorted(map(str, cluster.replicas().values())) == ["1", "2"]


def test_groups_of_nodes_are_replaced_at_once_and_it_is_said() -> None:
    extra = "multinode: {nodeCount: 2}"
    cluster, operator = ready_cluster(workers(extra=extra), groups=WITH_LWS)
    assert cluster.names("Secret") == ["mpi-run-ssh-secret"]
    assert cluster.names("ConfigMap") == ["g-wait-leader-script"]
    (old,) = cluster.names("LeaderWorkerSet")
    component = table(table(cluster.status()["components"])["Worker"])
    assert component["componentKind"] == "LeaderWorkerSet"
    assert component["componentNames"] == [old]
    assert "availableReplicas" not in component
    cluster.put_graph(workers(extra=extra, image="w:2"))
    operator.reconcile_until_quiet()
    (new,) = cluster.names("LeaderWorkerSet")
    assert new != old
    assert cluster.events == ["RollingUpdateNotSupported"]
    assert "rollingUpdate" not in cluster.status()


def test_the_ssh_key_of_a_namespace_is_made_once() -> None:
    cluster, operator = ready_cluster(workers(extra="multinode: {nodeCount: 2}"), groups=WITH_LWS)
    key = cluster.objects[Key("Secret", "mpi-run-ssh-secret")]["data"]
    operator.reconcile_until_quiet()
    Operator(cluster).reconcile_until_quiet()
    assert cluster.objects[Key("Secret", "mpi-run-ssh-secret")]["data"] == key
    assert len([one for one in cluster.calls if one.startswith("CREATE Secret")]) == 1


def test_without_an_orchestrator_a_group_fails_until_there_is_one() -> None:
    cluster = FakeCluster()
    cluster.put_graph(workers(extra="multinode: {nodeCount: 2}"))
    operator = Operator(cluster)
    assert operator.reconcile() is not None
    assert cluster.status()["state"] == "failed"
    assert cluster.ready()["reason"] == "no_multinode_orchestrator_available"
    assert "observedGeneration" not in cluster.status()
    assert cluster.ready()["observedGeneration"] == 1
    assert cluster.names("Secret") == ["mpi-run-ssh-secret"]
    assert cluster.names("Deployment") == []
    cluster.groups = WITH_LWS
    operator.reconcile_until_quiet()
    assert cluster.status()["state"] == "pending"
    assert len(cluster.names("LeaderWorkerSet")) == 1


def test_a_type_that_nobody_knows_fails_and_keeps_what_runs() -> None:
    cluster, operator = ready_cluster(workers())
    before = cluster.replicas()
    cluster.put_graph(workers().replace("type: frontend", "type: main"))
    assert operator.reconcile_until_quiet() is None
    assert cluster.status()["state"] == "failed"
    assert cluster.ready()["reason"] == "failed_to_reconcile_the_resources"
    assert cluster.replicas() == before
    assert cluster.status()["observedGeneration"] == 1


def test_one_broken_component_is_said_once_and_the_others_run() -> None:
    cluster = FakeCluster()
    cluster.put_graph(workers(extra="frontendSidecar: none"))
    operator = Operator(cluster)
    for _ in range(3):
        operator.reconcile_until_quiet()
        cluster.settle()
    assert cluster.names("Deployment") == ["g-frontend"]
    assert cluster.status()["state"] == "pending"
    assert cluster.events == ["ReconcileError"]


def test_what_the_api_server_refuses_is_said_and_tried_again() -> None:
    cluster = FakeCluster()
    cluster.put_graph(workers())
    cluster.refused["APPLY Deployment g-frontend"] = ApiError(
        403, "Forbidden", "exceeded quota: pods"
    )
    operator = Operator(cluster)
    assert operator.reconcile_until_quiet() is not None
    assert cluster.events == ["ReconcileError"]
    assert len(cluster.names("Deployment")) == 1
    cluster.refused.clear()
    operator.reconcile_until_quiet()
    assert len(cluster.names("Deployment")) == 2


def test_an_api_server_that_does_not_answer_is_asked_again() -> None:
    cluster = FakeCluster()
    cluster.put_graph(workers())
    cluster.refused["APPLY ServiceAccount"] = ApiError(503, "ServiceUnavailable", "not now")
    operator = Operator(cluster)
    first, second = operator.reconcile(), operator.reconcile()
    assert first is not None
    assert second is not None
    assert second > first
    cluster.refused.clear()
    operator.reconcile_until_quiet()
    assert len(cluster.names("Deployment")) == 2


def test_a_refused_account_fails_the_graph() -> None:
    cluster = FakeCluster()
    cluster.put_graph(workers())
    cluster.refused["APPLY Role g"] = ApiError(403, "Forbidden", "roles is forbidden")
    assert Operator(cluster).reconcile_until_quiet() is not None
    assert cluster.ready()["reason"] == "failed_to_reconcile_the_resources"
    assert cluster.ready()["message"] == "roles is forbidden"
    assert cluster.names("Deployment") == []


def test_a_namespace_that_is_deleted_is_left_alone() -> None:
    cluster = FakeCluster()
    cluster.put_graph(workers())
    ending = ApiError(403, "Forbidden", "ns is being terminated", namespace_terminating=True)
    cluster.refused["APPLY"] = ending
    assert Operator(cluster).reconcile() is None
    assert "status" not in cluster.graph()
    assert cluster.events == []


def test_a_workload_that_vanishes_meanwhile_is_tried_again() -> None:
    cluster, operator = ready_cluster(workers())
    cluster.put_graph(workers(image="w:2"))
    operator.reconcile_until_quiet()
    cluster.settle()
    cluster.refused["MERGE Deployment"] = ApiError(404, "NotFound", "deployments not found")
    assert operator.reconcile_until_quiet() is not None
    cluster.refused.clear()
    for _ in range(4):
        operator.reconcile_until_quiet()
        cluster.settle()
    operator.reconcile_until_quiet()
    assert cluster.status()["state"] == "successful"


def test_a_deleted_graph_takes_everything_of_its_own_along() -> None:
    cluster, operator = ready_cluster(workers())
    cluster.delete_graph()
    assert operator.reconcile() is None
    assert {key.name for key in cluster.objects} == {
        "planner-serviceaccount",
        "planner-serviceaccount-binding",
    }


def test_an_adapter_decides_how_many_copies_run() -> None:
    cluster, operator = ready_cluster(workers(extra="scalingAdapter: {}"))
    kind = "DynamoGraphDeploymentScalingAdapter"
    assert cluster.names(kind) == ["g-worker"]
    adapter = cluster.objects[Key(kind, "g-worker")]
    assert adapter["status"] == {
        "replicas": 1,
        "selector": (
            "nvidia.com/dynamo-component=Worker,nvidia.com/dynamo-graph-deployment-name=g"
        ),
    }
    cluster._store({**adapter, "spec": {**table(adapter["spec"]), "replicas": 3}}, adapter)
    operator.reconcile_until_quiet()
    assert sorted(map(str, cluster.replicas().values())) == ["1", "3"]
    status = table(cluster.objects[Key(kind, "g-worker")]["status"])
    assert status["replicas"] == 3
    assert "lastScaleTime" in status
    assert cluster.events == ["AdapterCreated", "Scaled"]


def test_an_adapter_goes_when_the_component_no_longer_wants_it() -> None:
    cluster, operator = ready_cluster(workers(extra="scalingAdapter: {}"))
    cluster.put_graph(workers())
    operator.reconcile_until_quiet()
    assert cluster.names("DynamoGraphDeploymentScalingAdapter") == []
    assert cluster.events == ["AdapterCreated", "AdapterDeleted"]


def test_a_restart_goes_from_component_to_component() -> None:
    cluster, operator = ready_cluster(workers())
    cluster.put_graph(workers().replace("spec:\n", "spec:\n  restart: {id: once}\n"))
    operator.reconcile_until_quiet()
    assert cluster.status()["restart"] == {
        "observedID": "once", "phase": "Restarting", "inProgress": ["Frontend"],
    }  # fmt: skip
    for _ in range(4):
        cluster.settle()
        operator.reconcile_until_quiet()
    assert cluster.status()["restart"] == {"observedID": "once", "phase": "Completed"}
    for key, one in cluster.objects.items():
        if key.kind == "Deployment":
            template = table(table(one["spec"])["template"])
            marks = table(table(template["metadata"])["annotations"])
            assert marks["nvidia.com/restartAt"] == "once"
    assert cluster.status()["state"] == "successful"


def taken_over(cluster: FakeCluster, key: Key) -> None:
    """Have an object belong to another graph."""
    one = cluster.objects[key]
    owner: Plain = {"kind": KIND, "name": "x", "uid": "other", "controller": True}
    cluster._store({**one, "metadata": {**table(one["metadata"]), "ownerReferences": [owner]}}, one)


def test_two_graphs_can_serve_one_model() -> None:
    cluster = FakeCluster()
    cluster.put_graph(workers(extra="modelRef: {name: m}"))
    Operator(cluster).reconcile_until_quiet()
    (name,) = [one for one in cluster.names("Service") if one.startswith("dynamo-model")]
    taken_over(cluster, Key("Service", name))
    cluster.settle()
    Operator(cluster).reconcile_until_quiet()
    assert cluster.status()["state"] == "successful"


def test_an_object_of_somebody_else_is_in_the_way() -> None:
    cluster, _ = ready_cluster(workers())
    taken_over(cluster, Key("Service", "g-frontend"))
    Operator(cluster).reconcile_until_quiet()
    assert cluster.status()["state"] == "pending"
    assert cluster.events == ["ReconcileError"]
