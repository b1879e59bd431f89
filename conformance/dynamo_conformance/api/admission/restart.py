"""The order of a restart, which operators before 1.3 take when a graph is created."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.api.admission.request import text_of
from dynamo_conformance.api.violation import DUPLICATE, FORBIDDEN, INVALID, UNSUPPORTED, Violation
from dynamo_conformance.manifest.fields import mark_of
from dynamo_conformance.manifest.node import Scalar
from dynamo_conformance.manifest.suggest import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.api.admission.request import Request

_PARALLEL = "parallel"
_PATH = ("spec", "restart", "strategy", "order")


def check(request: Request) -> Iterator[Violation]:
    """Yield what is wrong with the order in which components are to be restarted."""
    restart = request.spec.mapping("restart")
    strategy = restart.mapping("strategy") if restart is not None else None
    order = strategy.sequence("order") if strategy is not None else ()
    if strategy is None or not order:
        return
    mark = mark_of(strategy, "order")
    if (text_of(strategy, "type") or "").lower() == _PARALLEL:
        text = "cannot be specified when strategy is parallel"
        yield Violation(_PATH, mark, FORBIDDEN, text, rule="restart-order-parallel")
        return
    known = [component.name for component in request.graph.components]
    seen: set[str] = set()
    for index, node in enumerate(order):
        name = str(node.value) if isinstance(node, Scalar) else ""
        here = (*_PATH, index)
        if name in seen:
            text = f'"{name}": must be unique'
            yield Violation(here, node.mark, DUPLICATE, text, rule="restart-order-twice")
        elif name not in known:
            supported = ", ".join(f'"{word}"' for word in known)
            text = f'"{name}"; supported values: {supported}'
            suggestion = nearest(name, known)
            yield Violation(
                here, node.mark, UNSUPPORTED, text, suggestion, rule="restart-order-unknown"
            )
        seen.add(name)
    if len(seen) != len(known):
        text = f"{len(seen)}: must have the same number of unique components as the deployment"
        yield Violation(_PATH, mark, INVALID, text, rule="restart-order-number")
