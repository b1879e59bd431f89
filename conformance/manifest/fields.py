"""Fields of a mapping that move into another one, and what their values say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.manifest.node import Entry, Mapping, Scalar
from conformance.manifest.quantity import parse_quantity

if TYPE_CHECKING:
    from conformance.manifest.node import Node


def entries(fields: dict[str, Node]) -> dict[str, Entry]:
    """Return `fields` as the entries of a mapping; keys are marked where their values are."""
    return {key: Entry(key, value, value.mark) for key, value in fields.items()}


def renamed(source: Mapping, names: tuple[tuple[str, str], ...]) -> dict[str, Node]:
    """Return the values of `source` under their new names; null is the same as absent."""
    found: dict[str, Node] = {}
    for old, new in names:
        value = source.get(old)
        if value is not None and not (isinstance(value, Scalar) and value.value is None):
            found[new] = value
    return found


def is_true(node: Node | None) -> bool:
    """Whether `node` is the boolean true."""
    return isinstance(node, Scalar) and node.value is True


def is_void(node: Node) -> bool:
    """Whether `node` says nothing: null, an empty text, an empty list or mapping."""
    if isinstance(node, Scalar):
        return node.value is None or node.value == ""
    return len(node) == 0


def is_zero(node: Node) -> bool:
    """Whether `node` is a quantity of zero, in whatever unit."""
    if not isinstance(node, Scalar) or isinstance(node.value, bool):
        return False
    return parse_quantity(node.value if isinstance(node.value, str) else node.text) == 0
