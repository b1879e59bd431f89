"""Fields of a mapping that move into another one, and what their values say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.manifest.node import NOWHERE, Entry, Mapping, Scalar
from dynamo_conformance.manifest.quantity import parse_quantity

if TYPE_CHECKING:
    from collections.abc import Callable

    from dynamo_conformance.manifest.node import Mark, Node


def entries(fields: dict[str, Node]) -> dict[str, Entry]:
    """Return `fields` as the entries of a mapping; keys are marked where their values are."""
    return {key: Entry(key, value, value.mark) for key, value in fields.items()}


def renamed(source: Mapping, names: tuple[tuple[str, str], ...]) -> dict[str, Node]:
    """Return the values of `source` under their new names; null is the same as absent."""
    values: dict[str, Node] = {}
    for old, new in names:
        value = source.get(old)
        if value is not None and not is_null(value):
            values[new] = value
    return values


def with_lists(resources: Mapping, each: Callable[[Mapping], Mapping]) -> Mapping:
    """Return a container's resources with `limits` and `requests` as `each` makes them."""
    fields: dict[str, Node] = {}
    for entry in resources:
        if entry.key in ("limits", "requests") and isinstance(entry.value, Mapping):
            fields[entry.key] = each(entry.value)
        elif entry.key == "claims":
            fields["claims"] = entry.value
    return Mapping(entries(fields), resources.mark)


def is_null(node: Node | None) -> bool:
    """Whether `node` is an explicit null, which mostly says the same as nothing at all."""
    return isinstance(node, Scalar) and node.value is None


def is_true(node: Node | None) -> bool:
    """Whether `node` is the boolean true."""
    return isinstance(node, Scalar) and node.value is True


def mark_of(node: Mapping, key: str) -> Mark:
    """Return where the value of `key` was written, or the mapping itself when it was not."""
    value = node.get(key)
    return value.mark if value is not None and value.mark != NOWHERE else node.mark


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
