"""Decoding: what the API server and the operator refuse before they look at any rule.

The API server decodes strictly: a field that the schema does not know is an error. The operator's
webhooks decode into Go types, which hold fewer numbers than a schema without limits allows.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dynamo_conformance.api.violation import INVALID, UNKNOWN, Violation
from dynamo_conformance.manifest.fields import is_null
from dynamo_conformance.manifest.node import Mapping, Node, Path, Scalar, Sequence
from dynamo_conformance.manifest.quantity import parse_quantity
from dynamo_conformance.manifest.suggest import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.api.schema import Schema

_INT_BITS = {"int32": 31, "int64": 63}
_QUANTITY = "KMGTPE"
"""What only the pattern of a quantity names; other int-or-string fields are ports and the like."""
_EXPONENT_FRACTION = re.compile(r"[eE][+-]?[0-9]*\.")


def unknown_fields(node: Node, schema: Schema, path: Path = ()) -> Iterator[Violation]:
    """Yield every field that `schema` does not declare, in document order."""
    if isinstance(node, Mapping):
        for entry in node:
            here = (*path, entry.key)
            child = schema.properties.get(entry.key) or schema.additional
            if child is not None:
                yield from unknown_fields(entry.value, child, here)
            elif not schema.preserves_unknown:
                suggestion = nearest(entry.key, schema.properties)
                yield Violation(here, entry.mark, UNKNOWN, "", suggestion)
    elif isinstance(node, Sequence) and schema.items is not None:
        for index, item in enumerate(node):
            yield from unknown_fields(item, schema.items, (*path, index))


def too_wide(node: Node, schema: Schema, path: Path = ()) -> Iterator[Violation]:
    """Yield every number that the operator's types cannot hold, and every quantity that is none."""
    if isinstance(node, Mapping):
        for entry in node:
            child = schema.properties.get(entry.key) or schema.additional
            if child is not None:
                yield from too_wide(entry.value, child, (*path, entry.key))
    elif isinstance(node, Sequence):
        if schema.items is not None:
            for index, item in enumerate(node):
                yield from too_wide(item, schema.items, (*path, index))
    elif (text := _too_wide(node, schema)) is not None:
        yield Violation(path, node.mark, INVALID, text)


def is_quantity(schema: Schema) -> bool:
    """Whether a value is a quantity; other values that may be texts or numbers are ports."""
    return schema.int_or_string and _QUANTITY in (schema.pattern_text or "")


def _too_wide(node: Scalar, schema: Schema) -> str | None:
    value = node.value
    if isinstance(value, bool):
        return None
    kind = "int32" if schema.int_or_string and not is_quantity(schema) else schema.format or ""
    bits = _INT_BITS.get(kind)
    if isinstance(value, int) and bits is not None and not -(2**bits) <= value < 2**bits:
        return f"{value} does not fit {kind}"
    if is_quantity(schema) and isinstance(value, str) and parse_quantity(value) is None:
        return f'"{value}" is no quantity; write it like 500m, 2, 16Gi or 1e3'
    return None


def wrong_types(node: Node, schema: Schema, path: Path = ()) -> Iterator[Violation]:
    """Yield values of another kind than declared, without judging the values themselves."""
    from dynamo_conformance.api.schema_validation import type_violation

    if is_null(node):
        return
    if (wrong := type_violation(node, schema, path)) is not None:
        yield wrong
    elif isinstance(node, Mapping):
        for entry in node:
            child = schema.properties.get(entry.key) or schema.additional
            if child is not None:
                yield from wrong_types(entry.value, child, (*path, entry.key))
    elif isinstance(node, Sequence) and schema.items is not None:
        for index, item in enumerate(node):
            yield from wrong_types(item, schema.items, (*path, index))
