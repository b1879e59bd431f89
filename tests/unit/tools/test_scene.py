"""Scenes and traits: what a graph is said to be, by its own manifest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from catalogue.pictures.scene import Handoff, scene
from catalogue.traits import Trait, graph_traits
from dynamo_conformance.engines.role import Role
from dynamo_conformance.engines.serving import serving
from graph_builders import EVENTS, NIXL, frontend, graph, role, worker

if TYPE_CHECKING:
    from pathlib import Path

    from graph_builders import Component

SGLANG = "dynamo.sglang"
BOTH = (
    worker("D", *role("decode", *NIXL), kind="decode", replicas=2),
    worker("P", *role("prefill", *NIXL, *EVENTS), kind="prefill", gpus=2),
)


def labels(folder: Path, *components: Component) -> list[str]:
    return [trait.label for trait in graph_traits(graph(folder, *components))]


def test_a_disaggregated_graph_with_a_router(tmp_path: Path) -> None:
    found = scene(graph(tmp_path, frontend(router="kv", replicas=2), *BOTH))
    assert found.subtitle == "vLLM · Dynamo 1.6.1 · Qwen/Qwen3-0.6B · 4 GPUs"
    assert [one.name for one in found.workers] == ["P", "D"]
    assert [(one.asked, one.kv_events) for one in found.workers] == [(True, True), (True, False)]
    assert found.handoffs == (Handoff(0, 1, "KV blocks by NIXL"),)
    assert found.describe() == (
        "Requests reach Frontend (2 replicas), KV router, which sends them to P and D. "
        "P: one worker, prefill, 2 GPUs. D: 2 workers, decode, 1 GPU each. "
        "P hands KV blocks by NIXL to D. KV events go from P to the router."
    )


@pytest.mark.parametrize(
    ("gpu", "shown", "memory"),
    [
        ("NVIDIA-L4", "4 GPUs (NVIDIA-L4, 22 GiB)", ("22 GiB",)),
        # Of a GPU that is not known here, only the name can be said.
        ("NVIDIA-Z9000", "4 GPUs (NVIDIA-Z9000)", ()),
    ],
)
def test_the_gpu_is_named(gpu: str, shown: str, memory: tuple[str, ...], tmp_path: Path) -> None:
    drawn = scene(graph(tmp_path, frontend(), *BOTH, gpu=gpu))
    assert (drawn.gpus, drawn.products, drawn.memory) == (4, (gpu,), memory)
    assert drawn.subtitle == f"vLLM · Dynamo 1.6.1 · Qwen/Qwen3-0.6B · {shown}"


def test_events_go_nowhere_without_a_router_that_wants_them(tmp_path: Path) -> None:
    found = scene(graph(tmp_path, frontend(), *BOTH))
    assert not any(one.kv_events for one in found.workers)
    assert found.entry is not None
    assert found.entry.router == "round-robin router"


@pytest.mark.parametrize(
    ("module", "asked"),
    [("dynamo.vllm", [False, True, True]), (SGLANG, [True, False, False])],
)
def test_an_encoder_is_asked_by_the_engine_or_by_the_frontend(
    module: str,
    asked: list[bool],
    tmp_path: Path,
) -> None:
    workers = [
        worker(name, *role(name, "--enable-multimodal"), module=module)
        for name in ("decode", "prefill", "encode")
    ]
    found = scene(graph(tmp_path, frontend(), *workers))
    assert [one.name for one in found.workers] == ["encode", "prefill", "decode"]
    assert [one.asked for one in found.workers] == asked
    given = [(one.giver, one.taker) for one in found.handoffs]
    assert given == [(0, 1), (1, 2)]
    assert found.handoffs[0].what == "embeddings"


def test_an_encoder_hands_to_aggregated_workers(tmp_path: Path) -> None:
    workers = (worker("A"), worker("E", *role("encode", "--enable-multimodal")))
    found = scene(graph(tmp_path, frontend(), *workers))
    assert found.handoffs == (Handoff(0, 1, "embeddings"),)


def test_sglang_hands_over_by_the_backend_it_is_told(tmp_path: Path) -> None:
    told = ("--disaggregation-transfer-backend", "nixl")
    workers = [worker(one, *role(one, *told), module=SGLANG) for one in ("prefill", "decode")]
    found = scene(graph(tmp_path, frontend(), *workers))
    assert found.handoffs == (Handoff(0, 1, "KV blocks by NIXL"),)


def test_nodes_gpus_and_what_joins_them(tmp_path: Path) -> None:
    words = ("--data-parallel-size", "16", "--enable-expert-parallel")
    big = worker("W", *words, gpus=8, nodes=2, replicas=3, rdma=True)
    found = scene(graph(tmp_path, frontend(), big))
    assert found.gpus == 48
    assert found.workers[0].notes == ("data parallel 16", "expert parallel", "RDMA")
    assert (
        "W: 3 workers, aggregated, 2 nodes with 8 GPUs each; data parallel 16" in found.describe()
    )


def test_planners_gateways_and_strangers(tmp_path: Path) -> None:
    planner = worker("Planner", "--config", "{}", module="dynamo.planner", kind="planner", gpus=0)
    stranger = worker("Mine", module="my.own", kind=None)
    picker = frontend(kind="epp", name="Epp")
    found = scene(graph(tmp_path, picker, worker("W"), planner, stranger))
    assert found.entry is not None
    assert (found.entry.name, found.entry.router) == ("Epp", "endpoint picker")
    assert (found.planners, found.others) == (("Planner",), ("Mine",))
    assert found.describe().endswith("Planner scales the workers. Also: Mine.")


def test_own_code_stands_before_the_worker_whose_endpoint_it_names(tmp_path: Path) -> None:
    behind = "dyn://behind.backend.generate"
    own = worker("Mine", "--model", "m", "--behind", behind, module="my.own", gpus=0, replicas=2)
    found = scene(graph(tmp_path, frontend(), worker("W", "--endpoint", behind), own))
    assert [(one.name, one.part, one.asked) for one in found.workers] == [
        ("Mine", "own code", True),
        ("W", "aggregated", False),
    ]
    assert found.handoffs == (Handoff(0, 1, "requests"),)
    assert found.models == ("m", "Qwen/Qwen3-0.6B")
    assert "Mine: 2 workers, own code, no GPU each. " in found.describe()


def test_own_code_encodes_where_a_worker_asks_an_encoder_that_is_none_of_dynamos(
    tmp_path: Path,
) -> None:
    own = worker("Mine", "--model", "m", module="my.own")
    asks = worker("W", "--enable-multimodal", "--route-to-encoder")
    made = graph(tmp_path, frontend(), asks, own)
    found = scene(made)
    assert [(item.name, item.asked) for item in found.workers] == [("Mine", False), ("W", True)]
    assert found.handoffs == (Handoff(0, 1, "embeddings"),)
    promised = serving(made)
    assert promised is not None
    assert promised.roles == {Role.AGG: 1, Role.ENCODE: 1}
    assert promised.registers == {"backend": (1, 1), "encode": (1, 1)}
    encoder = worker("E", "--enable-multimodal", *role("encode"))
    both = serving(graph(tmp_path, frontend(), asks, encoder, own))
    assert both is not None
    assert both.roles == {Role.AGG: 1, Role.ENCODE: 1}


def test_own_code_can_be_all_there_is(tmp_path: Path) -> None:
    made = graph(tmp_path, frontend(), worker("Mine", "--model", "m", module="my.own", gpus=2))
    found = scene(made)
    assert (found.gpus, found.models, found.workers[0].asked) == (2, ("m",), True)
    assert found.subtitle == "vLLM · Dynamo 1.6.1 · m · 2 GPUs"
    assert graph_traits(made) == (Trait("own component", "ready"),)


def test_a_graph_without_an_entry(tmp_path: Path) -> None:
    found = scene(graph(tmp_path, worker("W", gpus=0)))
    assert found.entry is None
    assert not found.workers[0].asked
    assert found.subtitle.endswith("no GPU")


@pytest.mark.parametrize(
    ("components", "expected"),
    [
        ((frontend(), worker("W")), []),
        ((frontend(router="kv"), worker("W", *EVENTS)), ["KV router"]),
        ((frontend(router="kv"), worker("W")), ["KV router without events"]),
        ((frontend(router="random"), worker("W")), ["random router"]),
        ((frontend(), *BOTH), ["disaggregated"]),
        ((frontend(), worker("W", nodes=2, gpus=8)), ["multinode"]),
        ((frontend(), worker("W", "--tensor-parallel-size", "1")), []),
        ((frontend(), worker("W", "--tensor-parallel-size", "2")), ["tensor parallel 2"]),
        (
            (frontend(), worker("W", "--tp", "8", "--enable-dp-attention", module=SGLANG)),
            ["tensor parallel 8", "data-parallel attention"],
        ),
        ((frontend(), worker("W", "--enable-lora")), ["LoRA"]),
        ((frontend(), worker("W", "--speculative-config", '{"a":1}')), ["speculative decoding"]),
        (
            (frontend(), worker("W", "--kv-transfer-config", '{"kv_connector":"DynamoConnector"}')),
            ["KV offload"],
        ),
        ((frontend(), worker("W", "--kv-offloading-size", "8")), ["KV offload"]),
        (
            (
                frontend(),
                worker("W", "--dyn-tool-call-parser", "hermes", "--dyn-reasoning-parser", "qwen3"),
            ),
            ["tool calls", "reasoning"],
        ),
        ((frontend(), worker("W", "--embedding-worker", module=SGLANG)), ["embeddings"]),
        (
            (frontend(), worker("W"), worker("P", module="dynamo.planner", kind="planner")),
            ["planner"],
        ),
        ((frontend(kind="epp"), worker("W")), ["inference gateway"]),
    ],
)
def test_traits_are_read_from_the_command_lines(
    components: tuple[Component, ...], expected: list[str], tmp_path: Path
) -> None:
    assert labels(tmp_path, *components) == expected


def test_a_trait_names_the_check_that_shows_it(tmp_path: Path) -> None:
    found = graph_traits(graph(tmp_path, frontend(router="kv"), *BOTH))
    assert found == (Trait("disaggregated", "graph.prefill"), Trait("KV router", "graph.kv-router"))
