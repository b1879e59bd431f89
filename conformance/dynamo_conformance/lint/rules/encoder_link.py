"""An encode worker is of use when the workers behind it know of it.

vLLM's prefill (or aggregated) worker asks it with `--route-to-encoder`, TensorRT-LLM's with
`--encode-endpoint`; SGLang's workers take requests from it with `--dedicated-mm-encoder`. Without
that the graph answers, images are encoded where the prompt is, and the encode worker's GPU is idle.
The other way round, a worker that waits for an encoder which nobody runs never registers; a
component of somebody's own may be one.

TensorRT-LLM's takes a full name, and the operator gives the workers of each revision a Dynamo
namespace of their own: without its suffix the name leads nowhere, and requests with images fail.

Fix: add the flag that the message names, the encode worker, or the suffix; under TensorRT-LLM leave
the encode worker out (encoder-handle says why).

PASS:
    encode:  args: [..., --enable-multimodal, --disaggregation-mode, encode]
    prefill: args: [..., --enable-multimodal, --disaggregation-mode, prefill, --route-to-encoder]

FAIL:
    encode:  args: [..., --enable-multimodal, --disaggregation-mode, encode]
    prefill: args: [..., --enable-multimodal, --disaggregation-mode, prefill]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.engines.role import Role
from dynamo_conformance.engines.serving import is_own
from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.rule import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.lint.engine_settings import EngineSettings
    from dynamo_conformance.lint.rule import Subject

SEVERITY = Severity.ERROR

NAMESPACE = "$(DYN_NAMESPACE)"
SUFFIX = "-$(DYN_NAMESPACE_WORKER_SUFFIX)"
_ENDPOINT = "encode_endpoint"
_LINKS = {
    "dynamo.vllm": ("route_to_encoder", "add --route-to-encoder on the worker that prefills"),
    "dynamo.sglang": (
        "dedicated_mm_encoder",
        "add --dedicated-mm-encoder on the workers behind it",
    ),
    "dynamo.trtllm": (
        _ENDPOINT,
        "leave it out: no other pod can open what it makes of an image",
    ),
}
_WAITS = ("dynamo.vllm", "dynamo.sglang")
"""The engines whose workers do not register before their encoder is there."""


def check(subject: Subject) -> Iterator[Problem]:
    """Yield each encode worker that nobody asks, and each worker that asks in vain."""
    workers = list(subject.studied_settings)
    has_own = any(is_own(worker.part) for worker in subject.settings)
    for module, (dest, advice) in _LINKS.items():
        same_engine = [worker for worker in workers if worker.module == module]
        encoders = [worker for worker in same_engine if worker.part.role is Role.ENCODE]
        others = [worker for worker in same_engine if worker.part.role is not Role.ENCODE]
        asking = [other for other in others if _asks(other, dest)]
        if not encoders and not asking:
            continue
        alone = not subject.has_neighbours
        if alone and not asking and not any(other.unknown(dest) for other in others):
            yield from (_idle(encoder, advice) for encoder in encoders)
        all_read = all(worker.part.role is not None for worker in same_engine)
        if alone and all_read and not encoders and not has_own and module in _WAITS:
            yield from (_in_vain(worker, dest) for worker in asking)
        if encoders and module == "dynamo.trtllm":
            yield from _misnamed(asking)


def _asks(worker: EngineSettings, dest: str) -> bool:
    if dest == _ENDPOINT:
        return bool(worker.part.value(dest))
    return worker.switched(dest)


def _idle(encoder: EngineSettings, advice: str) -> Problem:
    name = encoder.part.component.name
    message = f'component "{name}" encodes images, and no worker asks it to; {advice}'
    return Problem(encoder.part.component.mark, message)


def _in_vain(worker: EngineSettings, dest: str) -> Problem:
    name = worker.part.component.name
    message = (
        f'component "{name}" waits for an encode worker before it registers, and the graph has '
        "none; add a component with --disaggregation-mode encode, or leave "
        f"{worker.label(dest)} out"
    )
    return Problem(worker.mark(dest), message)


def _misnamed(asking: list[EngineSettings]) -> Iterator[Problem]:
    """Yield names without the suffix of the workers' namespace."""
    for worker in asking:
        given = worker.part.value(_ENDPOINT) or ""
        if NAMESPACE in given and SUFFIX not in given:
            right = given.replace(NAMESPACE, NAMESPACE + SUFFIX)
            message = (
                "the operator gives workers a namespace with a suffix, so nobody is there; write "
                f"{right}"
            )
            yield Problem(worker.mark(_ENDPOINT), message)
