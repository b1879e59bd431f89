"""The API server refuses what strict decoding, the CRD's schema and metadata's rules do not allow.

An unknown field is the usual one: `kubectl apply` refuses it, other clients drop it silently and
deploy something else than was written.

Fix: write what the message suggests; `kubectl explain dgd.spec` shows every field.

PASS:
    replicas: 1

FAIL:
    replica: 1
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dynamo_conformance.api.violation import UNKNOWN
from dynamo_conformance.lint.finding import Fix, Severity
from dynamo_conformance.lint.rule import Problem
from dynamo_conformance.manifest.node import Mapping, Scalar, find
from dynamo_conformance.manifest.placeholder import is_unfilled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.api.violation import Violation
    from dynamo_conformance.lint.rule import Subject

SEVERITY = Severity.ERROR


def check(subject: Subject) -> Iterator[Problem]:
    """Yield every violation of the schema, as the API server words it."""
    for violation in subject.verdict.violations:
        root = subject.document.root
        yield Problem(
            violation.mark, _message(violation, root), violation.path, fix=_fix(violation, root)
        )
    for field in subject.verdict.uncertain:
        if field.kind == UNKNOWN:
            text = f"uncertain: operator {field.unsure} may not know this: {field.message}"
            yield Problem(field.mark, text, field.path, severity=Severity.WARNING)


def _message(violation: Violation, root: Mapping) -> str:
    """Return what the API server says; of a placeholder no word is the nearest."""
    node = find(root, violation.path)
    text = node.value if isinstance(node, Scalar) else None
    if not isinstance(text, str) or not is_unfilled(text):
        return violation.message
    return (
        f"{replace(violation, suggestion=None).message}; it is a placeholder that was not filled in"
    )


def _fix(violation: Violation, root: Mapping) -> Fix | None:
    """Return the fix of a field that is misspelt in case only: that can mean nothing else.

    Beside the right field, or another spelling of it, somebody has to choose.
    """
    written = str(violation.path[-1]) if violation.path else ""
    meant = violation.suggestion
    if violation.kind != UNKNOWN or meant is None or meant.lower() != written.lower():
        return None
    holder = find(root, violation.path[:-1])
    if not isinstance(holder, Mapping) or _spellings(holder, meant) > 1:
        return None
    return Fix(violation.mark.line, violation.mark.column, written, meant)


def _spellings(holder: Mapping, field: str) -> int:
    return sum(entry.key.lower() == field.lower() for entry in holder)
