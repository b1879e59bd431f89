"""The published JSON Schema of config files, and checking a file against it.

Only what the schema uses of JSON Schema is known here. The reference implementation agrees (a test
holds the two together), but takes longer to import than all of `dynamo deploy` takes to run, and
tells neither lines nor what to write instead.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dynamo_conformance.manifest.node import Mapping, Mark, Scalar, Sequence
from dynamo_conformance.manifest.suggest import did_you_mean
from dynamo_launch.config.keys import unknown_key
from dynamo_launch.config.spelling import corrected, matches
from dynamo_launch.errors import Place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.manifest.node import Entry, Node, Plain
    from dynamo_launch.config.config_error import ConfigErrors

FILE: Final = Path(__file__).parent / "data" / "config.schema.json"

Rules = dict[str, "Plain"]

_WANTED: Final = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
}


@cache
def published() -> Rules:
    """Return the schema."""
    rules: Rules = json.loads(FILE.read_text(encoding="utf-8"))
    return rules


def check(root: Mapping, *, file: str, errors: ConfigErrors) -> None:
    """Add an error for everything in a file that the schema does not allow."""
    for mark, text in _Checker(published()).check(root, published(), ""):
        errors.error(Place(file, mark), text)


class _Checker:
    """Walks a file and the schema side by side."""

    def __init__(self, schema: Rules) -> None:
        self._definitions = _rules(schema.get("definitions"))

    def check(self, node: Node, rules: Rules, label: str) -> Iterator[tuple[Mark, str]]:
        """Yield where and what for each thing that `rules` do not allow."""
        reference = rules.get("$ref")
        if isinstance(reference, str):
            rules = _rules(self._definitions[reference.rpartition("/")[2]])
        if "type" in rules and not _types_of(node) & set(_texts(rules["type"])):
            yield node.mark, _wrong_type(node, rules, label)
        elif "enum" in rules and node.plain() not in _items(rules["enum"]):
            yield node.mark, _not_listed(node, _items(rules["enum"]), label)
        elif isinstance(node, Mapping):
            yield from self._mapping(node, rules)
        elif isinstance(node, Sequence):
            yield from self._sequence(node, rules, label)
        else:
            yield from _scalar(node, rules, label)

    def _mapping(self, node: Mapping, rules: Rules) -> Iterator[tuple[Mark, str]]:
        title = str(rules.get("title", ""))
        for name in _items(rules.get("required")):
            if name not in node:
                yield node.mark, f"{title} without {name}; give it one"
        for entry in node:
            if "propertyNames" in rules:
                key = Scalar(entry.key, entry.mark, entry.key)
                yield from _scalar(key, _rules(rules["propertyNames"]), "a name")
            inner = self._rules_of(entry, rules)
            if inner is None:
                known = _rules(rules.get("properties"))
                yield entry.mark, unknown_key(entry, tuple(known), title)
            else:
                yield from self.check(entry.value, inner, entry.key)

    def _rules_of(self, entry: Entry, rules: Rules) -> Rules | None:
        """Return the rules for what stands under a key, or None where it is not allowed."""
        known = _rules(rules.get("properties"))
        if entry.key in known:
            return _rules(known[entry.key])
        for pattern, inner in _rules(rules.get("patternProperties")).items():
            if matches(pattern, entry.key):
                return _rules(inner)
        others = rules.get("additionalProperties", {})
        return None if others is False else _rules(others)

    def _sequence(self, node: Sequence, rules: Rules, label: str) -> Iterator[tuple[Mark, str]]:
        least = rules.get("minItems")
        if isinstance(least, int) and len(node) < least:
            yield node.mark, str(rules["errorMessage"])
        for item in node:
            yield from self.check(item, _rules(rules.get("items")), label)


def _scalar(node: Scalar, rules: Rules, label: str) -> Iterator[tuple[Mark, str]]:
    value = node.value
    if isinstance(value, str) and "pattern" in rules:
        pattern = str(rules["pattern"])
        if not matches(pattern, value):
            right = corrected(value, pattern)
            hint = f'; write "{right}"' if right is not None else ""
            yield node.mark, f'{label} is "{value}", but {rules["patternErrorMessage"]}{hint}'
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield from _number(node, value, rules, label)


def _number(node: Scalar, value: float, rules: Rules, label: str) -> Iterator[tuple[Mark, str]]:
    least, most = rules.get("minimum"), rules.get("maximum")
    if isinstance(least, int | float) and value < least:
        right = corrected(node.text, str(rules["pattern"])) if "pattern" in rules else None
        if right is not None:
            yield node.mark, f'{label} is {node.text}, and no unit is bytes; write "{right}"'
        else:
            yield node.mark, f"{label} is {node.text}; it is {least} at least"
    elif isinstance(most, int | float) and value > most:
        yield node.mark, f"{label} is {node.text}; it is {most} at most"


def _wrong_type(node: Node, rules: Rules, label: str) -> str:
    wanted = [_WANTED[name] for name in _texts(rules["type"]) if name in _WANTED]
    said = rules.get("errorMessage")
    if not isinstance(node, Scalar):
        return str(said) if said is not None else f"{label} takes {' or '.join(wanted)}"
    shown = f'"{node.value}"' if isinstance(node.value, str) else node.text or "empty"
    return (
        f"{label} is {shown}; {said}"
        if said is not None
        else (f"{label} is {shown}; write {' or '.join(wanted)}")
    )


def _not_listed(node: Node, allowed: list[Plain], label: str) -> str:
    if not isinstance(node, Scalar):
        return f"{label} is one of: {', '.join(map(str, allowed))}"
    known = list(dict.fromkeys(str(one) for one in allowed))
    hint = did_you_mean(node.text, known) or f"; there are: {', '.join(known)}"
    return f'{label} is "{node.text}"{hint}'


def _types_of(node: Node) -> set[str]:
    if isinstance(node, Mapping):
        return {"object"}
    if isinstance(node, Sequence):
        return {"array"}
    value = node.value
    if value is None:
        return {"null"}
    if isinstance(value, bool):
        return {"boolean"}
    if isinstance(value, str):
        return {"string"}
    whole = isinstance(value, int) or value.is_integer()
    return {"integer", "number"} if whole else {"number"}


def _rules(value: Plain) -> Rules:
    return value if isinstance(value, dict) else {}


def _items(value: Plain) -> list[Plain]:
    return value if isinstance(value, list) else []


def _texts(value: Plain) -> list[str]:
    return [value] if isinstance(value, str) else [str(one) for one in _items(value)]
