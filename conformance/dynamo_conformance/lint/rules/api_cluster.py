"""A field needs something that a cluster may not have, and then the operator refuses the graph.

Nobody said what the cluster has, so this is a warning; with `--cluster-has` it is either an error
of `api-admission` or nothing.

Fix: say what the cluster has (`--cluster-has lws,grove,inference-extension` or `none`), or leave
the field out.

PASS:
    spec: {}

FAIL:
    spec: {priorityClassName: high}
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.rule import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.lint.rule import Subject

SEVERITY = Severity.WARNING


def check(subject: Subject) -> Iterator[Problem]:
    """Yield every refusal that depends on a cluster that is not known."""
    for refusal in subject.verdict.conditional:
        refuses = "may refuse" if refusal.unsure else "refuses"
        unsure = (
            f"uncertain: of operator {refusal.unsure} it is not known, " if refusal.unsure else ""
        )
        text = f"{unsure}on a cluster without {refusal.unless} the operator {refuses} this: "
        text += refusal.message
        yield Problem(refusal.mark, f"{text}; say what it has with --cluster-has", refusal.path)
