"""The API server refuses an object that breaks one of the CRD's own rules (CEL).

They say what a schema cannot: that component names differ in more than case, that `restart` is not
set when a graph is created, that shared memory which is not disabled has a size.

Fix: the message is the rule's own and says what must hold.

PASS:
    minAvailable: 1
    replicas: 2

FAIL:
    minAvailable: 3
    replicas: 2
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.rule import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.lint.rule import Subject

SEVERITY = Severity.ERROR


def check(subject: Subject) -> Iterator[Problem]:
    """Yield every rule of the CRD that does not hold."""
    for rule in subject.verdict.rules:
        yield Problem(rule.mark, rule.message, rule.path)
