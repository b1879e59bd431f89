"""A frontend without workers answers 404 for every model.

It becomes Ready all the same.

Fix: add a component of type worker, or prefill and decode.

PASS:
    components: [{name: Frontend, type: frontend}, {name: Worker, type: worker}]

FAIL:
    components: [{name: Frontend, type: frontend}]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.engines.role import Role
from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.rule import Problem
from dynamo_conformance.manifest.graph import EPP

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.engines.role import Part
    from dynamo_conformance.lint.rule import Subject

SEVERITY = Severity.WARNING

_NO_WORKERS = ("frontend", "planner", EPP)


def check(subject: Subject) -> Iterator[Problem]:
    """Yield the frontend of a graph that has nobody to do the work."""
    frontend = subject.graph.frontend
    if frontend is None or subject.has_neighbours:
        return
    if all(_does_no_work(part) for part in subject.parts):
        message = "no component works for this frontend: every model is answered with 404"
        yield Problem(frontend.mark, f"{message}; add one with {subject.words.typed('worker')}")


def _does_no_work(part: Part) -> bool:
    return part.component.type in _NO_WORKERS or part.role in (Role.FRONTEND, Role.PLANNER)
