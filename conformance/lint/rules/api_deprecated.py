"""The API server warns of versions that are on their way out.

v1alpha1 still works on today's operators.

Mend: write v1beta1 for anything new; `dynamo convert FILE --to v1beta1` does it.

PASS:
    apiVersion: nvidia.com/v1beta1

FAIL:
    apiVersion: nvidia.com/v1alpha1
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.lint.finding import Severity
from conformance.lint.rule import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.lint.rule import Subject

ID = "api-deprecated"
SEVERITY = Severity.WARNING


def check(subject: Subject) -> Iterator[Problem]:
    """Yield the API server's own warning."""
    for one in subject.verdict.warnings:
        yield Problem(one.mark, one.text, one.path)
