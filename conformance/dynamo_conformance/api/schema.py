"""Structural schemas, as a CustomResourceDefinition holds them, read on demand."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias, cast

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"
JsonObject: TypeAlias = "dict[str, Json]"

LIST_MAP = "map"
LIST_SET = "set"

_RULES = "x-kubernetes-validations"
_JUNCTORS = ("allOf", "anyOf", "oneOf")
_LIMITS = (
    *("minimum", "maximum", "multipleOf"),
    *("minLength", "maxLength"),
    *("minItems", "maxItems"),
    *("minProperties", "maxProperties"),
)


@dataclass(frozen=True, slots=True)
class CelRule:
    """One entry of `x-kubernetes-validations`.

    Attributes:
        expression: The rule, in the Common Expression Language.
        message: What the API server says when it does not hold; may be empty.
        message_expression: What makes that message, in the same language; may be empty.
        field_path: The field below that it is about, such as `.spec.x`; may be empty.
        reason: The kind of error, such as `FieldValueForbidden`; may be empty.
        on_create: Whether it is looked at when an object is created; a rule on the old value is
            not, unless it says that there may be none (`optionalOldSelf`).
    """

    expression: str
    message: str
    message_expression: str
    field_path: str
    reason: str
    on_create: bool


class Schema:
    """One node of an OpenAPI v3 structural schema.

    Children are made when they are first asked for: a manifest touches a small part of the 3,500
    nodes of the DynamoGraphDeployment schema.
    """

    def __init__(self, raw: JsonObject) -> None:
        self.raw = raw

    @cached_property
    def type(self) -> str | None:
        """`object`, `array`, `string`, `integer`, `number`, `boolean`, or None for any."""
        return self._string("type")

    @cached_property
    def properties(self) -> dict[str, Schema]:
        """The declared fields of an object."""
        raw = cast("dict[str, JsonObject]", self.raw.get("properties") or {})
        return {name: Schema(child) for name, child in raw.items()}

    @cached_property
    def additional(self) -> Schema | None:
        """The schema of a map's values, or None when the object has declared fields only."""
        raw = self.raw.get("additionalProperties")
        return Schema(raw) if isinstance(raw, dict) else None

    @cached_property
    def items(self) -> Schema | None:
        """The schema of a list's items."""
        raw = self.raw.get("items")
        return Schema(raw) if isinstance(raw, dict) else None

    @cached_property
    def required(self) -> tuple[str, ...]:
        """Fields that must be there, unless they have a default."""
        return tuple(cast("list[str]", self.raw.get("required") or []))

    @cached_property
    def enum(self) -> tuple[Json, ...]:
        """The allowed values; empty when any is."""
        return tuple(cast("list[Json]", self.raw.get("enum") or []))

    @cached_property
    def pattern_text(self) -> str | None:
        """What a string must contain, as the schema writes it."""
        return self._string("pattern")

    @cached_property
    def pattern(self) -> re.Pattern[str] | None:
        """What a string must contain, as a search (not an anchored match)."""
        raw = self.pattern_text
        if raw is None:
            return None
        # Go's `$` is the end of the text; Python's also stands before a last line break.
        return re.compile(re.sub(r"(?<!\\)\$", r"\\Z", raw), re.ASCII)

    @cached_property
    def int_or_string(self) -> bool:
        """Whether an integer and a string are both fine."""
        return self.raw.get("x-kubernetes-int-or-string") is True

    @cached_property
    def preserves_unknown(self) -> bool:
        """Whether fields that are not declared are kept, and so no mistake."""
        return self.raw.get("x-kubernetes-preserve-unknown-fields") is True

    @cached_property
    def nullable(self) -> bool:
        """Whether null is a value, and not just another way to leave the field out."""
        return self.raw.get("nullable") is True

    @cached_property
    def defaulted(self) -> tuple[str, ...]:
        """The fields that the API server fills in when they are absent."""
        return tuple(name for name, child in self.properties.items() if "default" in child.raw)

    @cached_property
    def rules(self) -> tuple[CelRule, ...]:
        """The rules that are checked wherever this node is present."""
        found = cast("list[JsonObject]", self.raw.get(_RULES) or [])
        return tuple(_rule(raw) for raw in found)

    @cached_property
    def has_rules(self) -> bool:
        """Whether there are rules here or below; most of a pod template has none."""
        return _has_rules(self.raw)

    @cached_property
    def junctors(self) -> dict[str, tuple[Schema, ...]]:
        """The schemas below `allOf`, `anyOf` and `oneOf`, as far as there are any."""
        return {
            name: tuple(Schema(raw) for raw in cast("list[JsonObject]", self.raw[name]))
            for name in _JUNCTORS
            if self.raw.get(name)
        }

    @cached_property
    def excluded(self) -> Schema | None:
        """The schema below `not`, or None."""
        raw = self.raw.get("not")
        return Schema(raw) if isinstance(raw, dict) else None

    @cached_property
    def default(self) -> Json:
        """What the API server fills in."""
        return self.raw.get("default")

    @cached_property
    def list_type(self) -> str | None:
        """`map`, `set` or `atomic`."""
        return self._string("x-kubernetes-list-type")

    @cached_property
    def list_keys(self) -> tuple[str, ...]:
        """The fields that together name an item of a list-map."""
        return tuple(cast("list[str]", self.raw.get("x-kubernetes-list-map-keys") or []))

    @cached_property
    def limits(self) -> dict[str, float]:
        """The numeric limits (`minimum`, `maxLength`, ...) that there are."""
        found = ((name, self.raw.get(name)) for name in _LIMITS)
        return {
            name: raw
            for name, raw in found
            if isinstance(raw, int | float) and not isinstance(raw, bool)
        }

    @cached_property
    def format(self) -> str | None:
        """`int32`, `int64`, `date-time`, ..."""
        return self._string("format")

    def _string(self, key: str) -> str | None:
        raw = self.raw.get(key)
        return raw if isinstance(raw, str) else None


def _has_rules(raw: Json) -> bool:
    if not isinstance(raw, dict):
        return False
    if raw.get(_RULES):
        return True
    properties = cast("JsonObject", raw.get("properties") or {})
    below = (*properties.values(), raw.get("additionalProperties"), raw.get("items"))
    return any(map(_has_rules, below))


def _rule(raw: JsonObject) -> CelRule:
    expression = str(raw.get("rule", ""))
    transition = re.search(r"\boldSelf\b", expression) is not None
    return CelRule(
        expression=expression,
        message=str(raw.get("message", "")),
        message_expression=str(raw.get("messageExpression", "")),
        field_path=str(raw.get("fieldPath", "")),
        reason=str(raw.get("reason", "")),
        on_create=not transition or raw.get("optionalOldSelf") is True,
    )
