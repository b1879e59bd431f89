"""The Dynamo operator's webhook refuses what no graph of it can run with.

It asks for at least one component, for an image in each container `main`, for a tag that tells the
Dynamo release (or `runtimeVersionOverride`), and for Grove or the inference extension where a field
needs them. Which operator refuses what is in docs/operators.md; where it is not known whether a
release already does, this is a warning that says so.

Fix: the message is the operator's own; what depends on the cluster goes by `--cluster-has`.

PASS:
    image: nvcr.io/nvidia/ai-dynamo/vllm-runtime:1.6.1

FAIL:
    image: nvcr.io/nvidia/ai-dynamo/vllm-runtime:my-tag
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.api.violation import UNKNOWN
from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.rule import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.lint.rule import Subject

SEVERITY = Severity.ERROR


def check(subject: Subject) -> Iterator[Problem]:
    """Yield every refusal of the operator's webhook."""
    for refusal in subject.verdict.refusals:
        yield Problem(refusal.mark, refusal.message, refusal.path)
    for refusal in subject.verdict.uncertain:
        if refusal.kind != UNKNOWN:
            text = f"uncertain: operator {refusal.unsure} may refuse this: {refusal.message}"
            yield Problem(refusal.mark, text, refusal.path, severity=Severity.WARNING)
