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
from dynamo_conformance.engines.image_release import parse_image
from dynamo_conformance.engines.limits import gpu_family
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
    for settings in subject.studied_settings:
        written = settings.option(_BACKEND)
        if not isinstance(written, str):
            continue
        component = settings.part.component
        experts = limits.load().experts.get(settings.text("model") or "")
        ruled_out = _ruled_out(
            written.upper(),
            gpu_family(component, subject.graph),
            in_blocks=experts is not None and experts.fp8_blocks,
        )
        for why, severity in ruled_out:
            label = f'component "{component.name}": {settings.option_label(_BACKEND)} {written}'
            # An image of the author's own may hold another release of TensorRT-LLM.
            image = component.main.image if component.main is not None else None
            is_known = not image or parse_image(image).is_published
            yield Problem(
                settings.option_mark(_BACKEND),
                f"{label} {why}",
                severity=severity if is_known else Severity.WARNING,
            )


def _ruled_out(
    backend: str, family: str | None, *, in_blocks: bool
) -> Iterator[tuple[str, Severity]]:
    """Yield why a backend is none for such GPUs and weights, and how bad that is."""
    known = limits.load()
    row, fallback = known.moe_backends.get(backend), known.moe_backends[_FALLBACK]
    advice = f"leave it out{_others(known, family, in_blocks=in_blocks)}"
    if backend in known.retired_backends:
        why = f"is none that this release takes, and the engine ends at start; {advice}"
        yield why, Severity.ERROR
    if row is None or family is None or family in (row.fp8_blocks if in_blocks else row.families):
        return
    what = "FP8 weights in blocks" if in_blocks else "experts"
    without = f"has no kernels for {what} on {family} GPUs"
    if family in (fallback.fp8_blocks if in_blocks else fallback.families):
        yield f"{without}, and CUTLASS does its work at best; {advice}", Severity.WARNING
    else:
        yield f"{without}, and the engine ends at start; {advice}", Severity.ERROR


def _others(known: Limits, family: str | None, *, in_blocks: bool) -> str:
    """Return the backends to take instead, where GPU and checkpoint are known."""
    rows = known.moe_backends.items() if in_blocks else ()
    names = [name for name, row in rows if family in row.fp8_blocks]
    return f", or give {' or '.join(names)}" if names else ""
