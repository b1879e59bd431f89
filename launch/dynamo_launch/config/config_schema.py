"""The published JSON Schema of config files, and what to write instead of what does not fit it.

The walk is `manifest.jsonschema`, which lint checks manifests with. The reference implementation
agrees (a test holds the two together), but takes longer to import than all of `dynamo deploy` takes
to run, and reports neither lines nor what to write instead.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dynamo_conformance.manifest.jsonschema import JsonSchema, mismatches
from dynamo_conformance.manifest.node import Mapping, Scalar
from dynamo_conformance.manifest.suggest import did_you_mean
from dynamo_launch.config.keys import unknown_key
from dynamo_launch.config.spelling import corrected
from dynamo_launch.errors import Place

if TYPE_CHECKING:
    from dynamo_conformance.manifest.jsonschema import JsonObject, Mismatch
    from dynamo_conformance.manifest.node import Node
    from dynamo_launch.config.config_error import ConfigErrors

FILE: Final = Path(__file__).parent / "data" / "config.schema.json"

_TYPES: Final = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
}


@cache
def published() -> JsonObject:
    """Return the schema."""
    schema: JsonObject = json.loads(FILE.read_text(encoding="utf-8"))
    return schema


def check(root: Mapping, *, file: str, errors: ConfigErrors) -> None:
    """Add an error for everything in a file that the schema does not allow."""
    for wrong in mismatches(root, JsonSchema(published())):
        errors.error(Place(file, wrong.mark), _text(wrong))


def _text(wrong: Mismatch) -> str:
    """Return what is wrong, and what to write instead."""
    node, schema = wrong.node, wrong.schema
    keys = [step for step in wrong.path if isinstance(step, str)]
    label = "a name" if wrong.is_key else keys[-1] if keys else ""
    title = schema.text("title") or ""
    if wrong.keyword == "required":
        return f"{title} without {label}; give it one"
    if wrong.keyword == "additionalProperties" and isinstance(node, Mapping):
        return unknown_key(node.entries[label], tuple(schema.properties), title)
    if wrong.keyword == "minItems":
        return schema.text("errorMessage") or ""
    if wrong.keyword == "type":
        return _wrong_type(node, schema, label)
    if wrong.keyword == "enum":
        return _not_listed(node, schema, label)
    text = _spelling(node)
    right = corrected(text, schema.pattern) if schema.pattern is not None else None
    if wrong.keyword == "pattern":
        hint = f'; write "{right}"' if right is not None else ""
        return f'{label} is "{text}", but {schema.text("patternErrorMessage")}{hint}'
    if wrong.keyword == "minimum" and right is not None:
        return f'{label} is {text}, and no unit is bytes; write "{right}"'
    most = "most" if wrong.keyword == "maximum" else "least"
    return f"{label} is {text}; it is {schema.raw[wrong.keyword]} at {most}"


def _spelling(node: Node) -> str:
    if not isinstance(node, Scalar):
        return ""
    return node.value if isinstance(node.value, str) else node.text


def _wrong_type(node: Node, schema: JsonSchema, label: str) -> str:
    types = " or ".join(_TYPES[name] for name in schema.types if name in _TYPES)
    message = schema.text("errorMessage")
    if not isinstance(node, Scalar):
        return message or f"{label} takes {types}"
    value = f'"{node.value}"' if isinstance(node.value, str) else node.text or "empty"
    return f"{label} is {value}; {message or f'write {types}'}"


def _not_listed(node: Node, schema: JsonSchema, label: str) -> str:
    known = list(dict.fromkeys(map(str, schema.enum)))
    if not isinstance(node, Scalar):
        return f"{label} is one of: {', '.join(map(str, schema.enum))}"
    hint = did_you_mean(node.text, known) or f"; there are: {', '.join(known)}"
    return f'{label} is "{node.text}"{hint}'
