"""What a cluster lacks is told before anything is applied, in one line each."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from conformance.manifest.read import read_graphs
from conformance.targets.cluster.fitting import Node, Taint, read_node, requests, room
from conformance.targets.cluster.preflight import Found, Terms, of_claims, of_graph
from conformance.targets.cluster.resources import as_mapping

EXAMPLES = Path(__file__).parents[3] / "examples" / "llm" / "vllm_v1" / "launch" / "k8s"
GI = 2**30


def node(
    has: dict[str, int] | None = None, *, labels: dict[str, str] | None = None, taints: str = ""
) -> Node:
    allocatable = {"cpu": 96, "memory": 900 * GI, **(has or {})}
    return Node(
        name="n",
        labels=labels or {},
        taints=tuple(Taint(key=key, value="", effect="NoSchedule") for key in taints.split()),
        allocatable={key: Decimal(value) for key, value in allocatable.items()},
    )


GPU = {"nvidia.com/gpu": 8}
LARGE = {**GPU, "memory": 2000 * GI, "rdma/ib": 8}
WIDE = frozenset({"leaderworkerset.x-k8s.io", "scheduling.volcano.sh"})


def lacks(
    example: str, *nodes: Node, terms: Terms | None = None, groups: frozenset[str] = WIDE
) -> list[str]:
    (graph,) = read_graphs(EXAMPLES / example)
    found = Found(versions=frozenset({"v1beta1"}), groups=groups, nodes=nodes)
    return list(of_graph(found, graph, terms or Terms()))


def test_a_cluster_that_has_all_lacks_nothing() -> None:
    assert lacks("disagg.yaml", node(), node(GPU)) == []
    assert lacks("deepseek_r1/agg_dp.yaml", node(LARGE)) == []


def test_no_gpu_is_said_for_each_component() -> None:
    assert lacks("disagg.yaml", node()) == [
        "not enough nvidia.com/gpu for VllmDecodeWorker: a pod asks for 1, no node has any",
        "not enough nvidia.com/gpu for VllmPrefillWorker: a pod asks for 1, no node has any",
    ]


def test_the_largest_node_decides_and_its_own_size_is_said() -> None:
    assert lacks("agg.yaml", node({**GPU, "memory": 8 * GI}), node({"memory": 4 * GI})) == [
        "not enough memory for VllmWorker: a pod asks for 16Gi, the largest node has 8Gi"
    ]


def test_resources_on_different_nodes_do_not_add_up() -> None:
    found = lacks("agg.yaml", node({**GPU, "memory": 8 * GI}), node())
    assert found == ["no node for VllmWorker has all of: cpu 4, memory 16Gi, nvidia.com/gpu 1"]


def test_what_the_world_scales_down_is_no_matter() -> None:
    terms = Terms(ignored=frozenset({"cpu", "memory"}))
    assert lacks("agg.yaml", node({**GPU, "cpu": 1, "memory": GI}), terms=terms) == []


def test_nodes_that_come_when_needed_are_not_missed() -> None:
    assert lacks("disagg.yaml", terms=Terms(scales_up=True)) == []


def test_nodes_that_nobody_may_see_are_not_missed() -> None:
    (graph,) = read_graphs(EXAMPLES / "disagg.yaml")
    found = Found(versions=frozenset(), groups=frozenset())
    assert list(of_graph(found, graph, Terms())) == []


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
    found = lacks("deepseek_r1/agg_dp.yaml", node(LARGE), groups=frozenset(groups))
    said = "no orchestrator for components that span nodes (VllmWorker): install LeaderWorkerSet"
    assert len(found) == is_lack
    assert all(one.startswith(said) for one in found)


def fits(pod: dict[str, object], *nodes: Node) -> list[str]:
    return list(room(as_mapping(pod), nodes, who="W", ignored=frozenset()))  # type: ignore[arg-type]


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
        {
            "metadata": {"name": "n"},
            "spec": {
                "taints": [{"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}]
            },
            "status": {"allocatable": {"cpu": "2", "nvidia.com/gpu": "8"}},
        }
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
    found = Found(
        versions=frozenset(),
        groups=frozenset(),
        classes=frozenset(classes) if classes is not None else None,
        default_class=bool(default),
    )
    said = " ".join(of_claims(found, [("c", wanted)]))
    assert said.startswith(words)
    assert bool(said) == bool(words)
