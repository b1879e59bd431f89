"""Defaults: the object as the API server sees it when it begins to validate.

Null stands for a field left out, unless the schema says that null is a value there; then the
schema's defaults are filled in. An object that needs neither is returned as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.manifest.fields import is_null
from dynamo_conformance.manifest.node import Entry, Mapping, Node, Sequence, from_plain

if TYPE_CHECKING:
    from dynamo_conformance.api.schema import Schema


def complete(node: Node, schema: Schema) -> Node:
    """Return `node` without nulls that mean nothing, and with the defaults of `schema`.

    Args:
        node: The object, or a part of it.
        schema: Its schema.
    """
    if isinstance(node, Mapping):
        return _mapping(node, schema)
    if isinstance(node, Sequence) and schema.items is not None:
        items = tuple(complete(item, schema.items) for item in node)
        same = all(new is old for new, old in zip(items, node, strict=True))
        return node if same else Sequence(items, node.mark)
    return node


def _mapping(node: Mapping, schema: Schema) -> Mapping:
    entries: dict[str, Entry] = {}
    changed = False
    for entry in node:
        child = schema.properties.get(entry.key) or schema.additional
        if child is None:
            entries[entry.key] = entry
            continue
        if is_null(entry.value) and not child.nullable:
            changed = True
            continue
        value = complete(entry.value, child)
        if value is not entry.value:
            changed = True
            entry = Entry(entry.key, value, entry.mark)  # noqa: PLW2901 - the completed entry
        entries[entry.key] = entry
    for name in schema.defaulted:
        if name not in entries:
            child = schema.properties[name]
            value = complete(from_plain(child.default, mark=node.mark), child)
            entries[name] = Entry(name, value, node.mark)
            changed = True
    return Mapping(entries, node.mark) if changed else node
