"""TensorRT-LLM's encode worker hands over a handle that means nothing in another pod.

What it makes of an image stays in its GPU's memory, and the worker that asks it gets CUDA IPC
handles, with the embedding cache of Dynamo or without. Such a handle can be opened on the same
machine alone, by a process that sees the GPU: a pod of its own has neither, so every request with
an image fails, while those without are answered.

Fix: encode images where the prompt is computed: leave the encode worker and `--encode-endpoint`
out. What other engines' encode workers make of an image travels by NIXL.

PASS:
    worker: args: [..., --enable-multimodal]

FAIL:
    encode:  args: [..., --enable-multimodal, --disaggregation-mode, encode]
    prefill: args: [..., --disaggregation-mode, prefill, --encode-endpoint, dyn://...]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.rule import Problem
from dynamo_conformance.lint.workload import runs_alone
from dynamo_conformance.manifest.fields import is_true

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.lint.rule import Subject
    from dynamo_conformance.manifest.graph import Component

SEVERITY = Severity.ERROR

_ENDPOINT = "encode_endpoint"
"""A setting that no other engine has."""


def check(subject: Subject) -> Iterator[Problem]:
    """Yield each TensorRT-LLM worker that asks an encode worker in another pod."""
    for worker in subject.studied_settings:
        component = worker.part.component
        if not worker.part.value(_ENDPOINT):
            continue
        if runs_alone(component) and not _shares_machine(component):
            message = (
                f'component "{component.name}" gets CUDA IPC handles from its encode worker, which '
                "no other pod can open: requests with images fail; leave the encode worker and "
                f"{worker.label(_ENDPOINT)} out"
            )
            yield Problem(worker.mark(_ENDPOINT), message)


def _shares_machine(component: Component) -> bool:
    """Whether its pods share the machine's processes, so that the handle may be one there."""
    spec = component.pod_spec
    return spec is not None and is_true(spec.get("hostIPC"))
