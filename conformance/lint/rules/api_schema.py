"""The API server refuses what the CRD's schema does not allow.

An unknown field is the usual one: `kubectl apply` refuses it, other clients drop it silently and
deploy something else than was written.

Mend: write what the message suggests; `kubectl explain dgd.spec` shows every field.

PASS:
    replicas: 1

FAIL:
    replica: 1
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.lint.finding import Severity
from conformance.lint.rule import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.lint.rule import Subject

ID = "api-schema"
SEVERITY = Severity.ERROR


def check(subject: Subject) -> Iterator[Problem]:
    """Yield every violation of the schema, as the API server words it."""
    for one in subject.verdict.violations:
        yield Problem(one.mark, one.message, one.path)
