"""Prefill and decode workers serve the same model.

Prefill and decode workers with different models register two models, neither of which is complete:
every request is answered with 404 or 503, and all pods are Ready.

Fix: give all workers the same `--model`, or the same `--served-model-name`.

PASS:
    prefill: args: [--model, Qwen/Qwen3-0.6B, ...]
    decode:  args: [--model, Qwen/Qwen3-0.6B, ...]

FAIL:
    prefill: args: [--model, Qwen/Qwen3-0.6B, ...]
    decode:  args: [--model, Qwen/Qwen3-8B, ...]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.engines.role import Role
from dynamo_conformance.engines.serving import given_mark, served_model
from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.rule import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.lint.rule import Subject

SEVERITY = Severity.ERROR

_PAIRED = (Role.PREFILL, Role.DECODE)


def check(subject: Subject) -> Iterator[Problem]:
    """Yield each worker whose model is not the first one's."""
    workers = [part for part in subject.parts if part.role in _PAIRED]
    if not workers:
        return
    roles_of: dict[str, set[Role | None]] = {}
    for part in workers:
        if (model := served_model(part)) is not None:
            roles_of.setdefault(model, set()).add(part.role)
    if all(roles.issuperset(_PAIRED) for roles in roles_of.values()):
        return  # Several models, each of them whole.
    first = workers[0]
    wanted = served_model(first)
    for part in workers[1:]:
        model = served_model(part)
        if model is not None and wanted is not None and model != wanted:
            mark = given_mark(part, "served_model_name", "model", "model_path")
            here = f'component "{part.component.name}" serves {model}'
            there = f'component "{first.component.name}" serves {wanted}'
            advice = "prefill and decode workers must serve one model"
            yield Problem(mark, f"{here}, but {there}; {advice}")
