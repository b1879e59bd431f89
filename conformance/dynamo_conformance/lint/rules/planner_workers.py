"""A planner finds the workers that it scales by their component type.

On Kubernetes the planner of 1.6.1 looks for one component of type prefill and one
of type decode: with mode prefill for the first alone, with mode decode or agg for the second. In
place of decode it takes the only component of type worker; for either it takes a component that is
called `prefill` or `decode` and is of type worker, or of none. When it finds none, or two, it ends.
The command line that makes a worker prefill does not count.

Fix: give the workers their types (v1alpha1: `subComponentType: prefill` below `componentType:
worker`), or write the mode that fits them into the planner's config.

PASS:
    Planner: args: [--config, '{"mode":"disagg"}']
    types:   prefill, decode

FAIL:
    Planner: args: [--config, '{"mode":"disagg"}']
    types:   worker, worker
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.engines.planner import setting
from dynamo_conformance.engines.role import Role
from dynamo_conformance.lint.engine_settings import planner_configs
from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.rule import Problem
from dynamo_conformance.manifest.document import V1ALPHA1

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.engines.role import Part
    from dynamo_conformance.lint.rule import Subject
    from dynamo_conformance.manifest.node import Mark

SEVERITY = Severity.ERROR

_WANTED = {
    "disagg": ("prefill", "decode"),
    "prefill": ("prefill",),
    "decode": ("decode",),
    "agg": ("decode",),
}
_WORKER = "worker"
_ROLES = {"prefill": Role.PREFILL, "decode": Role.DECODE}


def check(subject: Subject) -> Iterator[Problem]:
    """Yield each role that a planner looks for and does not find, or finds twice."""
    for entries, mark in planner_configs(subject.studied_settings):
        if isinstance(entries, str):
            continue
        mode = str(setting(entries, "mode"))
        if setting(entries, "environment") != "kubernetes":
            continue  # The others look at no graph, or leave that to the global planner.
        for wanted in _WANTED.get(mode, ()):
            yield from _of_type(subject, wanted, mode, mark)


def _of_type(subject: Subject, wanted: str, mode: str, mark: Mark) -> Iterator[Problem]:
    components = subject.graph.components
    typed = [component for component in components if component.type == wanted]
    if len(typed) > 1:
        names = " and ".join(f'"{component.name}"' for component in typed)
        message = f"the planner scales one component of type {wanted} and ends at two: {names}"
        yield Problem(typed[1].mark, f"{message}; give each its own graph and planner")
    if typed or _is_replaced(subject, wanted):
        return
    candidate = _candidate(subject, wanted)
    here = f"the planner, mode {mode}, looks for a component of type {wanted} and ends without"
    if candidate is not None:
        yield Problem(candidate.component.mark, f"{here}; {_advice(subject, candidate, wanted)}")
    elif wanted == "decode" and any(component.type == _WORKER for component in components):
        yield Problem(mark, f"{here}; leave it one component of type {_WORKER}")
    else:
        yield Problem(mark, f"{here}; add one, or write the mode that fits the workers")


def _is_replaced(subject: Subject, wanted: str) -> bool:
    """Whether the planner takes a component of another type for one of type `wanted`."""
    components = subject.graph.components
    generic = [component for component in components if component.type == _WORKER]
    if wanted == "decode" and len(generic) == 1:
        return True
    return any(
        component.name == wanted and component.type in (None, "", _WORKER)
        for component in components
    )


def _candidate(subject: Subject, wanted: str) -> Part | None:
    """Return the worker that does the work of the type, whatever it is called."""
    generic = (part for part in subject.studied_parts if part.component.type in (None, "", _WORKER))
    return next((component for component in generic if component.role is _ROLES[wanted]), None)


def _advice(subject: Subject, part: Part, wanted: str) -> str:
    name = part.component.name
    if subject.document.version != V1ALPHA1:
        return f'write type: {wanted} for "{name}"'
    advice = f'add subComponentType: {wanted} to "{name}"'
    return advice if part.component.type else f"{advice}, and componentType: {_WORKER}"
