"""The API server or the operator takes it, and warns.

v1alpha1 still works on today's operators; fields that the operator warns of it does not look at.

Fix: write v1beta1 for anything new (`dynamo convert FILE --to v1beta1` does it), and remove the
field that is ignored.

PASS:
    apiVersion: nvidia.com/v1beta1

FAIL:
    apiVersion: nvidia.com/v1alpha1
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
    """Yield every warning that comes with the verdict."""
    for warning in subject.verdict.warnings:
        text = warning.text
        if warning.unsure:
            text = f"uncertain: operator {warning.unsure} may warn of this: {text}"
        yield Problem(warning.mark, text, warning.path)
