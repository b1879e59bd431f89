"""On which ports a container listens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dynamo_conformance.manifest.graph import FRONTEND, WORKER_TYPES
from dynamo_conformance.rendering.environment import (
    HTTP_PORT,
    NIXL_PORT,
    PLANNER,
    PLANNER_PORT,
    SYSTEM_PORT,
)
from dynamo_launch.deploy.trace import constant, listed, mapping

if TYPE_CHECKING:
    from dynamo_conformance.manifest.node import Node, Sequence
    from dynamo_launch.deploy.draft import Draft
    from dynamo_launch.deploy.start import Start

HTTP: Final = "http"
_WORKER: Final = {"system": SYSTEM_PORT, "nixl": NIXL_PORT}
_GIVEN: Final = {
    FRONTEND: {HTTP: HTTP_PORT},
    PLANNER: {"metrics": PLANNER_PORT, "system": SYSTEM_PORT},
    **dict.fromkeys(WORKER_TYPES, _WORKER),
}
"""What the operator gives each type; a list of one's own replaces it, so it repeats them."""


def ports(draft: Draft, component_type: str | None, start: Start) -> Sequence | None:
    """Return a container's ports, or None when those that the operator gives are right."""
    given = dict(_GIVEN.get(component_type or "", {}))
    found: dict[str, Node] = {name: constant(number) for name, number in given.items()}
    _write(draft, found, given)
    if start.port is not None:
        _agree(draft, found, start)
    if {name: node.plain() for name, node in found.items()} == given:
        return None
    return listed(
        mapping(name=constant(name), containerPort=number, protocol=constant("TCP"))
        for name, number in found.items()
    )


def _write(draft: Draft, found: dict[str, Node], given: dict[str, int]) -> None:
    written = draft.written("ports")
    for one in written.fields() if written is not None else ():
        if one.key in given and one.key != HTTP and one.whole != given[one.key]:
            text = f"port {one.key} is the operator's own, {given[one.key]}; leave it out"
            draft.error(one.origin, text)
        same = next(
            (name for name, node in found.items() if name != one.key and node.plain() == one.whole),
            None,
        )
        if same is not None:
            text = f"port {one.whole} is already that of {same}; choose another one"
            draft.error(one.origin, text)
        found[one.key] = draft.trace.number(one.whole, one.origin)


def _agree(draft: Draft, found: dict[str, Node], start: Start) -> None:
    """Let the port of a frontend be the one on which it listens."""
    assert start.port is not None  # noqa: S101 - narrows for the type checker
    number, place = start.port
    written = draft.written("ports")
    said = written.inner(HTTP) if written is not None else None
    if said is None:
        if found.get(HTTP, constant(HTTP_PORT)).plain() != number:
            found[HTTP] = draft.trace.number(number, place)
    elif said.whole != number:
        text = f"the frontend listens on {number}; write options: {{port: {said.whole}}} too"
        draft.error(said.origin, text)
