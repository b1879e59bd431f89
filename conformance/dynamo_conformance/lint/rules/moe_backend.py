"""TensorRT-LLM's MoE backends have kernels for some GPUs and some checkpoints alone.

`moe_config.backend` names one. WIDEEP is no more: the engine of Dynamo 1.6.1 ends at start with it,
and expert parallelism over many GPUs, with or without a load balancer, is what the others do. Of
those, a backend without kernels for the GPU leaves its layers to CUTLASS at best; where CUTLASS has
none either, as for FP8 weights with a scale for each block on Blackwell, the engine ends.

Which GPU it is, the graph says by the annotation `dynamo-conformance/gpu`, or a component by a node
selector or affinity for `nvidia.com/gpu.product`, in the words of that node label.

Fix: leave the backend out, which chooses one by GPU and model, or give one that the message names.

PASS:
    moe_config: {backend: DEEPGEMM}  # on NVIDIA-B200

FAIL:
    moe_config: {backend: WIDEEP}
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.engines import limits
from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.rule import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.engines.limits import Limits
    from dynamo_conformance.lint.rule import Subject

SEVERITY = Severity.ERROR

_BACKEND = "moe_config.backend"
_FALLBACK = "CUTLASS"


def check(subject: Subject) -> Iterator[Problem]:
    """Yield each MoE backend that the engine, the GPU or the checkpoint rules out."""
    for settings in subject.settings:
        written = settings.option(_BACKEND)
        if not isinstance(written, str):
            continue
        backend = written.upper()
        known = limits.load()
        mark, label = settings.option_mark(_BACKEND), settings.option_label(_BACKEND)
        family = limits.gpu_family(settings.part.component, subject.graph)
        experts = known.experts.get(settings.text("model") or "")
        in_blocks = experts is not None and experts.fp8_blocks
        name = f'component "{settings.part.component.name}": {label} {written}'
        if backend in known.retired_backends:
            others = _others(known, family, in_blocks=in_blocks)
            message = (
                f"{name} is none that this release takes, and the engine ends at start; leave it "
                f"out{others}"
            )
            yield Problem(mark, message)
        elif backend in known.moe_backends and family is not None:
            yield from (
                Problem(mark, f"{name} {message}", severity=severity)
                for message, severity in _unfit(known, backend, family, in_blocks=in_blocks)
            )


def _unfit(
    known: Limits, backend: str, family: str, *, in_blocks: bool
) -> Iterator[tuple[str, Severity]]:
    """Yield what is wrong with a backend on GPUs of a family."""
    row, fallback = known.moe_backends[backend], known.moe_backends[_FALLBACK]
    if family in (row.fp8_blocks if in_blocks else row.families):
        return
    what = "FP8 weights in blocks" if in_blocks else "experts"
    without = f"has no kernels for {what} on {family} GPUs"
    advice = f"leave it out{_others(known, family, in_blocks=in_blocks)}"
    if family in (fallback.fp8_blocks if in_blocks else fallback.families):
        yield f"{without}, and CUTLASS does its work at best; {advice}", Severity.WARNING
    else:
        yield f"{without}, and the engine ends at start; {advice}", Severity.ERROR


def _others(known: Limits, family: str | None, *, in_blocks: bool) -> str:
    """Return the backends to take instead, where GPU and checkpoint are known."""
    rows = known.moe_backends.items() if in_blocks else ()
    names = [name for name, row in rows if family in row.fp8_blocks]
    return f", or give {' or '.join(names)}" if names else ""
