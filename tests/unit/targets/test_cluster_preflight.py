"""What a cluster lacks is told before anything is applied, in one line each."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.kube.resources import KubeObject, as_mapping
from dynamo_conformance.manifest.node import Mapping
from dynamo_conformance.manifest.read import read_graphs
from dynamo_conformance.targets.cluster.capabilities import ClusterCapabilities
from dynamo_conformance.targets.cluster.node_fit import (
    Capacity,
    ClusterNode,
    PodRequests,
    Taint,
    pod_takes,
    read_node,
    read_nodes,
    requests,
    room,
)
from dynamo_conformance.targets.cluster.preflight import PreflightOptions, of_claims, of_graph

if TYPE_CHECKING:
    from dynamo_conformance.manifest.node import Plain

EXAMPLES = Path(__file__).parents[3] / "examples" / "llm" / "vllm_v1" / "launch" / "k8s"
GI = 2**30


def node(
    has: dict[str, int] | None = None, *, labels: dict[str, str] | None = None, taints: str = ""
) -> ClusterNode:
    allocatable = {"cpu": 96, "memory": 900 * GI, **(has or {})}
    return ClusterNode(
        name="n",
        labels=labels or {},
        taints=tuple(Taint(key=key, value="", effect="NoSchedule") for key in taints.split()),
        allocatable={key: Decimal(value) for key, value in allocatable.items()},
    )


GPU = {"nvidia.com/gpu": 8}
LARGE = {**GPU, "memory": 2000 * GI, "rdma/ib": 8}
WIDE = frozenset({"leaderworkerset.x-k8s.io", "scheduling.volcano.sh"})


def missing(
    example: str,
    *nodes: ClusterNode,
    options: PreflightOptions | None = None,
    groups: frozenset[str] = WIDE,
) -> list[str]:
    (graph,) = read_graphs(EXAMPLES / example)
    result = ClusterCapabilities(versions=frozenset({"v1beta1"}), groups=groups, nodes=nodes)
    return list(of_graph(result, graph, options or PreflightOptions()))


def test_a_cluster_that_has_all_lacks_nothing() -> None:
    assert missing("disagg.yaml", node(), node(GPU)) == []
    assert missing("deepseek_r1/agg_dp.yaml", node(LARGE), node(LARGE)) == []


def test_no_gpu_is_said_for_each_component() -> None:
    assert missing("disagg.yaml", node()) == [
        "not enough nvidia.com/gpu for VllmDecodeWorker: a pod asks for 1, no node has any",
        "not enough nvidia.com/gpu for VllmPrefillWorker: a pod asks for 1, no node has any",
    ]


def test_the_largest_node_decides_and_its_own_size_is_said() -> None:
    assert missing("agg.yaml", node({**GPU, "memory": 8 * GI}), node({"memory": 4 * GI})) == [
        "not enough memory for VllmWorker: a pod asks for 16Gi, the largest node has 8Gi"
    ]


def test_resources_on_different_nodes_do_not_add_up() -> None:
    result = missing("agg.yaml", node({**GPU, "memory": 8 * GI}), node())
    assert result == ["no node for VllmWorker has all of: cpu 4, memory 16Gi, nvidia.com/gpu 1"]


def test_what_the_world_scales_down_is_no_matter() -> None:
    options = PreflightOptions(scaled={"cpu": "10m", "memory": "16Mi"})
    assert missing("agg.yaml", node({**GPU, "cpu": 1, "memory": GI}), options=options) == []


def test_nodes_that_come_when_needed_are_not_missed() -> None:
    assert missing("disagg.yaml", options=PreflightOptions(scales_up=True)) == []


def test_nodes_that_nobody_may_see_are_not_missed() -> None:
    (graph,) = read_graphs(EXAMPLES / "disagg.yaml")
    result = ClusterCapabilities(versions=frozenset(), groups=frozenset())
    assert list(of_graph(result, graph, PreflightOptions())) == []


@pytest.mark.parametrize(
    ("groups", "is_lack"),
    [
        ({"leaderworkerset.x-k8s.io"}, True),
        ({"leaderworkerset.x-k8s.io", "scheduling.volcano.sh"}, False),
        ({"grove.io"}, False),
        (set(), True),
    ],
)
def test_multinode_needs_an_orchestrator(groups: set[str], is_lack: bool) -> None:  # noqa: FBT001
    result = missing("deepseek_r1/agg_dp.yaml", node(LARGE), node(LARGE), groups=frozenset(groups))
    message = "no orchestrator for components that span nodes (VllmWorker): install LeaderWorkerSet"
    assert len(result) == is_lack
    assert all(item.startswith(message) for item in result)


def fits(pod: dict[str, object], *nodes: ClusterNode) -> list[str]:
    spec = as_mapping(pod)  # type: ignore[arg-type]
    return list(room(PodRequests(who="W", spec=spec, takes=pod_takes(spec)), nodes))


def need(*, who: str = "W", **takes: str) -> PodRequests:
    amounts = {name: Decimal(amount) for name, amount in takes.items()}
    return PodRequests(who=who, spec=Mapping(), takes={**amounts, "pods": Decimal(1)})


def running(node: str, phase: str = "Running", **requests: str) -> KubeObject:
    container: dict[str, Plain] = {"name": "main", "resources": {"requests": {**requests}}}
    spec: dict[str, Plain] = {"nodeName": node, "containers": [container]}
    return KubeObject({"spec": spec, "status": {"phase": phase}})


def machine(name: str = "n", **allocatable: str) -> KubeObject:
    return KubeObject({"metadata": {"name": name}, "status": {"allocatable": {**allocatable}}})


def test_what_other_pods_hold_is_not_left() -> None:
    pods = [running("n", cpu="3900m"), running("n", "Succeeded", cpu="9"), running("m", cpu="1")]
    (one,) = read_nodes([machine(cpu="4", memory="8Gi", pods="110")], pods)
    assert one.left == {"cpu": Decimal("0.1"), "memory": 8 * GI, "pods": 109}
    (message,) = room(need(cpu="0.5"), (one,))
    assert message == (
        "not enough cpu left for W: a pod asks for 0.5, the node with the most left has 0.1; other "
        "pods hold the rest"
    )


def test_a_node_that_has_all_the_pods_it_may_have_is_full() -> None:
    nodes = read_nodes([machine(cpu="4", pods="1")], [running("n")])
    (message,) = room(need(cpu="1"), nodes)
    assert message.startswith("not enough pods left for W: a pod asks for 1, no node has any")


def test_pods_that_fit_one_by_one_are_counted_together() -> None:
    full = node({**GPU, "memory": 2000 * GI, "rdma/ib": 8})
    result = missing("deepseek_r1/agg_dp.yaml", full)
    assert any(item.startswith("not enough nvidia.com/gpu left for all 3 pods") for item in result)


def test_a_node_too_small_says_what_the_world_would_have_scaled() -> None:
    options = PreflightOptions(small=" (the cluster serves no MutatingAdmissionPolicy)")
    (message,) = missing("agg.yaml", node({**GPU, "cpu": 2}), options=options)
    assert message == (
        "not enough cpu for VllmWorker: a pod asks for 4, the largest node has 2 "
        "(the cluster serves no MutatingAdmissionPolicy)"
    )


def test_graphs_share_what_the_nodes_have_left() -> None:
    nodes = read_nodes([machine("a", cpu="2"), machine("b", cpu="3")], [running("b", cpu="1")])
    capacity = Capacity(nodes)
    first = capacity.place([need(cpu="1.5"), need(cpu="1.5")])
    assert first is not None
    assert {name for name, _ in first.pods} == {"a", "b"}
    # A core is left, and on no node a whole one.
    assert capacity.place([need(cpu="1")]) is None
    assert capacity.place([need(cpu="0.5"), need(cpu="0.5")]) is not None
    capacity.give_back(first, [need()])
    assert capacity.place([need(cpu="1.5")]) is not None


def test_a_graph_that_fits_nowhere_is_not_kept_waiting_for_nobody() -> None:
    capacity = Capacity(read_nodes([machine(cpu="1")], []))
    assert capacity.place([need(cpu="2")]) is not None
    assert capacity.place([need(cpu="1")]) is not None
    assert capacity.place([need(cpu="1")]) is None


def test_sidecars_count_with_the_others_and_before_the_init_containers_behind_them() -> None:
    def asks(cpu: str, **more: str) -> dict[str, object]:
        return {"name": "c", "resources": {"requests": {"cpu": cpu}}, **more}

    pod = {
        "containers": [asks("1")],
        "initContainers": [asks("2"), asks("0.5", restartPolicy="Always"), asks("1")],
        "overhead": {"cpu": "250m"},
    }
    assert requests(as_mapping(pod)) == {"cpu": Decimal("2.25")}  # type: ignore[arg-type]
    pod["initContainers"] = [asks("0.5", restartPolicy="Always"), asks("1.8")]
    assert requests(as_mapping(pod)) == {"cpu": Decimal("2.55")}  # type: ignore[arg-type]
    scaled = requests(as_mapping(pod), scaled={"cpu": "10m"})  # type: ignore[arg-type]
    assert scaled == {"cpu": Decimal("0.27")}
    pod["resources"] = {"requests": {"cpu": "3"}}
    assert requests(as_mapping(pod)) == {"cpu": Decimal("3.25")}  # type: ignore[arg-type]


def test_selectors_and_taints() -> None:
    a100 = node(GPU, labels={"gpu": "a100"}, taints="gpu-only")
    assert fits({"nodeSelector": {"gpu": "h100"}}, a100) == [
        "no node for W with the labels gpu=h100"
    ]
    assert fits({"nodeSelector": {"gpu": "a100"}}, a100) == [
        "no node for W: its pods do not tolerate gpu-only:NoSchedule"
    ]
    assert fits({"tolerations": [{"key": "gpu-only", "operator": "Exists"}]}, a100) == []
    assert fits({"tolerations": [{"operator": "Exists"}]}, a100) == []
    assert fits({"tolerations": [{"key": "gpu-only", "effect": "NoExecute"}]}, a100)
    assert fits({}) == ["no node for W"]


def test_a_cordoned_node_takes_nothing() -> None:
    cordoned = read_node(
        KubeObject(
            {
                "metadata": {"name": "n"},
                "spec": {
                    "taints": [{"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}]
                },
                "status": {"allocatable": {"cpu": "2", "nvidia.com/gpu": "8"}},
            }
        )
    )
    assert cordoned.allocatable == {"cpu": 2, "nvidia.com/gpu": 8}
    assert fits({}, cordoned)


def test_requests_are_counted_as_the_scheduler_does() -> None:
    def container(**resources: dict[str, str]) -> dict[str, object]:
        return {"name": "c", "resources": resources}

    pod = {
        "containers": [
            container(requests={"cpu": "500m"}, limits={"cpu": "2", "g": "1"}),
            container(requests={"cpu": "1"}),
        ],
        "initContainers": [container(requests={"cpu": "4"}), container(requests={"cpu": "3"})],
    }
    assert requests(as_mapping(pod)) == {"cpu": 4, "g": 1}  # type: ignore[arg-type]
    pod["initContainers"] = []
    assert requests(as_mapping(pod)) == {"cpu": Decimal("1.5"), "g": 1}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("classes", "default", "wanted", "words"),
    [
        (None, "", "fast", ""),
        ({"fast"}, "", "fast", ""),
        ({"slow"}, "slow", "fast", "no storage class fast for the claim c"),
        ({"slow"}, "slow", None, ""),
        ({"slow"}, "", None, "no default storage class for the claim c"),
        ({"slow"}, "", "", ""),
    ],
)
def test_storage_classes(
    classes: set[str] | None,
    default: str,
    wanted: str | None,
    words: str,
) -> None:
    result = ClusterCapabilities(
        versions=frozenset(),
        groups=frozenset(),
        classes=frozenset(classes) if classes is not None else None,
        default_class=bool(default),
    )
    message = " ".join(of_claims(result, [("c", wanted)]))
    assert message.startswith(words)
    assert bool(message) == bool(words)
