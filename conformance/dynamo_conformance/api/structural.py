"""Structural validation: an object against a schema, as the API server does it.

It looks at the object after strict decoding and defaults. Each violation names the path, the place
where it was written, and the nearest right word.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from dynamo_conformance.api import formats
from dynamo_conformance.api.schema import LIST_MAP, LIST_SET
from dynamo_conformance.api.violation import (
    DUPLICATE,
    INVALID,
    REQUIRED,
    TOO_LONG,
    TOO_MANY,
    UNSUPPORTED,
    Violation,
)
from dynamo_conformance.manifest.fields import is_null
from dynamo_conformance.manifest.node import Mapping, Mark, Node, Path, Scalar, Sequence
from dynamo_conformance.manifest.suggest import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.api.schema import Schema


_INT64 = 1 << 63


def violations(node: Node, schema: Schema, path: Path = ()) -> Iterator[Violation]:
    """Yield everything in `node` that `schema` does not allow, in document order."""
    if (wrong := type_violation(node, schema, path)) is not None:
        yield wrong
        return
    if isinstance(node, Mapping):
        yield from _mapping(node, schema, path)
    elif isinstance(node, Sequence):
        yield from _sequence(node, schema, path)
    else:
        yield from _scalar(node, schema, path)
    if schema.junctors or schema.excluded is not None:
        yield from _junctors(node, schema, path)


def type_violation(node: Node, schema: Schema, path: Path) -> Violation | None:
    """Return what is wrong with the kind of value that `node` is, or None."""
    if is_null(node):
        if schema.nullable or (schema.type is None and not schema.int_or_string):
            return None
        return Violation(path, node.mark, INVALID, f"must be {_article(schema)}, not null")
    if schema.int_or_string:
        if _is_type(node, "integer") or _is_type(node, "string"):
            return None
        text = f"must be an integer or a string, not {_kind_of(node)}"
        return Violation(path, node.mark, INVALID, text)
    if _is_type(node, schema.type):
        return None
    text = f"must be {_article(schema)}, not {_kind_of(node)}{_quote_hint(node, schema)}"
    return Violation(path, node.mark, INVALID, text)


def _mapping(node: Mapping, schema: Schema, path: Path) -> Iterator[Violation]:
    for entry in node:
        child = schema.properties.get(entry.key) or schema.additional
        if child is not None:
            yield from violations(entry.value, child, (*path, entry.key))
    for name in schema.required:
        if name not in node:
            yield Violation((*path, name), node.mark, REQUIRED, "is missing")
    yield from _count(node, schema, path, most="maxProperties", least="minProperties")


def _sequence(node: Sequence, schema: Schema, path: Path) -> Iterator[Violation]:
    if schema.items is not None:
        for index, item in enumerate(node):
            yield from violations(item, schema.items, (*path, index))
    yield from _count(node, schema, path, most="maxItems", least="minItems")
    if schema.list_type in (LIST_MAP, LIST_SET):
        yield from _duplicates(node, schema, path)


def _count(
    node: Mapping | Sequence, schema: Schema, path: Path, *, most: str, least: str
) -> Iterator[Violation]:
    if not schema.limits:
        return
    count = len(node)
    text = f"{count} {'entries' if isinstance(node, Mapping) else 'items'}"
    if count > (bound := schema.limits.get(most, count)):
        yield Violation(path, node.mark, TOO_MANY, f"{text}; at most {bound:g}")
    if count < (bound := schema.limits.get(least, count)):
        yield Violation(path, node.mark, TOO_MANY, f"{text}; at least {bound:g}")


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
    found = {key: value for key in schema.list_keys if (value := item.get(key)) is not None}
    return json.dumps({key: value.plain() for key, value in found.items()})


def _scalar(node: Scalar, schema: Schema, path: Path) -> Iterator[Violation]:
    value = node.value
    if schema.enum and value not in schema.enum:
        allowed = ", ".join(f'"{one}"' for one in schema.enum)
        suggestion = nearest(str(value), [str(one) for one in schema.enum])
        text = f'"{value}"; supported values: {allowed}'
        yield Violation(path, node.mark, UNSUPPORTED, text, suggestion)
    if isinstance(value, str):
        yield from _string(value, node, schema, path)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield from _number(value, node, schema, path)


def _string(value: str, node: Scalar, schema: Schema, path: Path) -> Iterator[Violation]:
    if schema.pattern is not None and not schema.pattern.search(value):
        text = f'"{value}" does not match {schema.pattern_text}'
        yield Violation(path, node.mark, INVALID, text)
    longest, shortest = schema.limits.get("maxLength"), schema.limits.get("minLength")
    if longest is not None and len(value) > longest:
        text = f"{len(value)} characters; at most {longest:g}"
        yield Violation(path, node.mark, TOO_LONG, text)
    if shortest is not None and len(value) < shortest:
        text = f'"{value}" should be at least {shortest:g} characters long'
        yield Violation(path, node.mark, INVALID, text)
    if schema.format is not None and not formats.matches(value, schema.format):
        yield Violation(path, node.mark, INVALID, f'"{value}" is no {schema.format}')


def _number(value: float, node: Scalar, schema: Schema, path: Path) -> Iterator[Violation]:
    least, most = schema.limits.get("minimum"), schema.limits.get("maximum")
    if least is not None:
        beyond = schema.raw.get("exclusiveMinimum") is True
        if value < least or (beyond and value == least):
            text = f"{value} should be greater than {'' if beyond else 'or equal to '}{least:g}"
            yield Violation(path, node.mark, INVALID, text)
    if most is not None:
        beyond = schema.raw.get("exclusiveMaximum") is True
        if value > most or (beyond and value == most):
            text = f"{value} should be less than {'' if beyond else 'or equal to '}{most:g}"
            yield Violation(path, node.mark, INVALID, text)
    step = schema.limits.get("multipleOf")
    if step and value % step:
        yield Violation(path, node.mark, INVALID, f"{value} should be a multiple of {step:g}")


def _junctors(node: Node, schema: Schema, path: Path) -> Iterator[Violation]:
    """Yield what `allOf`, `anyOf`, `oneOf` and `not` do not allow."""
    for one in schema.junctors.get("allOf", ()):
        yield from violations(node, one, path)
    if not schema.int_or_string:  # Its anyOf says no more than the extension does.
        for junctor, words in (("anyOf", "at least one"), ("oneOf", "exactly one")):
            options = schema.junctors.get(junctor, ())
            fitting = sum(not any(violations(node, one, path)) for one in options)
            if options and (fitting == 0 or (junctor == "oneOf" and fitting > 1)):
                text = f"must validate {words} schema ({junctor})"
                yield Violation(path, node.mark, INVALID, text)
    if schema.excluded is not None and not any(violations(node, schema.excluded, path)):
        yield Violation(path, node.mark, INVALID, "must not validate the schema (not)")


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
    # JSON's 2.0 is a whole number too; one that 64 bits do not hold is none.
    number = value or 0
    is_whole = -_INT64 <= number < _INT64 and number == int(number)
    return wanted == "number" or (wanted == "integer" and is_whole)


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
    if schema.int_or_string:
        return "an integer or a string"
    words = {"object": "an object", "array": "a list", "integer": "an integer"}
    return words.get(schema.type or "", f"a {schema.type or 'value'}")


def _quote_hint(node: Node, schema: Schema) -> str:
    """Say how to make a number or boolean the string that the schema wants."""
    if schema.type == "string" and isinstance(node, Scalar):
        return f'; write "{node.text}" in quotes'
    if schema.type == "integer" and isinstance(node, Scalar) and str(node.value).isdecimal():
        return f"; write {node.value} without quotes"
    return ""
