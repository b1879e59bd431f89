"""What a `dynamo.vllm` command line describes, and which ones are refused."""

from __future__ import annotations

import re

import pytest

from dynamo_conformance.engines.engine import Engine
from dynamo_conformance.engines.role import Role
from dynamo_conformance.mock_engine.engine_refusal import (
    CannotSimulate,
    EngineRefusal,
    UsageRefusal,
    ValueRefusal,
)
from dynamo_conformance.mock_engine.mock_worker import read
from dynamo_conformance.mock_engine.worker_spec import (
    KvEvents,
    Links,
    MultinodeGroup,
    Ranks,
    WorkerSpec,
)

MODEL = ("--model", "deepseek-ai/DeepSeek-R1")
TRANSFER = ("--kv-transfer-config", '{"kv_connector":"NixlConnector","kv_role":"kv_both"}')
EVENTS = (
    "--kv-events-config",
    '{"publisher":"zmq","endpoint":"tcp://*:20080","enable_kv_cache_events":true}',
)
HYBRID = (
    *MODEL,
    *("--data-parallel-size", "16", "--enable-expert-parallel", "--data-parallel-hybrid-lb"),
    *("--data-parallel-size-local", "8", "--data-parallel-address", "leader"),
    *("--data-parallel-rpc-port", "13445"),
)
NODES = (
    *MODEL,
    *("--tensor-parallel-size", "16", "--distributed-executor-backend", "mp", "--nnodes", "2"),
    *("--master-addr", "leader", "--master-port", "29500"),
)


def vllm(*words: str, **env: str) -> WorkerSpec:
    return read(Engine.VLLM, words, env)


def test_only_a_model() -> None:
    assert vllm("--model", "Qwen/Qwen3-0.6B") == WorkerSpec(
        engine=Engine.VLLM,
        role=Role.AGG,
        model="Qwen/Qwen3-0.6B",
        served_name="Qwen/Qwen3-0.6B",
        endpoint="dyn://dynamo.backend.generate",
        block_size=16,
    )


def test_the_default_model_is_dynamos() -> None:
    assert vllm().model == "Qwen/Qwen3-0.6B"


@pytest.mark.parametrize(
    ("words", "role", "component"),
    [
        (("--disaggregation-mode", "agg"), Role.AGG, "backend"),
        (("--disaggregation-mode", "pd"), Role.AGG, "backend"),
        (("--disaggregation-mode=prefill", *TRANSFER), Role.PREFILL, "prefill"),
        (("--disaggregation-mode", "decode"), Role.DECODE, "backend"),
        (("--disaggregation-mode", "encode", "--enable-multimodal"), Role.ENCODE, "encode"),
    ],
)
def test_roles(words: tuple[str, ...], role: Role, component: str) -> None:
    worker = vllm(*words)
    assert worker.role is role
    assert worker.endpoint == f"dyn://dynamo.{component}.generate"


def test_the_role_may_come_from_the_environment() -> None:
    assert vllm(DYN_VLLM_DISAGGREGATION_MODE="decode").role is Role.DECODE


def test_namespace_and_suffix() -> None:
    worker = vllm(DYN_NAMESPACE="ns-graph", DYN_NAMESPACE_WORKER_SUFFIX="0e6abf64")
    assert worker.endpoint == "dyn://ns-graph-0e6abf64.backend.generate"


def test_an_endpoint_of_ones_own() -> None:
    assert vllm("--endpoint", "a.b.c").endpoint == "dyn://a.b.c"
    assert vllm("--endpoint", "dyn://a.b.c").endpoint == "dyn://a.b.c"


@pytest.mark.parametrize("words", [("one", "two"), ("one,two",), ("one,two", "three")])
def test_the_first_served_name_counts(words: tuple[str, ...]) -> None:
    assert vllm("--served-model-name", *words).served_name == "one"


def test_sizes() -> None:
    worker = vllm(
        *("--block-size", "32", "--max-model-len", "8k", "--max-num-seqs", "4"),
        *("--max-num-batched-tokens", "2K", "--no-enable-chunked-prefill"),
    )
    assert worker.block_size == 32
    assert worker.max_model_len == 8000
    assert worker.max_num_seqs == 4
    assert worker.max_num_batched_tokens == 2048
    assert worker.chunked_prefill is False


def test_minus_one_leaves_the_length_to_the_model() -> None:
    assert vllm("--max-model-len", "-1").max_model_len is None


def test_kv_events_only_when_enabled_and_cached() -> None:
    assert vllm().kv_events is None
    assert vllm(*EVENTS).kv_events == KvEvents(port=20080)
    assert vllm(*EVENTS, "--no-enable-prefix-caching").kv_events is None
    assert vllm(*EVENTS, "--disaggregation-mode", "decode").kv_events is None


def test_runtime_and_router_flags_are_passed_on() -> None:
    worker = vllm("--discovery-backend", "file", "--router-mode", "kv", "--event-plane=zmq")
    assert worker.runtime_words == (
        *("--discovery-backend", "file", "--router-mode", "kv", "--event-plane", "zmq"),
    )


def test_parsers_and_template_are_told_to_the_frontend() -> None:
    worker = vllm(
        *("--dyn-tool-call-parser", "hermes", "--dyn-reasoning-parser", "qwen3"),
        *("--custom-jinja-template", "chat.jinja"),
    )
    assert worker.tool_call_parser == "hermes"
    assert worker.reasoning_parser == "qwen3"
    assert worker.chat_template == "chat.jinja"


@pytest.mark.parametrize("start", [0, 8])
def test_hybrid_load_balancer_serves_its_own_ranks(start: int) -> None:
    worker = vllm(*HYBRID, "--data-parallel-start-rank", str(start))
    assert worker.ranks == Ranks(start=start, local=8, size=16)
    assert worker.serves
    assert worker.group == MultinodeGroup(
        unit="rank",
        start=start,
        count=8,
        size=16,
        host="leader",
        port=13445,
        agreement=(
            ("--model", "deepseek-ai/DeepSeek-R1"),
            ("--disaggregation-mode", "agg"),
            ("--tensor-parallel-size", "1"),
            ("--pipeline-parallel-size", "1"),
        ),
    )


def test_a_start_rank_alone_means_the_hybrid_load_balancer() -> None:
    words = [word for word in HYBRID if word != "--data-parallel-hybrid-lb"]
    assert vllm(*words, "--data-parallel-start-rank", "8").ranks.local == 8


def test_the_internal_load_balancer_serves_all_ranks_from_the_first_node() -> None:
    words = (*MODEL, "--data-parallel-size", "4", "--data-parallel-size-local", "2")
    first = vllm(*words)
    assert first.ranks == Ranks(start=0, local=4, size=4)
    assert first.group is not None
    assert (first.group.start, first.group.count) == (0, 2)
    second = vllm(*words, "--data-parallel-start-rank", "2", "--headless")
    assert not second.serves
    assert second.group is not None
    assert (second.group.start, second.group.count) == (2, 2)


def test_all_ranks_on_one_node_gather_with_nobody() -> None:
    worker = vllm(*MODEL, "--data-parallel-size", "8")
    assert worker.ranks == Ranks(start=0, local=8, size=8)
    assert worker.group is None


def test_an_external_load_balancer_has_one_rank_each() -> None:
    worker = vllm(*MODEL, "--data-parallel-size", "4", "--data-parallel-rank", "3")
    assert worker.ranks == Ranks(start=3, local=1, size=4)
    assert worker.serves


def test_a_model_over_nodes() -> None:
    first = vllm(*NODES, "--node-rank", "0")
    assert first.serves
    assert first.ranks == Ranks()
    assert first.group is not None
    assert first.group.leads
    second = vllm(*NODES, "--node-rank", "1", "--headless")
    assert not second.serves
    assert second.group is not None
    assert second.group.unit == "node"
    assert (second.group.host, second.group.port) == ("leader", 29500)
    assert second.group.agreement == first.group.agreement


@pytest.mark.parametrize(
    ("words", "kind", "message"),
    [
        (("--no-such",), UsageRefusal, "unrecognized arguments: --no-such"),
        (("--is-prefill-worker",), UsageRefusal, "unrecognized arguments: --is-prefill-worker"),
        (("--data-parallel-size", "x"), UsageRefusal, "invalid int value: 'x'"),
        (("--tensor-parallel-size", "0"), UsageRefusal, "greater than or equal to 1, got 0"),
        (
            ("--disaggregation-mode", "prefill"),
            ValueRefusal,
            "you must explicitly provide --kv-transfer-config.",
        ),
        (
            ("--connector", "nixl", "--disaggregation-mode", "prefill"),
            ValueRefusal,
            '--kv-transfer-config \'{"kv_connector": "NixlConnector", "kv_role": "kv_producer"}\'',
        ),
        (("--connector", "none"), ValueRefusal, "--connector is no longer supported"),
        (("--connector", "kvbm", "nixl"), ValueRefusal, '"kv_connector": "PdConnector"'),
        (("--endpoint", "a.b"), ValueRefusal, "Invalid endpoint format: 'a.b'"),
        (
            ("--classify-worker",),
            CannotSimulate,
            "only simulates workers of text",
        ),
        (
            ("--embedding-worker", "--enable-multimodal"),
            ValueRefusal,
            "cannot be combined with multimodal flags",
        ),
        (
            ("--embedding-worker", "--disaggregation-mode", "decode"),
            ValueRefusal,
            "--embedding-worker is only valid with --disaggregation-mode=agg (got decode)",
        ),
        (("--custom-encoder-class", "a.B"), ValueRefusal, "requires --enable-multimodal"),
        (
            ("--data-parallel-size", "2", "--data-parallel-hybrid-lb"),
            ValueRefusal,
            "`--data-parallel-hybrid-lb` requires `--data-parallel-size-local`",
        ),
        (
            (*HYBRID, "--headless"),
            ValueRefusal,
            "data_parallel_hybrid_lb is not applicable in headless mode",
        ),
        (
            (*HYBRID, "--data-parallel-external-lb"),
            ValueRefusal,
            "cannot be enabled together",
        ),
        (
            (*HYBRID, "--data-parallel-start-rank", "16"),
            ValueRefusal,
            "data_parallel_rank (16) must be in the range [0, 16)",
        ),
        (
            ("--data-parallel-size", "2", "--data-parallel-size-local", "4"),
            ValueRefusal,
            "data_parallel_size_local (4) must be <= data_parallel_size (2)",
        ),
        (
            ("--data-parallel-size", "2", "--data-parallel-external-lb"),
            ValueRefusal,
            "`--data-parallel-external-lb` requires a data-parallel rank",
        ),
        (
            (
                *("--data-parallel-size", "4", "--data-parallel-rank", "1"),
                *("--data-parallel-size-local", "2"),
            ),
            ValueRefusal,
            "requires `--data-parallel-size-local 1`; got 2",
        ),
        (
            (*NODES, "--node-rank", "2", "--headless"),
            ValueRefusal,
            "`--node-rank` must be between 0 and 1; got `--node-rank 2`",
        ),
        (
            (*NODES, "--nnodes", "3"),
            ValueRefusal,
            "`--nnodes 3` must evenly divide the total world size (16)",
        ),
        (
            (*NODES, "--distributed-executor-backend", "ray"),
            ValueRefusal,
            "nnodes > 1 can only be set when distributed executor backend is mp",
        ),
        ((*NODES, "--node-rank", "1"), CannotSimulate, "add --headless"),
        ((*NODES, "--headless"), CannotSimulate, "--headless with --node-rank 0"),
        (("--headless",), CannotSimulate, "--headless on a single node"),
        ((*NODES, "--data-parallel-size", "2"), CannotSimulate, "--nnodes together with"),
    ],
)
def test_refusals(words: tuple[str, ...], kind: type[EngineRefusal], message: str) -> None:
    with pytest.raises(kind, match=re.escape(message)) as refused:
        vllm(*words)
    assert type(refused.value) is kind


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("DYN_CONNECTOR", "nixl", "The DYN_CONNECTOR environment variable is no longer supported"),
        ("DYN_CONNECTOR", "none", "The DYN_CONNECTOR environment variable is no longer supported"),
        (
            "DYN_VLLM_MULTIMODAL_WORKER",
            "true",
            "DYN_VLLM_MULTIMODAL_WORKER is no longer supported",
        ),
    ],
)
def test_removed_variables(variable: str, value: str, message: str) -> None:
    with pytest.raises(ValueRefusal, match=re.escape(message)):
        vllm(**{variable: value})


def test_exit_codes_and_last_lines() -> None:
    assert UsageRefusal("x").code == 2
    assert UsageRefusal("x").last_line() == "__main__.py: error: x"
    assert ValueRefusal("x").code == 1
    assert ValueRefusal("x").last_line() == "ValueError: x"


def test_a_prefill_worker_may_route_to_an_encoder() -> None:
    words = ("--enable-multimodal", "--route-to-encoder", "--disaggregation-mode", "prefill")
    worker = vllm(*words, *TRANSFER, DYN_NAMESPACE="n", DYN_NAMESPACE_WORKER_SUFFIX="1")
    assert worker.links == Links(encoder="dyn://n-1.encode.generate")
    assert worker.needs == ((Role.DECODE, Role.ENCODE),)
    assert (worker.public, worker.without_mocker) == (False, True)


def test_a_decode_worker_asks_no_encoder() -> None:
    worker = vllm("--enable-multimodal", "--route-to-encoder", "--disaggregation-mode", "decode")
    assert (worker.links, worker.without_mocker) == (Links(), False)


def test_embeddings_are_no_part_of_the_mocker() -> None:
    worker = vllm("--embedding-worker")
    assert (worker.embeds, worker.without_mocker, worker.public) == (True, True, True)
