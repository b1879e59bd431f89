"""The model must fit into the GPU that is named, with room for one request of the longest length.

The GPU is named by the annotation `dynamo-conformance/gpu` of the graph, with the value of the node
label `nvidia.com/gpu.product`, or by a node selector or a required affinity of the component on
that label. Weights are counted from the model's published configuration by their bits and the
parallel sizes, KV cache by the length of a request, and both at least: what else an engine keeps
on a GPU comes on top. Without room for one request, vLLM ends at start; SGLang and TensorRT-LLM
start and refuse requests that are longer than what fits.

A GPU or a model of which nothing is known is not judged, nor is offloading to a CPU. A model of
your own is known by its `config.json`, named in the settings:
`models = { "/models/ours" = "ours/config.json" }`.

Fix: split the model over more GPUs, take a quantized checkpoint or a larger GPU, or allow less:
`--max-model-len` (vLLM), `--context-length` (SGLang), `--max-seq-len` (TensorRT-LLM).

PASS:
    nodeSelector: {nvidia.com/gpu.product: NVIDIA-H200}
    args: [--model, openai/gpt-oss-120b]

FAIL:
    nodeSelector: {nvidia.com/gpu.product: NVIDIA-L40S}
    args: [--model, openai/gpt-oss-120b]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.engines.memory import GIB
from dynamo_conformance.lint.engine_memory import VLLM, length_dest, memory_use, share_text
from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.rule import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.lint.engine_memory import MemoryUse
    from dynamo_conformance.lint.engine_settings import EngineSettings
    from dynamo_conformance.lint.rule import Subject

SEVERITY = Severity.WARNING

_MODEL_DESTS = ("model", "model_path")


def check(subject: Subject) -> Iterator[Problem]:
    """Yield each worker that its GPUs cannot hold."""
    for settings in subject.studied_settings:
        use = memory_use(settings, subject.graph, subject.models)
        if use is None:
            continue
        name = f'component "{settings.part.component.name}"'
        if use.room < 0:
            yield Problem(settings.mark(*_MODEL_DESTS), f"{name}: {_too_heavy(use, settings)}")
        elif use.cache > use.room:
            dest = length_dest(settings)
            given = (dest,) if settings.given(dest) else _MODEL_DESTS
            yield Problem(settings.mark(*given), f"{name}: {_too_long(use, settings)}")


def _too_heavy(use: MemoryUse, settings: EngineSettings) -> str:
    gpu = f"{use.gpu.product} ({_gib(use.gpu.memory)})"
    if use.budget.of_rest:
        has = f"{gpu} has less"
    else:
        has = f"{share_text(settings)} of {gpu} is {_gib(use.budget.room(0))}"
    return (
        f"each GPU must hold {_gib(use.weights)} of the weights of {use.name}, but {has}; "
        "split the model over more GPUs, or take larger ones"
    )


def _too_long(use: MemoryUse, settings: EngineSettings) -> str:
    rest = "what they leave of " if use.budget.of_rest else ""
    leaves = "is" if use.budget.of_rest else "leaves"
    effect = "the engine ends at start" if settings.module == VLLM else "longer ones are refused"
    return (
        f"beside {_gib(use.weights)} of the weights of {use.name}, a request of {use.tokens} "
        f"tokens takes {_gib(use.cache)} of KV cache on each GPU, but {share_text(settings)} of "
        f"{rest}{use.gpu.product} ({_gib(use.gpu.memory)}) {leaves} {_gib(use.room)}, enough for "
        f"{use.longest}: {effect}; lower {settings.label(length_dest(settings))}, or split the "
        "model over more GPUs"
    )


def _gib(size: float) -> str:
    return f"{size / GIB:.1f} GiB"
