"""JSON Schema over the nodes of a file: what does not fit a schema, and where it was written.

The schemas of CustomResourceDefinitions (`api/schema.py`) and of config files are checked by this
one walk. It knows keywords, not words: who asks makes the message of each `Mismatch`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Final, TypeAlias, cast

from dynamo_conformance.manifest.node import Mapping, Scalar, Sequence

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

    from dynamo_conformance.manifest.node import Mark, Node, Path, Plain

JsonObject: TypeAlias = "dict[str, Plain]"

_JUNCTORS: Final = ("allOf", "anyOf", "oneOf")
_LIMITS: Final = (
    *("minimum", "maximum", "multipleOf"),
    *("minLength", "maxLength"),
    *("minItems", "maxItems"),
    *("minProperties", "maxProperties"),
)


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One thing that a schema does not allow.

    Attributes:
        keyword: The keyword of the schema that does not allow it: `type`, `required`, `pattern`,
            `additionalProperties` (a key that is not known), ...
        path: Where it stands, from the node that was checked.
        node: The value; the mapping for `required` and `additionalProperties`, and for a name that
            `propertyNames` does not allow that name.
        schema: The schema that has the keyword.
        mark: Where it was written: the key for `additionalProperties`, else the value.
        is_key: Whether it is a key and no value (`propertyNames`).
        detail: What an extension (`JsonSchema.extension`) says more.
    """

    keyword: str
    path: Path
    node: Node
    schema: JsonSchema
    mark: Mark
    is_key: bool = False
    detail: str = ""


class JsonSchema:
    """One node of a schema.

    Children are made when they are first asked for: a manifest touches a small part of the 3,500
    nodes of the DynamoGraphDeployment schema. A reference (`$ref`) to the definitions of the root
    is followed at once.
    """

    pattern_flags: ClassVar = re.RegexFlag(0)

    def __init__(self, raw: JsonObject, definitions: JsonObject | None = None) -> None:
        self._definitions = definitions or cast("JsonObject", raw.get("definitions") or {})
        reference = raw.get("$ref")
        if isinstance(reference, str):
            raw = cast("JsonObject", self._definitions[reference.rpartition("/")[2]])
        self.raw = raw

    @cached_property
    def types(self) -> tuple[str, ...]:
        """`object`, `array`, `string`, `integer`, `number`, `boolean`, `null`; empty for any."""
        raw = self.raw.get("type")
        return (raw,) if isinstance(raw, str) else tuple(cast("list[str]", raw or ()))

    @cached_property
    def properties(self) -> dict[str, Self]:
        """The declared fields of an object."""
        raw = cast("dict[str, JsonObject]", self.raw.get("properties") or {})
        return {name: self._made(child) for name, child in raw.items()}

    @cached_property
    def additional(self) -> Self | None:
        """The schema of the other values of an object, or None when there is none."""
        return self._child("additionalProperties")

    @cached_property
    def is_closed(self) -> bool:
        """Whether no fields but those that are declared are allowed."""
        return self.raw.get("additionalProperties") is False

    @cached_property
    def names(self) -> Self | None:
        """The schema of the keys of an object."""
        return self._child("propertyNames")

    @cached_property
    def items(self) -> Self | None:
        """The schema of a list's items."""
        return self._child("items")

    @cached_property
    def excluded(self) -> Self | None:
        """The schema below `not`, or None."""
        return self._child("not")

    @cached_property
    def junctors(self) -> dict[str, tuple[Self, ...]]:
        """The schemas below `allOf`, `anyOf` and `oneOf`, as far as there are any."""
        return {
            name: tuple(map(self._made, cast("list[JsonObject]", self.raw[name])))
            for name in _JUNCTORS
            if self.raw.get(name)
        }

    @cached_property
    def required(self) -> tuple[str, ...]:
        """Fields that must be there, unless they have a default."""
        return tuple(cast("list[str]", self.raw.get("required") or []))

    @cached_property
    def enum(self) -> tuple[Plain, ...]:
        """The allowed values; empty when any is."""
        return tuple(cast("list[Plain]", self.raw.get("enum") or []))

    @cached_property
    def pattern_text(self) -> str | None:
        """What a string must contain, as the schema writes it."""
        return self.text("pattern")

    @cached_property
    def pattern(self) -> re.Pattern[str] | None:
        """What a string must contain, as a search (not an anchored match)."""
        return None if self.pattern_text is None else self._compiled(self.pattern_text)

    @cached_property
    def limits(self) -> dict[str, float]:
        """The numeric limits (`minimum`, `maxLength`, ...) that there are."""
        limits = ((name, self.raw.get(name)) for name in _LIMITS)
        return {
            name: raw
            for name, raw in limits
            if isinstance(raw, int | float) and not isinstance(raw, bool)
        }

    def text(self, keyword: str) -> str | None:
        """Return the text of a keyword, or None when there is none."""
        raw = self.raw.get(keyword)
        return raw if isinstance(raw, str) else None

    def child(self, key: str) -> Self | None:
        """Return the schema of the value under a key, or None when nothing is declared for it."""
        declared = self.properties.get(key)
        if declared is not None:
            return declared
        patterned = (child for pattern, child in self._patterned if pattern.search(key))
        return next(patterned, None) or self.additional

    def takes(self, node: Node) -> bool:
        """Whether the type of a node is one of `types`."""
        return not self.types or any(is_type(node, name) for name in self.types)

    @cached_property
    def extends(self) -> bool:
        """Whether `extension` is to be asked."""
        return False

    def extension(self, node: Node, path: Path) -> Iterator[Mismatch]:
        """Yield what does not fit a keyword that only a dialect of JSON Schema has."""
        raise NotImplementedError

    @cached_property
    def _patterned(self) -> tuple[tuple[re.Pattern[str], Self], ...]:
        raw = cast("dict[str, JsonObject]", self.raw.get("patternProperties") or {})
        return tuple((self._compiled(key), self._made(child)) for key, child in raw.items())

    def _compiled(self, pattern: str) -> re.Pattern[str]:
        # The `$` of a schema is the end of the text; Python's also stands before a last line break.
        return re.compile(re.sub(r"(?<!\\)\$", r"\\Z", pattern), self.pattern_flags)

    def _child(self, keyword: str) -> Self | None:
        raw = self.raw.get(keyword)
        return self._made(raw) if isinstance(raw, dict) else None

    def _made(self, raw: JsonObject) -> Self:
        return type(self)(raw, self._definitions)


def mismatches(node: Node, schema: JsonSchema, path: Path = ()) -> Iterator[Mismatch]:
    """Yield everything in `node` that `schema` does not allow, in document order.

    A value of another type is looked at no further.
    """
    if not schema.takes(node):
        yield Mismatch("type", path, node, schema, node.mark)
        return
    if schema.enum and node.plain() not in schema.enum:
        yield Mismatch("enum", path, node, schema, node.mark)
    if isinstance(node, Mapping):
        yield from _mapping(node, schema, path)
    elif isinstance(node, Sequence):
        if schema.items is not None:
            for index, item in enumerate(node):
                yield from mismatches(item, schema.items, (*path, index))
        yield from _count(node, schema, path, most="maxItems", least="minItems")
    else:
        yield from _scalar(node, schema, path)
    if schema.extends:
        yield from schema.extension(node, path)
    if schema.junctors or schema.excluded is not None:
        yield from _junctors(node, schema, path)


def _mapping(node: Mapping, schema: JsonSchema, path: Path) -> Iterator[Mismatch]:
    for entry in node:
        here = (*path, entry.key)
        if schema.names is not None:
            key = Scalar(entry.key, entry.mark, entry.key)
            for wrong in mismatches(key, schema.names, here):
                yield replace(wrong, is_key=True)
        child = schema.child(entry.key)
        if child is not None:
            yield from mismatches(entry.value, child, here)
        elif schema.is_closed:
            yield Mismatch("additionalProperties", here, node, schema, entry.mark)
    for name in schema.required:
        if name not in node:
            yield Mismatch("required", (*path, name), node, schema, node.mark)
    yield from _count(node, schema, path, most="maxProperties", least="minProperties")


def _count(
    node: Mapping | Sequence, schema: JsonSchema, path: Path, *, most: str, least: str
) -> Iterator[Mismatch]:
    if not schema.limits:
        return
    count = len(node)
    if count > schema.limits.get(most, count):
        yield Mismatch(most, path, node, schema, node.mark)
    if count < schema.limits.get(least, count):
        yield Mismatch(least, path, node, schema, node.mark)


def _scalar(node: Scalar, schema: JsonSchema, path: Path) -> Iterator[Mismatch]:
    value = node.value
    if isinstance(value, str):
        broken = _broken_by_text(value, schema)
    elif isinstance(value, int | float) and not isinstance(value, bool) and schema.limits:
        broken = _broken_by_number(value, schema)
    else:
        return
    for keyword in broken:
        yield Mismatch(keyword, path, node, schema, node.mark)


def _broken_by_text(value: str, schema: JsonSchema) -> Iterator[str]:
    if schema.pattern is not None and not schema.pattern.search(value):
        yield "pattern"
    if schema.limits:
        length = len(value)
        if length > schema.limits.get("maxLength", length):
            yield "maxLength"
        if length < schema.limits.get("minLength", length):
            yield "minLength"


def _broken_by_number(value: float, schema: JsonSchema) -> Iterator[str]:
    least, most = schema.limits.get("minimum"), schema.limits.get("maximum")
    beyond, below = (schema.raw.get(f"exclusive{end}") is True for end in ("Minimum", "Maximum"))
    if least is not None and (value < least or (beyond and value == least)):
        yield "minimum"
    if most is not None and (value > most or (below and value == most)):
        yield "maximum"
    step = schema.limits.get("multipleOf")
    if step and value % step:
        yield "multipleOf"


def _junctors(node: Node, schema: JsonSchema, path: Path) -> Iterator[Mismatch]:
    """Yield what `allOf`, `anyOf`, `oneOf` and `not` do not allow."""
    for part in schema.junctors.get("allOf", ()):
        yield from mismatches(node, part, path)
    for junctor in ("anyOf", "oneOf"):
        options = schema.junctors.get(junctor, ())
        fitting = sum(not any(mismatches(node, option, path)) for option in options)
        if options and (fitting == 0 or (junctor == "oneOf" and fitting > 1)):
            yield Mismatch(junctor, path, node, schema, node.mark)
    if schema.excluded is not None and not any(mismatches(node, schema.excluded, path)):
        yield Mismatch("not", path, node, schema, node.mark)


def is_type(node: Node, name: str) -> bool:
    """Whether a node is of the type that JSON Schema calls `name`; 2.0 is an integer too."""
    if isinstance(node, Mapping):
        return name == "object"
    if isinstance(node, Sequence):
        return name == "array"
    value = node.value
    if value is None:
        return name == "null"
    if isinstance(value, bool):
        return name == "boolean"
    if isinstance(value, str):
        return name == "string"
    return name == "number" or (name == "integer" and value == value // 1)
