"""What `dynamo.sglang` and `dynamo.trtllm` command lines describe, and which ones are refused."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.engines.engine import Engine
from dynamo_conformance.engines.role import Role
from dynamo_conformance.mock_engine.engine_refusal import (
    CannotSimulate,
    EngineRefusal,
    FileRefusal,
    HelpAskedFor,
    LoggedRefusal,
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

if TYPE_CHECKING:
    from pathlib import Path

SGLANG = ("--model-path", "a/b")
NODES = (
    *SGLANG,
    *("--tp", "8", "--disaggregation-mode", "decode"),
    *("--dist-init-addr", "leader:29500", "--nnodes", "2", "--node-rank"),
)
TRANSCEIVER = ("--trtllm.cache_transceiver_config.backend", "DEFAULT")
BEHIND = (
    *SGLANG,
    *("--enable-multimodal", "--dedicated-mm-encoder", "--disaggregation-mode", "decode"),
)
EVENTS = ("--kv-events-config", '{"publisher":"zmq","topic":"kv-events","endpoint":"tcp://*:5558"}')


def sglang(*words: str, **env: str) -> WorkerSpec:
    return read(Engine.SGLANG, words, env)


def trtllm(*words: str, **env: str) -> WorkerSpec:
    return read(Engine.TRTLLM, words, env)


def test_sglang_with_only_a_model() -> None:
    assert sglang(*SGLANG) == WorkerSpec(
        engine=Engine.SGLANG,
        role=Role.AGG,
        model="a/b",
        served_name="a/b",
        endpoint="dyn://dynamo.backend.generate",
        block_size=1,
    )


def test_sglang_prefill_with_a_bootstrap_port() -> None:
    worker = sglang(
        *SGLANG,
        *("--served-model-name", "b", "--page-size", "16", "--tp", "1", "--context-length", "4Ki"),
        *("--disaggregation-mode", "prefill", "--disaggregation-transfer-backend", "nixl"),
        *("--disaggregation-bootstrap-port", "12345", "--trust-remote-code"),
    )
    assert worker.role is Role.PREFILL
    assert worker.endpoint == "dyn://dynamo.prefill.generate"
    assert worker.served_name == "b"
    assert worker.block_size == 16
    assert worker.max_model_len == 4096
    assert worker.bootstrap_port == 12345


def test_sglang_events_follow_the_publisher() -> None:
    assert sglang(*SGLANG, *EVENTS).kv_events == KvEvents(port=5558)
    assert sglang(*SGLANG, *EVENTS, "--disable-radix-cache").kv_events is None
    assert sglang(*SGLANG, "--kv-events-config", '{"endpoint": "tcp://*:5558"}').kv_events is None


def test_sglang_registers_all_ranks_at_the_first_node() -> None:
    worker = sglang(*SGLANG, "--tp", "8", "--dp-size", "8", "--enable-dp-attention")
    assert worker.ranks == Ranks(start=0, local=8, size=8)


@pytest.mark.parametrize(("rank", "serves"), [("0", True), ("1", False)])
def test_sglang_over_nodes(rank: str, serves: bool) -> None:  # noqa: FBT001 -- a case
    worker = sglang(*NODES, rank)
    assert worker.serves is serves
    assert worker.group == MultinodeGroup(
        unit="node",
        start=int(rank),
        count=1,
        size=2,
        host="leader",
        port=29500,
        agreement=(
            ("--model-path", "a/b"),
            ("--disaggregation-mode", "decode"),
            ("--tp-size", "8"),
            ("--pp-size", "1"),
            ("--dp-size", "1"),
        ),
    )


@pytest.mark.parametrize(
    ("words", "kind", "message"),
    [
        ((), UsageRefusal, "--model-path"),
        ((*SGLANG, "--no-such"), UsageRefusal, "unrecognized arguments: --no-such"),
        ((*NODES, "2"), ValueRefusal, "node_rank (2) must be in the range [0, 2)"),
        ((*SGLANG, "--nnodes", "2"), ValueRefusal, "needs --dist-init-addr HOST:PORT"),
        ((*NODES, "0", "--tp", "3"), ValueRefusal, "must be divisible by nnodes (2)"),
        ((*SGLANG, "--kv-events-config", "{"), ValueRefusal, "is not parseable"),
        (
            (*SGLANG, "--dyn-tool-call-parser", "hermes", "--tool-call-parser", "qwen25"),
            LoggedRefusal,
            "Cannot use both --tool-call-parser and --dyn-tool-call-parser.",
        ),
        ((*SGLANG, "--gateway-workers", "0"), ValueRefusal, "must be a positive integer"),
        (
            (*SGLANG, "--rerank-worker"),
            CannotSimulate,
            "only simulates workers of text and of embeddings",
        ),
        ((*SGLANG, "--disaggregation-mode", "encode"), ValueRefusal, "needs --chat-template"),
        ((*SGLANG, "--dedicated-mm-encoder"), ValueRefusal, "requires --enable-multimodal"),
        ((*BEHIND[:-1], "encode"), ValueRefusal, "Do not combine it with"),
        ((*BEHIND[:-2],), ValueRefusal, "requires --disaggregation-mode=pd"),
        ((*BEHIND[:-1], "agg"), ValueRefusal, "only applies to --disaggregation-mode=pd"),
    ],
)
def test_sglang_refusals(words: tuple[str, ...], kind: type[EngineRefusal], message: str) -> None:
    with pytest.raises(kind, match=re.escape(message)):
        sglang(*words)


def test_sglang_encode_is_the_front_door() -> None:
    worker = sglang(*SGLANG, "--disaggregation-mode", "encode", "--chat-template", "qwen2-vl")
    assert worker.endpoint == "dyn://dynamo.encode.generate"
    assert worker.links == Links(onward="dyn://dynamo.backend.generate")
    assert (worker.public, worker.without_mocker) == (True, True)
    assert worker.needs == ((Role.PREFILL, Role.DECODE), (Role.AGG,))


@pytest.mark.parametrize(
    ("mode", "links", "needs"),
    [
        ("decode", Links(prefill="dyn://n-1.prefill.generate"), ((Role.PREFILL,),)),
        ("prefill", Links(), ((Role.DECODE,),)),
        ("pd", Links(), ((Role.ENCODE,),)),
    ],
)
def test_sglang_behind_an_encoder(
    mode: str, links: Links, needs: tuple[tuple[Role, ...], ...]
) -> None:
    words = (*BEHIND[:-1], mode, "--namespace", "n")
    worker = sglang(*words, DYN_NAMESPACE_WORKER_SUFFIX="1")
    assert (worker.links, worker.needs) == (links, needs)
    assert (worker.public, worker.without_mocker) == (False, True)


def test_sglang_embeddings() -> None:
    worker = sglang(*SGLANG, "--embedding-worker")
    assert (worker.embeds, worker.without_mocker) == (True, True)
    assert worker.endpoint == "dyn://dynamo.backend.generate"


def test_sglang_removed_variable() -> None:
    with pytest.raises(ValueRefusal, match="DYN_SGL_MULTIMODAL_WORKER is no longer supported"):
        sglang(*SGLANG, DYN_SGL_MULTIMODAL_WORKER="1")


def test_trtllm_with_only_a_model() -> None:
    assert trtllm("--model-path", "a/b") == WorkerSpec(
        engine=Engine.TRTLLM,
        role=Role.AGG,
        model="a/b",
        served_name="a/b",
        endpoint="dyn://dynamo.backend.generate",
        block_size=32,
    )


def test_trtllm_sizes_ranks_and_events() -> None:
    worker = trtllm(
        *("--model", "a/b", "--served-model-name", "b", "--tensor-parallel-size", "4"),
        *("--enable-attention-dp", "--max-seq-len", "512", "--max-batch-size", "8"),
        *("--max-num-tokens", "256", "--publish-kv-events", "--disaggregation-mode", "prefill"),
        *TRANSCEIVER,
    )
    assert worker.ranks == Ranks(start=0, local=4, size=4)
    assert worker.max_model_len == 512
    assert worker.max_num_seqs == 8
    assert worker.max_num_batched_tokens == 256
    assert worker.kv_events == KvEvents(port=None)
    assert worker.role is Role.PREFILL


def test_trtllm_decode_publishes_nothing() -> None:
    words = ("--publish-kv-events", "--disaggregation-mode", "decode", *TRANSCEIVER)
    assert trtllm(*words).kv_events is None


def test_trtllm_engine_file_beats_the_flags(tmp_path: Path) -> None:
    file = tmp_path / "engine.yaml"
    file.write_text(
        "max_batch_size: 4\nmax_num_tokens: 64\nmax_seq_len: 128\ntensor_parallel_size: 2\n"
        "enable_attention_dp: true\nmoe_config: {backend: WIDEEP}\n"
        "kv_cache_config: {tokens_per_block: 64, enable_block_reuse: false, dtype: fp8}\n"
    )
    worker = trtllm(
        *("--extra-engine-args", str(file), "--max-batch-size", "8", "--kv-block-size", "16"),
        *("--publish-kv-events", "--trtllm.max_num_tokens", "32"),
    )
    assert worker.max_num_seqs == 4
    assert worker.max_num_batched_tokens == 32
    assert worker.max_model_len == 128
    assert worker.block_size == 64
    assert worker.ranks == Ranks(start=0, local=2, size=2)
    assert (worker.prefix_caching, worker.kv_events) == (False, None)
    assert worker.unread == ("moe_config.backend", "kv_cache_config.dtype")


def test_trtllm_asks_the_encoder_that_it_is_told() -> None:
    worker = trtllm(
        *("--enable-multimodal", "--encode-endpoint", "dyn://n-1.encode.generate"),
        *("--disaggregation-mode", "prefill", *TRANSCEIVER),
    )
    assert worker.links == Links(encoder="dyn://n-1.encode.generate")
    assert worker.needs == ((Role.DECODE, Role.ENCODE),)
    assert (worker.public, worker.without_mocker) == (False, True)


def test_trtllm_encode() -> None:
    worker = trtllm("--enable-multimodal", "--disaggregation-mode", "encode")
    assert worker.endpoint == "dyn://dynamo.encode.generate"
    assert (worker.public, worker.without_mocker) == (False, True)


@pytest.mark.parametrize(
    ("words", "kind", "message"),
    [
        (("--no-such",), EngineRefusal, "--no-such"),
        (("--modality", "image_diffusion"), CannotSimulate, "--modality image_diffusion"),
        (
            ("--modality", "video_diffusion", "--enable-multimodal"),
            ValueRefusal,
            "cannot be combined with --modality video_diffusion",
        ),
        (("--connector", "none", "kvbm"), ValueRefusal, "at most one connector entry"),
        (("--disaggregation-mode", "prefill"), CannotSimulate, "fails every request"),
        (("--extra-engine-args", "/no/such.yaml"), FileRefusal, "No such file or directory"),
        (("--override-engine-args", "{"), ValueRefusal, "Failed to parse override_engine_args"),
        (("--override-engine-args", "[1]"), ValueRefusal, "holds no mapping of options"),
        (
            ("--override-engine-args", "{}", *("--trtllm.a.b", "1")),
            LoggedRefusal,
            "are mutually exclusive",
        ),
        (("--trtllm.a", "1", "--trtllm.a.b", "2"), ValueRefusal, "a holds a value already"),
    ],
)
def test_trtllm_refusals(words: tuple[str, ...], kind: type[EngineRefusal], message: str) -> None:
    with pytest.raises(kind, match=re.escape(message)):
        trtllm(*words)


@pytest.mark.parametrize("engine", [Engine.VLLM, Engine.SGLANG, Engine.TRTLLM])
def test_help_starts_nothing(engine: Engine) -> None:
    with pytest.raises(HelpAskedFor) as asked:
        read(engine, ["--help"], {})
    assert asked.value.code == 0
