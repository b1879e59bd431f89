"""Structural validation: an object against a schema, as the API server does it.

It looks at the object after strict decoding and defaults. Each violation names the path, the place
where it was written, and the nearest right word.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dynamo_conformance.api.schema import INT_OR_STRING, LIST_TYPE
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
from dynamo_conformance.manifest.jsonschema import Mismatch, mismatches
from dynamo_conformance.manifest.node import Mapping, Node, Path, Scalar, Sequence
from dynamo_conformance.manifest.suggest import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.api.schema import Schema
    from dynamo_conformance.manifest.jsonschema import JsonSchema

_KINDS: Final = {
    "required": REQUIRED,
    "enum": UNSUPPORTED,
    "maxLength": TOO_LONG,
    LIST_TYPE: DUPLICATE,
    **dict.fromkeys(("maxItems", "minItems", "maxProperties", "minProperties"), TOO_MANY),
}
_TEXTS: Final = {
    "required": "is missing",
    "enum": '"{value}"; supported values: {allowed}',
    "pattern": '"{value}" does not match {schema.pattern_text}',
    "format": '"{value}" is no {schema.format}',
    "minLength": '"{value}" should be at least {limit:g} characters long',
    "minimum": "{value} should be greater than {equal}{limit:g}",
    "maximum": "{value} should be less than {equal}{limit:g}",
    "multipleOf": "{value} should be a multiple of {limit:g}",
    **dict.fromkeys(("maxLength", "maxItems", "maxProperties"), "{size}; at most {limit:g}"),
    **dict.fromkeys(("minItems", "minProperties"), "{size}; at least {limit:g}"),
    "anyOf": "must validate at least one schema (anyOf)",
    "oneOf": "must validate exactly one schema (oneOf)",
    "not": "must not validate the schema (not)",
    LIST_TYPE: "{detail}",
}


def violations(node: Node, schema: Schema, path: Path = ()) -> Iterator[Violation]:
    """Yield everything in `node` that `schema` does not allow, in document order."""
    return map(_violation, mismatches(node, schema, path))


def type_violation(node: Node, schema: Schema, path: Path) -> Violation | None:
    """Return what is wrong with the kind of value that `node` is, or None."""
    if schema.takes(node):
        return None
    return _violation(Mismatch("type", path, node, schema, node.mark))


def _violation(wrong: Mismatch) -> Violation:
    suggestion = None
    if wrong.keyword == "enum":
        suggestion = nearest(_shown(wrong.node), [str(value) for value in wrong.schema.enum])
    kind = _KINDS.get(wrong.keyword, INVALID)
    return Violation(wrong.path, wrong.mark, kind, _text(wrong), suggestion)


def _text(wrong: Mismatch) -> str:
    node, schema, keyword = wrong.node, wrong.schema, wrong.keyword
    if keyword == "type":
        return f"must be {_article(schema)}, not {_kind_of(node)}{_quote_hint(node, schema)}"
    exclusive = schema.raw.get(f"exclusive{keyword.capitalize()}") is True
    return _TEXTS[keyword].format(
        value=_shown(node),
        schema=schema,
        limit=schema.limits.get(keyword, 0),
        size=_size(node),
        allowed=", ".join(f'"{value}"' for value in schema.enum),
        equal="" if exclusive else "or equal to ",
        detail=wrong.detail,
    )


def _shown(node: Node) -> str:
    return str(node.value if isinstance(node, Scalar) else node.plain())


def _size(node: Node) -> str:
    if isinstance(node, Mapping):
        return f"{len(node)} entries"
    return f"{len(node)} items" if isinstance(node, Sequence) else f"{len(_shown(node))} characters"


def _kind_of(node: Node) -> str:
    if is_null(node):
        return "null"
    if isinstance(node, Mapping):
        return "an object"
    if isinstance(node, Sequence):
        return "a list"
    if isinstance(node.value, bool):
        return f"the boolean {node.text}"
    if isinstance(node.value, str):
        return f'the string "{node.value}"'
    return f"the number {node.text or node.value}"


def _article(schema: JsonSchema) -> str:
    if schema.raw.get(INT_OR_STRING) is True:
        return "an integer or a string"
    words = {"object": "an object", "array": "a list", "integer": "an integer"}
    kind = schema.text("type")
    return words.get(kind or "", f"a {kind or 'value'}")


def _quote_hint(node: Node, schema: JsonSchema) -> str:
    """Return how to make a number or boolean the string that the schema wants, or nothing."""
    if not isinstance(node, Scalar) or is_null(node) or schema.raw.get(INT_OR_STRING) is True:
        return ""
    if schema.text("type") == "string":
        return f'; write "{node.text}" in quotes'
    if schema.text("type") == "integer" and str(node.value).isdecimal():
        return f"; write {node.value} without quotes"
    return ""
