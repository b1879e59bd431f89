"""SGLang hands KV blocks over page by page, and a page is one token unless somebody says more.

Pages that lie side by side on both workers go in one piece; on workers that have served for a
while they no longer do, and a prompt then travels in up to a piece per token and layer. Pages of 16
tokens make a sixteenth of that; a prefix is then found in whole pages only.

Some models and attention backends need another size and choose it themselves, as those of Blackwell
GPUs do. Where the manifest names such a backend or GPU, this rule says nothing; models it cannot
tell.

Fix: give prefill and decode `--page-size 16`.

PASS:
    prefill: args: [..., --page-size, "16"]
    decode:  args: [..., --page-size, "16"]

FAIL:
    prefill: args: [..., --disaggregation-mode, prefill]
    decode:  args: [..., --disaggregation-mode, decode]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.engines.limits import gpu_family
from dynamo_conformance.engines.role import Role
from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.rule import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.lint.engine_settings import EngineSettings
    from dynamo_conformance.lint.rule import Subject

SEVERITY = Severity.INFO

_SIZE = "page_size"
_UNSAID = "leaves the page size to SGLang, which takes one token unless the model needs another"
_ROLES = (Role.PREFILL, Role.DECODE)
_CHOOSERS = (
    "attention_backend",
    "decode_attention_backend",
    "prefill_attention_backend",
    "dcp_size",
    "enable_hisparse",
    "mamba_radix_cache_strategy",
    "speculative_draft_attention_backend",
    "speculative_eagle_topk",
)
"""Settings with which SGLang chooses the size, or can have no other."""


def check(subject: Subject) -> Iterator[Problem]:
    """Yield each SGLang worker that hands KV blocks over token by token."""
    for worker in subject.studied_settings:
        if worker.module != "dynamo.sglang" or worker.part.role not in _ROLES:
            continue
        if gpu_family(worker.part.component, subject.graph) != "Blackwell" and _is_one(worker):
            said = f"has {worker.label(_SIZE)} 1" if worker.given(_SIZE) else _UNSAID
            message = (
                f'component "{worker.part.component.name}" {said}: KV blocks travel in up to a '
                "piece per token and layer; give prefill and decode --page-size 16"
            )
            yield Problem(worker.mark(_SIZE, "disaggregation_mode"), message)


def _is_one(worker: EngineSettings) -> bool:
    if worker.unknown(_SIZE) or any(worker.given(dest) for dest in _CHOOSERS):
        return False
    return not worker.given(_SIZE) or worker.number(_SIZE) == 1
