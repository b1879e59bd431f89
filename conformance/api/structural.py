"""Structural validation: nodes against a schema, in the API server's words.

Each violation names the path, the place where it was written, and the nearest right word.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from conformance.api.schema import LIST_MAP, LIST_SET
from conformance.manifest.node import Mapping, Mark, Node, Path, Scalar, Sequence, path_text
from conformance.manifest.suggest import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.api.schema import Schema

UNKNOWN = "unknown field"
REQUIRED = "Required value"
INVALID = "Invalid value"
UNSUPPORTED = "Unsupported value"
DUPLICATE = "Duplicate value"
TOO_MANY = "Too many"
TOO_LONG = "Too long"

_INT_BITS = {"int32": 31, "int64": 63}


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that the schema does not allow.

    Attributes:
        path: The field, from the root of the object.
        mark: Where it was written: the key for an unknown field, else the value.
        kind: The API server's class of error (`Required value`, ...).
        text: What is wrong.
        suggestion: The nearest right word, or None.
    """

    path: Path
    mark: Mark
    kind: str
    text: str
    suggestion: str | None = None

    @property
    def message(self) -> str:
        """The whole message: path, kind, text and what to write instead."""
        hint = f'; did you mean "{self.suggestion}"?' if self.suggestion else ""
        if self.kind == UNKNOWN:
            return f'{UNKNOWN} "{path_text(self.path)}"{hint}'
        return f"{path_text(self.path)}: {self.kind}: {self.text}{hint}"


def violations(node: Node, schema: Schema, path: Path = ()) -> Iterator[Violation]:
    """Yield everything in `node` that `schema` does not allow, in document order."""
    if isinstance(node, Scalar) and node.value is None:
        return  # The API server takes null as the field left out, nullable or not.
    if schema.int_or_string:
        yield from _int_or_string(node, schema, path)
        return
    if not _is_type(node, schema.type):
        text = f"must be {_article(schema)}, not {_kind_of(node)}{_quote_hint(node, schema)}"
        yield Violation(path, node.mark, INVALID, text)
        return
    if isinstance(node, Mapping):
        yield from _mapping(node, schema, path)
    elif isinstance(node, Sequence):
        yield from _sequence(node, schema, path)
    else:
        yield from _scalar(node, schema, path)


def _mapping(node: Mapping, schema: Schema, path: Path) -> Iterator[Violation]:
    for entry in node:
        here = (*path, entry.key)
        child = schema.properties.get(entry.key) or schema.additional
        if child is not None:
            yield from violations(entry.value, child, here)
        elif not schema.preserves_unknown:
            suggestion = nearest(entry.key, schema.properties)
            yield Violation(here, entry.mark, UNKNOWN, "", suggestion)
    for name in schema.required:
        child = schema.properties.get(name)
        if name not in node and not (child is not None and child.has_default):
            yield Violation((*path, name), node.mark, REQUIRED, "is missing")
    most = schema.limit("maxProperties")
    if most is not None and len(node) > most:
        yield Violation(path, node.mark, TOO_MANY, f"{len(node)} entries; at most {most:g}")


def _sequence(node: Sequence, schema: Schema, path: Path) -> Iterator[Violation]:
    if schema.items is not None:
        for index, item in enumerate(node):
            yield from violations(item, schema.items, (*path, index))
    for name, short, word in (("maxItems", False, "most"), ("minItems", True, "least")):
        bound = schema.limit(name)
        if bound is not None and (len(node) < bound if short else len(node) > bound):
            yield Violation(path, node.mark, TOO_MANY, f"{len(node)} items; at {word} {bound:g}")
    if schema.list_type in (LIST_MAP, LIST_SET):
        yield from _duplicates(node, schema, path)


def _duplicates(node: Sequence, schema: Schema, path: Path) -> Iterator[Violation]:
    seen: dict[str, Mark] = {}
    for index, item in enumerate(node):
        identity = _identity(item, schema)
        if identity is None:
            continue
        if identity in seen:
            text = f"{identity} (first in line {seen[identity].line})"
            yield Violation((*path, index), item.mark, DUPLICATE, text)
        seen.setdefault(identity, item.mark)


def _identity(item: Node, schema: Schema) -> str | None:
    """Return what must be unique of a list item: the item of a set, the keys of a list-map."""
    if schema.list_type == LIST_SET:
        return json.dumps(item.plain(), sort_keys=True)
    if not isinstance(item, Mapping):
        return None
    keys = {}
    for key in schema.list_keys:
        value = item.get(key)
        child = schema.items.properties.get(key) if schema.items is not None else None
        keys[key] = value.plain() if value is not None else child.default if child else None
    return json.dumps(keys)


def _scalar(node: Scalar, schema: Schema, path: Path) -> Iterator[Violation]:
    value = node.value
    if schema.enum and str(value) not in schema.enum:
        allowed = ", ".join(f'"{one}"' for one in schema.enum)
        suggestion = nearest(str(value), schema.enum)
        text = f'"{value}"; supported values: {allowed}'
        yield Violation(path, node.mark, UNSUPPORTED, text, suggestion)
    if isinstance(value, str):
        yield from _string(value, node, schema, path)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield from _number(value, node, schema, path)


def _string(value: str, node: Scalar, schema: Schema, path: Path) -> Iterator[Violation]:
    if schema.pattern is not None and not schema.pattern.search(value):
        text = f'"{value}" does not match {schema.pattern.pattern}'
        yield Violation(path, node.mark, INVALID, text)
    longest, shortest = schema.limit("maxLength"), schema.limit("minLength")
    if longest is not None and len(value) > longest:
        text = f"{len(value)} characters; at most {longest:g}"
        yield Violation(path, node.mark, TOO_LONG, text)
    if shortest is not None and len(value) < shortest:
        text = f'"{value}" should be at least {shortest:g} characters long'
        yield Violation(path, node.mark, INVALID, text)


def _number(value: float, node: Scalar, schema: Schema, path: Path) -> Iterator[Violation]:
    least, most = schema.limit("minimum"), schema.limit("maximum")
    if least is not None and value < least:
        text = f"{value} should be greater than or equal to {least:g}"
        yield Violation(path, node.mark, INVALID, text)
    if most is not None and value > most:
        text = f"{value} should be less than or equal to {most:g}"
        yield Violation(path, node.mark, INVALID, text)
    bits = _INT_BITS.get(schema.format or "")
    if bits is not None and not -(2**bits) <= value < 2**bits:
        yield Violation(path, node.mark, INVALID, f"{value} does not fit {schema.format}")


def _int_or_string(node: Node, schema: Schema, path: Path) -> Iterator[Violation]:
    value = node.value if isinstance(node, Scalar) else None
    if isinstance(value, bool) or not isinstance(value, int | str):
        text = f"must be an integer or a string, not {_kind_of(node)}"
        yield Violation(path, node.mark, INVALID, text)
    elif isinstance(node, Scalar):
        yield from _scalar(node, schema, path)


def _is_type(node: Node, wanted: str | None) -> bool:
    if wanted is None:
        return True
    if isinstance(node, Mapping):
        return wanted == "object"
    if isinstance(node, Sequence):
        return wanted == "array"
    value = node.value
    if isinstance(value, bool):
        return wanted == "boolean"
    if isinstance(value, str):
        return wanted == "string"
    if isinstance(value, int):
        return wanted in ("integer", "number")
    # 1.0 is an integer to JSON, and so to the API server.
    return wanted == "number" or (wanted == "integer" and float(value or 0).is_integer())


def _kind_of(node: Node) -> str:
    if isinstance(node, Mapping):
        return "an object"
    if isinstance(node, Sequence):
        return "a list"
    if isinstance(node.value, bool):
        return f"the boolean {node.text}"
    if isinstance(node.value, str):
        return f'the string "{node.value}"'
    return f"the number {node.text or node.value}"


def _article(schema: Schema) -> str:
    words = {"object": "an object", "array": "a list", "integer": "an integer"}
    return words.get(schema.type or "", f"a {schema.type or 'value'}")


def _quote_hint(node: Node, schema: Schema) -> str:
    """Say how to make a number or boolean the string that the schema wants."""
    if schema.type == "string" and isinstance(node, Scalar):
        return f'; write "{node.text}" in quotes'
    if schema.type == "integer" and isinstance(node, Scalar) and str(node.value).isdecimal():
        return f"; write {node.value} without quotes"
    return ""
