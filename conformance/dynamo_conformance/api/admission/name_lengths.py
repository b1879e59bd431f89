"""Names that grow too long once Grove's objects are called after them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.api.violation import INVALID, Violation
from dynamo_conformance.manifest.fields import is_true, mark_of
from dynamo_conformance.manifest.node import Mapping

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.api.admission.request import Request
    from dynamo_conformance.manifest.graph import Component
    from dynamo_conformance.manifest.node import Path

LONGEST = 45
"""Characters that Grove leaves for the names it puts together."""

_SHORTEST_SET_NAME = 8
_ROLE_SUFFIX = "-wkr"


def check(request: Request) -> Iterator[Violation]:
    """Yield each component whose name leaves too little room, where Grove makes the pods."""
    if not request.has_grove:
        return
    needs = [_need(component) for _path, component in request.components()]
    whole = len(request.graph.name)
    # Operators since 1.2 cut a longer one to fit.
    cut = min(whole, max(LONGEST - max(needs, default=0), _SHORTEST_SET_NAME))
    for (path, component), need in zip(request.components(), needs, strict=True):
        yield from _excess(component, path, cut + need, rule="name-length")
        yield from _excess(component, path, whole + need, rule="name-length-whole")


def _excess(component: Component, path: Path, length: int, *, rule: str) -> Iterator[Violation]:
    if length > LONGEST:
        text = (
            f'"{component.name}": combined resource name length {length} exceeds the '
            f"{LONGEST}-character pod-name limit; shorten the component's name by "
            f"{length - LONGEST}"
        )
        mark = mark_of(component.node, "name")
        yield Violation((*path, "name"), mark, INVALID, text, rule=rule)


def _need(component: Component) -> int:
    experimental = component.node.mapping("experimental") or Mapping()
    grove = experimental.mapping("grove")
    alone = len(component.name)
    if component.node_count > 1:
        return alone + alone + len(_ROLE_SUFFIX)
    return alone * 2 if grove is not None and is_true(grove.get("forceScalingGroup")) else alone
