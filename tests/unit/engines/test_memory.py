"""Memory arithmetic, held against what model cards and engines say of themselves."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dynamo_conformance.engines.memory import (
    GIB,
    LAYERED,
    Budget,
    Model,
    Part,
    Split,
    cache_bytes,
    known_model,
    model_of,
    rows,
    weights,
)

QWEN_HALF_B = Model(
    layers=24,
    hidden=896,
    heads=14,
    kv_heads=2,
    head_dim=64,
    intermediate=4864,
    vocab=151936,
    context=32768,
    tied=True,
)
"""Qwen2.5(-Coder)-0.5B."""

PUBLISHED = {
    "deepseek-ai/DeepSeek-R1": 671e9,
    "google/gemma-3-27b-it": 27.4e9,
    "meta-llama/Llama-3.3-70B-Instruct": 70.6e9,
    "meta-llama/Meta-Llama-3.1-405B": 405.9e9,
    "meta-llama/Meta-Llama-3.1-8B": 8.03e9,
    "MiniMaxAI/MiniMax-M2.5": 229e9,
    "mistralai/Mistral-Small-3.2-24B-Instruct-2506": 24e9,
    "mistralai/Mixtral-8x7B-v0.1": 46.7e9,
    "moonshotai/Kimi-K2-Instruct": 1.03e12,
    "openai/gpt-oss-120b": 117e9,
    "openai/gpt-oss-20b": 20.9e9,
    "Qwen/Qwen2.5-VL-7B-Instruct": 8.29e9,
    "Qwen/Qwen3-235B-A22B": 235e9,
    "Qwen/Qwen3-30B-A3B": 30.5e9,
    "Qwen/Qwen3-32B": 32.8e9,
    "Qwen/Qwen3-8B": 8.2e9,
    "Qwen/Qwen3-Coder-480B-A35B-Instruct": 480e9,
    "TinyLlama/TinyLlama-1.1B-Chat-v1.0": 1.1e9,
    "zai-org/GLM-4.5": 355e9,
    "zai-org/GLM-4.5-Air": 106e9,
    "zai-org/GLM-5": 744e9,
}
"""The parameters that each model's card gives."""


def model(name: str) -> Model:
    found = known_model(name)
    assert found is not None, name
    return found


@pytest.mark.parametrize("name", PUBLISHED)
def test_parameters_are_those_of_the_model_card(name: str) -> None:
    assert sum(model(name).parameters.values()) == pytest.approx(PUBLISHED[name], rel=0.025)


@pytest.mark.parametrize(
    ("name", "ranks", "gib"),
    [
        # vLLM: "model weights take 14.96GiB" and, with -tp 2, "7.48GiB", of Meta-Llama-3-8B, which
        # has the shapes of 3.1 (github.com/vllm-project/vllm/pull/10511).
        ("meta-llama/Meta-Llama-3.1-8B", 1, 14.96),
        ("meta-llama/Meta-Llama-3.1-8B", 2, 7.48),
        # vLLM says "Model loading took 64.38 GiB"; its kernel pads the experts
        # (github.com/vllm-project/vllm/issues/33155).
        ("openai/gpt-oss-120b", 1, 64.38),
        # vLLM on Gaudi: "Pre-loading model weights on hpu:0 took 79.41 GiB" of DeepSeek-R1 on
        # eight of them (github.com/HabanaAI/vllm-fork/issues/809).
        ("deepseek-ai/DeepSeek-R1", 8, 79.41),
    ],
)
def test_weights_are_what_engines_report(name: str, ranks: int, gib: float) -> None:
    ours = weights(model(name), Split.even(ranks)) / GIB
    assert 0.9 * gib < ours < 1.005 * gib


@pytest.mark.parametrize(
    ("known", "split", "tokens", "gib"),
    [
        # SGLang, DP attention on eight GPUs: "#tokens: 161488, KV size: 10.57 GB"
        # (github.com/sgl-project/sglang/issues/6017).
        (model("deepseek-ai/DeepSeek-R1"), Split.even(8), 161488, 10.57),
        # SGLang, --tp 4: "#tokens: 367404, K size: 8.23 GB, V size: 8.23 GB", and vLLM: "Available
        # KV cache memory: 8.11 GiB", "178,880 tokens" (github.com/vllm-project/vllm/issues/21348).
        (model("Qwen/Qwen3-235B-A22B-FP8"), Split.even(4), 367404, 16.46),
        (model("Qwen/Qwen3-235B-A22B-FP8"), Split.even(4), 178880, 8.11),
        # TensorRT-LLM: "Allocated 4.53 GiB for max tokens in paged KV cache (395776)"
        # (github.com/NVIDIA/TensorRT-LLM/issues/1188).
        (QWEN_HALF_B, Split(), 395776, 4.53),
    ],
    ids=["sglang-mla", "sglang-gqa", "vllm", "trtllm"],
)
def test_kv_cache_is_what_engines_report(
    known: Model, split: Split, tokens: int, gib: float
) -> None:
    assert cache_bytes(known, tokens, split) / GIB == pytest.approx(gib, rel=0.02)


def test_every_row_is_a_model_with_source_and_date() -> None:
    names = [name for row in rows() for name in row["ids"]]
    assert len(names) == len({name.lower() for name in names})
    for row in rows():
        assert weights(model_of(row["model"]), Split()) > GIB
        assert row["source"]
        assert len(row["date"].split("-")) == 3


def test_a_name_is_known_in_any_case_and_in_a_cache() -> None:
    assert known_model("qwen/QWEN3-8b") == known_model("Qwen/Qwen3-8B")
    assert known_model("/models/Qwen3-8B") is None
    cached = "/home/hub/models--Qwen--Qwen3-8B/snapshots/0123abc"
    assert known_model(cached) == known_model("Qwen/Qwen3-8B")
    assert known_model("models--no--such/snapshots/0") is None


def test_a_field_that_no_model_has_is_refused() -> None:
    with pytest.raises(TypeError, match="wings"):
        model_of({"wings": 2})


def test_experts_are_split_otherwise_than_attention() -> None:
    moe = model("deepseek-ai/DeepSeek-R1")
    whole = weights(moe, Split())
    spread = weights(moe, Split(experts=16))
    experts = moe.expert_layers * moe.experts * 3 * moe.hidden * moe.expert_intermediate
    assert whole - spread == pytest.approx(experts * 15 / 16, rel=1e-6)
    assert weights(moe, replace(Split.even(16), attention=1)) > weights(moe, Split.even(16))


def test_what_latents_come_from_is_whole_on_every_rank() -> None:
    latent = model("deepseek-ai/DeepSeek-R1")
    shared = weights(latent, Split()) - weights(latent, Split(attention=2))
    assert shared == (latent.parameters[Part.ATTENTION] - latent.layers * latent.latent_down) // 2


def test_stages_share_layers_and_the_fullest_counts() -> None:
    dense = model("Qwen/Qwen3-8B")
    layers = weights(dense, Split()) - 2 * 2 * dense.vocab * dense.hidden
    assert weights(dense, Split.even(1, stages=5)) == pytest.approx(layers * 8 / 36, rel=1e-6)
    assert cache_bytes(dense, 100, Split.even(1, stages=5)) == pytest.approx(
        cache_bytes(dense, 100, Split()) * 8 / 36, rel=1e-3
    )


def test_heads_are_not_split_below_one_and_latents_not_at_all() -> None:
    grouped = model("Qwen/Qwen3-235B-A22B")
    assert cache_bytes(grouped, 100, Split.even(8)) == cache_bytes(grouped, 100, Split.even(4))
    latent = model("deepseek-ai/DeepSeek-R1")
    assert cache_bytes(latent, 100, Split.even(8)) == cache_bytes(latent, 100, Split())


def test_a_window_bounds_what_its_layers_keep() -> None:
    windowed = model("openai/gpt-oss-20b")
    short = cache_bytes(windowed, windowed.window, Split())
    twice = cache_bytes(windowed, 2 * windowed.window, Split())
    assert twice == short * 1.5


def test_bits_of_weights_and_values() -> None:
    plain = model("Qwen/Qwen3-32B")
    eight = replace(plain, bits=8, quantized=LAYERED)
    assert weights(eight, Split()) == weights(model("Qwen/Qwen3-32B-FP8"), Split())
    assert cache_bytes(plain, 64, Split(), bits=8) * 2 == cache_bytes(plain, 64, Split())


def test_a_share_is_of_the_gpu_or_of_what_weights_leave() -> None:
    assert Budget(memory=100, fraction=0.9).room(50) == pytest.approx(40)
    assert Budget(memory=100, fraction=0.9, of_rest=True).room(50) == pytest.approx(45)
