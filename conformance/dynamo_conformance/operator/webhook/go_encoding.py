"""What becomes of an object that Go reads and writes again, as the real webhook does.

Fields that a Go struct always writes are there afterwards with a zero value, and quantities are
texts. That is why the operator admits an environment variable without a name, which the CRD's
schema alone refuses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.api.decoding import is_quantity, too_wide, wrong_types
from dynamo_conformance.manifest.node import Entry, Mapping, Scalar, Sequence

if TYPE_CHECKING:
    from dynamo_conformance.api.schema import Schema
    from dynamo_conformance.api.violation import Violation
    from dynamo_conformance.manifest.node import Node

_PARTS = ("spec", "status")
_ZEROS: dict[str, Scalar] = {
    "string": Scalar("", text=""),
    "boolean": Scalar(value=False, text="false"),
    "integer": Scalar(0, text="0"),
}


def undecodable(root: Mapping, schema: Schema) -> list[str]:
    """Return what of an object the operator's Go types cannot hold.

    Args:
        root: The object.
        schema: The schema of its version.
    """
    violations: list[Violation] = []
    for part in _PARTS:
        node, child = root.get(part), schema.properties.get(part)
        if node is not None and child is not None:
            # A quantity may be written as a number, with or without a fraction.
            node = reencoded(node, child)
            violations += [*wrong_types(node, child, (part,)), *too_wide(node, child, (part,))]
    return [violation.message for violation in violations]


def reencoded(node: Node, schema: Schema) -> Node:
    """Return `node` as Go would write it; what is as it should be is returned as it is."""
    if isinstance(node, Mapping):
        return _mapping(node, schema)
    if isinstance(node, Sequence):
        items = schema.items
        if items is None:
            return node
        encoded = tuple(reencoded(item, items) for item in node)
        same = all(new is old for new, old in zip(encoded, node, strict=True))
        return node if same else Sequence(encoded, node.mark)
    is_number = isinstance(node.value, int | float) and not isinstance(node.value, bool)
    if is_number and is_quantity(schema):
        return Scalar(node.text, node.mark, node.text)
    return node


def _mapping(node: Mapping, schema: Schema) -> Mapping:
    entries: dict[str, Entry] = {}
    changed = False
    for entry in node:
        child = schema.properties.get(entry.key) or schema.additional
        value = reencoded(entry.value, child) if child is not None else entry.value
        changed = changed or value is not entry.value
        entries[entry.key] = Entry(entry.key, value, entry.mark)
    for name in schema.required:
        zero = _zero(schema.properties.get(name))
        if name not in entries and zero is not None:
            entries[name] = Entry(name, zero, node.mark)
            changed = True
    return Mapping(entries, node.mark) if changed else node


def _zero(schema: Schema | None) -> Scalar | None:
    """Return what Go writes for a field that nobody set; None where it is no plain value."""
    if schema is None:
        return None
    if schema.int_or_string:
        return None if is_quantity(schema) else _ZEROS["integer"]
    return _ZEROS.get(schema.type or "")
