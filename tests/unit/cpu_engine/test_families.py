"""Which tiny model stands for which name, and which graphs no CPU serves."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.cpu_engine.families import FAMILIES, UnknownFamilyError, family_of
from dynamo_conformance.cpu_engine.limits import is_here, out_of_reach
from dynamo_conformance.manifest.read import read_graphs
from sandbox import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

LLM = REPOSITORY / "examples" / "llm"


@pytest.mark.parametrize(
    ("model", "family"),
    [
        ("Qwen/Qwen3-0.6B", "qwen3"),
        ("Qwen/Qwen3-8B", "qwen3"),
        ("RedHatAI/Qwen3-8B-speculator.eagle3", "qwen3"),
        ("Qwen/Qwen3-30B-A3B", "qwen3-moe"),
        ("Qwen/Qwen3-Embedding-4B", "qwen3-embedding"),
        ("Qwen/Qwen2.5-VL-7B-Instruct", "qwen2.5-vl"),
        ("Qwen/Qwen2.5-0.5B-Instruct", "qwen2"),
        ("meta-llama/Llama-3.3-70B-Instruct", "llama"),
        ("deepseek-ai/DeepSeek-R1-Distill-Llama-8B", "llama"),
        ("/models/Qwen3-0.6B/", "qwen3"),
    ],
)
def test_a_name_has_its_family(model: str, family: str) -> None:
    assert family_of(model).name == family


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_a_family_is_that_of_its_example(family: object) -> None:
    assert family_of(getattr(family, "example", "")) == family


def test_an_unknown_name_says_what_is_known() -> None:
    with pytest.raises(UnknownFamilyError, match=r"for acme/own-model; .*: qwen2\.5-vl, .*llama"):
        family_of("acme/own-model")


def reason(path: Path) -> str:
    return out_of_reach(read_graphs(path)[0])


@pytest.mark.parametrize(
    "name",
    [
        "agg", "agg_router", "disagg", "disagg_router", "lora", "tool_calling", "speculative",
        "own_worker", "own_processor",
    ],
)  # fmt: skip
def test_what_one_cpu_serves(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(5))
    assert reason(LLM / "vllm_v1" / "launch" / "k8s" / f"{name}.yaml") == ""


def test_each_engine_wants_a_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(2))
    assert reason(LLM / "vllm_v1" / "launch" / "k8s" / "agg_router.yaml") == ""
    why = reason(LLM / "vllm_v1" / "launch" / "k8s" / "disagg.yaml")
    assert why.startswith("2 engines want a core each, and the handoff of KV blocks another, and ")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("vllm_v1/launch/k8s/kv_offload", "only supported on CUDA-alike"),
        ("vllm_v1/launch/k8s/disagg_multinode", "several GPUs"),
        ("vllm_v1/launch/k8s/disagg_planner", "measured speed"),
        ("tensorrt_llm/launch/k8s/agg", "TensorRT-LLM has no backend"),
    ],
)
def test_what_no_cpu_serves_says_why(path: str, words: str) -> None:
    assert words in reason(LLM / f"{path}.yaml")


def test_a_model_of_no_known_family_is_out_of_reach(tmp_path: Path) -> None:
    text = (LLM / "vllm_v1" / "launch" / "k8s" / "agg.yaml").read_text(encoding="utf-8")
    path = tmp_path / "own.yaml"
    path.write_text(text.replace("Qwen/Qwen3-0.6B", "acme/own-model"), encoding="utf-8")
    assert reason(path).startswith("no tiny model stands for acme/own-model")


def test_an_engine_is_here_where_its_package_or_the_image_has_it() -> None:
    assert is_here("trtllm", in_image=False)
    assert is_here(None, in_image=False)
    assert is_here("vllm", in_image=True)
    assert not is_here("sglang", in_image=True)
    assert is_here("sglang", in_image=False) is (find_spec("sglang") is not None)
