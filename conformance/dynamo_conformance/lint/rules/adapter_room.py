"""Adapters that do not fit beside each other wait for each other.

vLLM computes at most `--max-loras` adapters in one batch, and 1 unless given: requests for two
adapters take turns, and with `--max-cpu-loras`, which follows it, each turn loads its adapter
again. SGLang does so with `--max-loras-per-batch 1`. A worker with less room in memory than in a
batch does not start.

A limit of 1 that is written is its author's choice, unless more adapters are named beside it.

Fix: give as many as are asked for at once, and room in memory for those that are loaded.

PASS:
    args: [..., --enable-lora, --max-loras, "4", --max-cpu-loras, "16"]

FAIL:
    args: [..., --enable-lora]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.rule import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.lint.engine_settings import EngineSettings
    from dynamo_conformance.lint.rule import Subject

SEVERITY = Severity.WARNING

_SWITCH, _BATCH, _MEMORY = "enable_lora", "max_loras", "max_cpu_loras"
_SGLANG_BATCH, _SGLANG_PATHS = "max_loras_per_batch", "lora_paths"


def check(subject: Subject) -> Iterator[Problem]:
    """Yield each worker whose adapters keep each other waiting."""
    for worker in subject.studied_settings:
        if worker.module == "dynamo.vllm" and worker.switched(_SWITCH):
            yield from _vllm(worker)
        elif worker.module == "dynamo.sglang":
            yield from _sglang(worker)


def _vllm(worker: EngineSettings) -> Iterator[Problem]:
    if worker.unknown(_BATCH) or worker.unknown(_MEMORY):
        return
    where = f'component "{worker.part.component.name}"'
    batch, memory = worker.number(_BATCH), worker.number(_MEMORY)
    if batch is not None and memory is not None and memory < batch:
        text = f"{where} ends at start: --max-cpu-loras {memory} is below --max-loras {batch}"
        yield Problem(worker.mark(_MEMORY), f"{text}; give it more", severity=Severity.ERROR)
    elif batch == 1 and (not worker.given(_BATCH) or (memory or 1) > 1):
        text = f"{where} computes one adapter at a time, for --max-loras is 1"
        advice = "give it as many as are asked for at once, and --max-cpu-loras room for all"
        yield Problem(worker.mark(_BATCH, _SWITCH), f"{text}; {advice}")


def _sglang(worker: EngineSettings) -> Iterator[Problem]:
    arguments = worker.part.arguments
    named = arguments.get(_SGLANG_PATHS) if arguments is not None else None
    if isinstance(named, tuple) and len(named) > 1 and worker.number(_SGLANG_BATCH) == 1:
        where = f'component "{worker.part.component.name}"'
        text = f"{where} computes one of {len(named)} adapters at a time"
        yield Problem(worker.mark(_SGLANG_BATCH), f"{text}; give --max-loras-per-batch more")
