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

LONGEST = 45
"""Characters that Grove leaves for the names it puts together."""

_SHORTEST_SET_NAME = 8
_ROLE_SUFFIX = "-wkr"


def check(request: Request) -> Iterator[Violation]:
    """Yield each component whose name leaves too little room, where Grove makes the pods."""
    if not request.has_grove:
        return
    needs = [_need(component) for _path, component in request.components()]
    room = max(LONGEST - max(needs, default=0), _SHORTEST_SET_NAME)
    set_name = min(len(request.graph.name), room)  # The operator cuts a longer one to fit.
    for (path, component), need in zip(request.components(), needs, strict=True):
        if set_name + need > LONGEST:
            text = (
                f'"{component.name}": combined resource name length {set_name + need} exceeds the '
                f"{LONGEST}-character pod-name limit; shorten the component's name by "
                f"{set_name + need - LONGEST}"
            )
            mark = mark_of(component.node, "name")
            yield Violation((*path, "name"), mark, INVALID, text)


def _need(component: Component) -> int:
    experimental = component.node.mapping("experimental") or Mapping()
    grove = experimental.mapping("grove")
    alone = len(component.name)
    if component.node_count > 1:
        return alone + alone + len(_ROLE_SUFFIX)
    return alone * 2 if grove is not None and is_true(grove.get("forceScalingGroup")) else alone
