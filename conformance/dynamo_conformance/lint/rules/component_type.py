"""The operator knows six component types, and v1alpha1 lets anything be written.

`componentType` of v1alpha1 is a free string. With one that the operator does not know the whole
graph ends in state `failed` (`failed_to_reconcile_the_resources`), and no pod is made. A
`subComponentType` other than prefill or decode below `worker` is ignored.

Fix: write frontend, worker, prefill, decode, planner or epp.

PASS:
    componentType: worker
    subComponentType: prefill

FAIL:
    componentType: main
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.lint.finding import Fix, Severity
from dynamo_conformance.lint.rule import Problem
from dynamo_conformance.manifest.document import V1ALPHA1
from dynamo_conformance.manifest.graph import TYPES
from dynamo_conformance.manifest.node import Mapping, Scalar
from dynamo_conformance.manifest.suggest import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.lint.rule import Subject

SEVERITY = Severity.ERROR

_SUB_TYPES = ("prefill", "decode")


def check(subject: Subject) -> Iterator[Problem]:
    """Yield each type of a v1alpha1 service that the operator cannot work on, or ignores."""
    if subject.document.version != V1ALPHA1:
        return  # The schema of v1beta1 has the types as an enum.
    spec = subject.document.root.mapping("spec")
    services = spec.mapping("services") if spec is not None else None
    for entry in services or ():
        if isinstance(entry.value, Mapping):
            yield from _type(entry.value)
            yield from _sub_type(entry.value)


def _type(service: Mapping) -> Iterator[Problem]:
    kind = service.get("componentType")
    if not isinstance(kind, Scalar) or not isinstance(kind.value, str) or not kind.value:
        return
    if kind.value in TYPES:
        return
    hint = did_you_mean(kind.value, TYPES) or f"; write one of {', '.join(TYPES)}"
    folded = kind.value.lower()
    fix = Fix(*kind.mark, kind.value, folded) if folded in TYPES else None
    message = f'no component type "{kind.value}": the operator makes no pods of the whole graph'
    yield Problem(kind.mark, f"{message}{hint}", fix=fix)


def _sub_type(service: Mapping) -> Iterator[Problem]:
    sub = service.get("subComponentType")
    if not isinstance(sub, Scalar) or not isinstance(sub.value, str) or not sub.value:
        return
    kind = service.string("componentType")
    if sub.value in _SUB_TYPES and kind in ("worker", sub.value):
        return
    if sub.value in _SUB_TYPES:
        message = f'subComponentType "{sub.value}" counts only beside componentType worker'
        advice = f"write componentType: worker, or {sub.value}"
    else:
        message = f'subComponentType "{sub.value}" changes nothing but a label'
        advice = "prefill and decode are known; leave it out"
    yield Problem(sub.mark, f"{message}; {advice}", severity=Severity.WARNING)
