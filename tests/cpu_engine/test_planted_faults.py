"""What only an engine can refuse, planted: red, with the engine's own reason."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.cpu_engine.families import Kind, family_of
from dynamo_conformance.cpu_engine.weights import Specification, made
from dynamo_conformance.engines.serving import serving
from dynamo_conformance.manifest.read import read_graphs
from dynamo_conformance.targets import CPU
from dynamo_conformance.targets.interface import DeployFailure
from dynamo_conformance.targets.local.adapters import load_adapter
from dynamo_conformance.targets.local.deployment import LocalTarget
from dynamo_conformance.targets.readiness import wait_ready
from sandbox import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dynamo_conformance.targets.local.deployment import LocalDeployment

K8S = REPOSITORY / "examples" / "llm" / "vllm_v1" / "launch" / "k8s"
MODEL = "                - Qwen/Qwen3-0.6B\n"
SECONDS = 400.0


def planted(folder: Path, *words: str, example: str = "agg") -> Path:
    """Return a copy of an example with further words for its worker."""
    text = (K8S / f"{example}.yaml").read_text(encoding="utf-8")
    assert text.count(MODEL) == 1
    more = "".join(f"                - {json.dumps(word)}\n" for word in words)
    path = folder / f"{example}.yaml"
    path.write_text(text.replace(MODEL, MODEL + more), encoding="utf-8")
    return path


def served(path: Path, *, seconds: float = SECONDS) -> Iterator[LocalDeployment]:
    """Serve the graph of a file; leaving ends it."""
    (graph,) = read_graphs(path)
    known = serving(graph)
    assert known is not None
    with LocalTarget(engine=CPU).deploy(graph) as deployment:
        wait_ready(deployment, model=known.model, timeout=seconds)
        yield deployment


def refusal(path: Path, *, seconds: float = SECONDS) -> DeployFailure:
    with pytest.raises(DeployFailure) as raised:
        next(served(path, seconds=seconds))
    return raised.value


def test_a_context_that_the_memory_does_not_hold(tmp_path: Path) -> None:
    words = ("--max-model-len", "40960", "--num-gpu-blocks-override", "16")
    failure = refusal(planted(tmp_path, *words))
    assert "VllmWorker exited with code 1" in failure.what
    assert "40960" in failure.cause
    assert "KV cache" in failure.cause


def test_weights_that_are_not_quantized_so(tmp_path: Path) -> None:
    failure = refusal(planted(tmp_path, "--quantization", "fp8_per_tensor_block"))
    assert "VllmWorker exited with code" in failure.what
    assert "fp8_per_tensor_block" in failure.cause


def test_a_chat_template_that_does_not_render(tmp_path: Path) -> None:
    template = tmp_path / "broken.jinja"
    template.write_text(
        "{% for message in messages %}{{ message.content.shout() }}{% endfor %}", encoding="utf-8"
    )
    failure = refusal(planted(tmp_path, "--custom-jinja-template", str(template)))
    # Dynamo says no more than "Invalid request", in its answer and in its logs.
    assert "is listed, but a completion is answered 400" in failure.what
    assert "the chat template does not render" in failure.cause


def test_an_adapter_of_a_higher_rank_than_the_engine_takes(tmp_path: Path) -> None:
    text = (K8S / "lora.yaml").read_text(encoding="utf-8")
    path = tmp_path / "lora.yaml"
    path.write_text(text.replace('- "64"', '- "8"'), encoding="utf-8")
    wide = Specification(family=family_of("Qwen3-0.6B"), kind=Kind.ADAPTER, rank=64)
    for deployment in served(path):
        (worker,) = deployment.workers
        assert load_adapter(worker, "narrow", made(replace(wide, rank=8)))
        with pytest.raises(DeployFailure, match="rank 64"):
            load_adapter(worker, "wide", made(wide))


def test_an_adapter_that_lacks_its_weights(tmp_path: Path) -> None:
    kept = made(Specification(family=family_of("Qwen3-0.6B"), kind=Kind.ADAPTER))
    folder = tmp_path / "adapter"
    shutil.copytree(kept, folder)
    (folder / "adapter_model.safetensors").unlink()
    for deployment in served(K8S / "lora.yaml"):
        (worker,) = deployment.workers
        with pytest.raises(DeployFailure, match="refuses the adapter"):
            load_adapter(worker, "empty", folder)
