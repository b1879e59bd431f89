"""Clients talk to one frontend, and the operator serves a component by its type.

Without a frontend (or an endpoint picker) nothing answers clients. A second one that is started as
the first is has its own Service and its own router. A component without a type gets no ports, no
probes and no Service that works. Workers that share a Dynamo namespace with other graphs
(`globalDynamoNamespace`, `DYN_NAMESPACE`) or stand behind a router may have their frontend there.

Fix: write one component of type frontend, with replicas; give every component its type.

PASS:
    components: [{name: Frontend, type: frontend}, {name: Worker, type: worker}]

FAIL:
    components: [{name: Worker, type: worker}]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.engines.role import Role
from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.rule import Problem
from dynamo_conformance.manifest.fields import is_true
from dynamo_conformance.manifest.graph import EPP, FRONTEND

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.engines.role import Part
    from dynamo_conformance.lint.rule import Subject
    from dynamo_conformance.manifest.field_words import FieldWords
    from dynamo_conformance.manifest.node import Mark

SEVERITY = Severity.WARNING

_TYPES = {
    Role.FRONTEND: "frontend", Role.PLANNER: "planner", Role.PREFILL: "prefill",
    Role.DECODE: "decode", Role.AGG: "worker", Role.ENCODE: "worker",
}  # fmt: skip


def check(subject: Subject) -> Iterator[Problem]:
    """Yield a missing frontend, each further one, and each component without its type."""
    components = subject.graph.components
    if not components:
        return
    yield from (_untyped(part, subject.words) for part in subject.parts if _lacks_type(part))
    yield from _further(subject)
    if any(component.type == FRONTEND for component in components):
        return
    works = any(component.is_worker for component in components)
    answers = any(_answers(part) for part in subject.parts)
    if works and not answers and not subject.has_neighbours:
        message = "no component of type frontend, so nothing answers clients"
        yield Problem(_list_mark(subject), f"{message}; add one")


def _further(subject: Subject) -> Iterator[Problem]:
    """Yield each frontend that is started like one before it; any difference is a purpose."""
    seen: dict[tuple[object, ...], str] = {}
    for part in subject.parts:
        component, main = part.component, part.component.main
        if component.type != FRONTEND or part.role is not Role.FRONTEND or part.command is None:
            continue
        variables = (
            frozenset((variable.name, variable.value) for variable in main.env)
            if main
            else frozenset()
        )
        shared = is_true(component.node.get("globalDynamoNamespace"))
        start = (tuple(part.command.texts), variables, shared)
        first = seen.setdefault(start, component.name)
        if first != component.name:
            message = (
                f'"{component.name}" is another frontend, with a Service and a router of its own'
            )
            yield Problem(component.mark, f"{message}; raise replicas of {first} instead")


def _list_mark(subject: Subject) -> Mark:
    """Return where the list of components begins, whatever the version calls it."""
    spec = subject.document.root.mapping("spec") or subject.document.root
    return spec.key_mark("components" if "components" in spec else "services")


def _answers(part: Part) -> bool:
    """Return whether clients may get an answer from something that is no typed frontend."""
    component = part.component
    serves = part.role is Role.FRONTEND or part.command is None
    untold = component.type is None and serves
    return component.type == EPP or untold or "frontendSidecar" in component.node


def _lacks_type(part: Part) -> bool:
    return part.component.type is None and part.role is not None


def _untyped(part: Part, words: FieldWords) -> Problem:
    component = part.component
    message = f'"{component.name}" has no type: the operator gives it no ports and no probes'
    wanted = _TYPES[part.role] if part.role is not None else FRONTEND
    return Problem(component.mark, f"{message}; write {words.typed(wanted)}")
