"""A component whose type and command line disagree serves in the wrong role.

The operator labels pods, and picks what it injects, by `type`; the engine registers by its command
line. A prefill component without `--disaggregation-mode prefill` registers as an aggregated worker:
the graph answers, and nothing is disaggregated.

Earlier releases were told otherwise: vLLM's worker by `--is-prefill-worker`, with or without
`--is-decode-worker`, and whatever was no prefill worker could decode. Each component is judged by
its own release.

Fix: make `type` and `--disaggregation-mode` say the same.

PASS:
    type: prefill
    args: [--model, Qwen/Qwen3-0.6B, --disaggregation-mode, prefill, ...]

FAIL:
    type: prefill
    args: [--model, Qwen/Qwen3-0.6B]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.engines.role import Role
from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.rule import Problem, capped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.engines.role import Part
    from dynamo_conformance.lint.rule import Subject
    from dynamo_conformance.manifest.field_words import FieldWords

SEVERITY = Severity.ERROR

_ALLOWED = {
    "frontend": frozenset({Role.FRONTEND}),
    "prefill": frozenset({Role.PREFILL}),
    "decode": frozenset({Role.DECODE}),
    "worker": frozenset({Role.AGG, Role.ENCODE, Role.PREFILL, Role.DECODE}),
}


_TYPE = {Role.AGG: "worker", Role.ENCODE: "worker"}


def check(subject: Subject) -> Iterator[Problem]:
    """Yield each component that is declared as one thing and runs another."""
    for part in subject.parts:
        component = part.component
        allowed = _ALLOWED.get(component.type or "")
        if allowed is None or part.role is None or part.role in allowed or part.command is None:
            continue
        runs = f"its command line runs {part.program} as {part.role}"
        message = f'component "{component.name}" is of type {component.type}, but {runs}'
        advice = _advice(component.type or "", part, subject.words)
        yield Problem(component.mark, f"{message}; {advice}", severity=capped(part))


def _advice(declared: str, part: Part, words: FieldWords) -> str:
    role = part.role or Role.AGG
    flags = part.roles.told(declared) if part.roles is not None else None
    if flags is not None and role is Role.AGG:
        return f"add {flags}"
    if flags is not None:
        return f"write {flags}, or {words.typed(role)}"
    return f"write {words.typed(_TYPE.get(role, role))}"
