"""The model must fit into the GPU that is named, with room for one request of the longest length.

The GPU is named by the annotation `dynamo-conformance/gpu` of the graph, with the value of the node
label `nvidia.com/gpu.product`, or by a node selector or a required affinity of the component on
that label. Weights are counted from the model's published configuration by their bits and the
parallel sizes, KV cache by the length of a request, and both at least: what else an engine keeps
on a GPU comes on top. Without room for one request, vLLM ends at start; SGLang and TensorRT-LLM
start and refuse requests that are longer than what fits.

A GPU or a model of which nothing is known is not judged, nor is offloading to a CPU.

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
from dynamo_conformance.lint.engine_memory import (
    TRTLLM,
    VLLM,
    length_dest,
    memory_use,
    share_text,
)
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
    for settings in subject.settings:
        use = memory_use(settings, subject.graph)
        if use is None:
            continue
        start = (
            f'component "{settings.part.component.name}": the weights of {use.name} take '
            f"{_gib(use.weights)} of each GPU"
        )
        if use.room < 0:
            yield Problem(settings.mark(*_MODEL_DESTS), f"{start}, {_too_heavy(use, settings)}")
        elif use.cache > use.room:
            dest = length_dest(settings)
            given = (dest,) if settings.given(dest) else _MODEL_DESTS
            yield Problem(settings.mark(*given), f"{start}, {_too_long(use, settings)}")


def _too_heavy(use: MemoryUse, settings: EngineSettings) -> str:
    allowed = use.budget.memory if use.budget.of_rest else use.budget.room(0)
    share = f" ({share_text(settings)})" if not use.budget.of_rest else ""
    return (
        f"and the engine may have {_gib(allowed)} of the {_gib(use.gpu.memory)} of "
        f"{use.gpu.product}{share}; split the model over more GPUs, or take larger ones"
    )


def _too_long(use: MemoryUse, settings: EngineSettings) -> str:
    effect = "the engine ends at start" if settings.module == VLLM else "longer ones are refused"
    leaves = "leaves" if settings.module != TRTLLM else "leave, by its share,"
    return (
        f"and {share_text(settings)} {leaves} {_gib(use.room)} of the {_gib(use.gpu.memory)} of "
        f"{use.gpu.product} for KV cache; one request of {use.tokens} tokens takes "
        f"{_gib(use.cache)}, one of {use.longest} fits, and {effect}; lower "
        f"{settings.label(length_dest(settings))}, or split the model over more GPUs"
    )


def _gib(size: float) -> str:
    return f"{size / GIB:.1f} GiB"
