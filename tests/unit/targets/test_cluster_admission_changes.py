"""What admission changed in pods is told once per component; what is always added is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.kube.resources import KubeObject
from dynamo_conformance.targets.cluster.admission_changes import changes

if TYPE_CHECKING:
    from dynamo_conformance.manifest.node import Plain

MAIN: dict[str, Plain] = {
    "name": "main",
    "image": "i:1",
    "env": [{"name": "A", "value": "1"}],
    "resources": {"requests": {"cpu": "4", "memory": "16Gi"}, "limits": {"nvidia.com/gpu": "1"}},
}
SET = KubeObject(
    {
        "kind": "ReplicaSet",
        "metadata": {"name": "g-worker-1"},
        "spec": {"template": {"spec": {"containers": [MAIN]}}},
    }
)


def pod(name: str, **spec: Plain) -> KubeObject:
    return KubeObject(
        {
            "metadata": {
                "name": name,
                "labels": {"nvidia.com/dynamo-component": "Worker"},
                "ownerReferences": [{"kind": "ReplicaSet", "name": "g-worker-1"}],
            },
            "spec": {"containers": [MAIN], **spec},
        }
    )


def said(*pods: KubeObject) -> list[str]:
    return [str(change) for change in changes(pods, [SET])]


def test_what_every_pod_gets_is_no_change() -> None:
    usual = pod(
        "a",
        nodeName="n",
        schedulerName="default-scheduler",
        tolerations=[{"key": "node.kubernetes.io/not-ready", "operator": "Exists"}],
        volumes=[{"name": "kube-api-access-x"}],
        containers=[{**MAIN, "volumeMounts": [{"name": "kube-api-access-x"}]}],
    )
    lws: Plain = {"name": "LWS_LEADER_ADDRESS", "value": "x"}
    env: Plain = [{"name": "A", "value": "1"}, lws]
    assert said(usual, pod("b", containers=[{**MAIN, "env": env}])) == []


def test_scaled_down_requests_are_said_once_for_all_pods() -> None:
    small: Plain = {
        **MAIN,
        "resources": {
            "requests": {"cpu": "50m", "memory": "64Mi"},
            "limits": {"nvidia.com/gpu": "1"},
        },
    }
    assert said(pod("a", containers=[small]), pod("b", containers=[small])) == [
        "Worker: resources.requests.cpu 4 -> 50m",
        "Worker: resources.requests.memory 16Gi -> 64Mi",
    ]


def test_other_changes_of_containers() -> None:
    other: Plain = {
        **MAIN,
        "image": "mirror/i:1",
        "env": [{"name": "B", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}],
        "resources": {},
    }
    sidecar: Plain = {"name": "proxy", "image": "p:1"}
    assert said(pod("a", containers=[other, sidecar], initContainers=[{"name": "init"}])) == [
        "Worker: container init was added",
        "Worker: image i:1 -> mirror/i:1",
        "Worker: resources.requests.cpu 4 -> none",
        "Worker: resources.requests.memory 16Gi -> none",
        "Worker: resources.limits.nvidia.com/gpu 1 -> none",
        "Worker: env A 1 -> none",
        "Worker: env B none -> from elsewhere",
        "Worker: container proxy was added",
    ]


def test_pods_of_unknown_makers_are_not_compared() -> None:
    assert changes([pod("a", containers=[])], []) == ()


def test_a_request_that_follows_from_a_limit_is_no_change() -> None:
    resources: dict[str, Plain] = {
        "requests": {"cpu": "4", "memory": "16Gi", "nvidia.com/gpu": "1"},
        "limits": {"nvidia.com/gpu": "1"},
    }
    assert said(pod("a", containers=[{**MAIN, "resources": resources}])) == []
    more: Plain = {**resources, "requests": {"cpu": "4", "memory": "16Gi", "nvidia.com/gpu": "2"}}
    assert said(pod("a", containers=[{**MAIN, "resources": more}])) == [
        "Worker: resources.requests.nvidia.com/gpu none -> 2"
    ]
