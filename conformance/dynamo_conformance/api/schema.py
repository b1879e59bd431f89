"""Structural schemas, as a CustomResourceDefinition holds them, read on demand."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, cast

from dynamo_conformance.api import formats
from dynamo_conformance.manifest.fields import is_null
from dynamo_conformance.manifest.jsonschema import JsonSchema, Mismatch, is_type
from dynamo_conformance.manifest.node import Mapping, Scalar, Sequence

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import ClassVar, Self

    from dynamo_conformance.manifest.jsonschema import JsonObject
    from dynamo_conformance.manifest.node import Mark, Node, Path, Plain

INT_OR_STRING = "x-kubernetes-int-or-string"
LIST_TYPE = "x-kubernetes-list-type"
LIST_MAP = "map"
LIST_SET = "set"

_RULES = "x-kubernetes-validations"
_INT64 = 1 << 63


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


class Schema(JsonSchema):
    """One node of an OpenAPI v3 structural schema."""

    pattern_flags: ClassVar = re.ASCII

    @cached_property
    def type(self) -> str | None:
        """`object`, `array`, `string`, `integer`, `number`, `boolean`, or None for any."""
        return self.text("type")

    @cached_property
    def int_or_string(self) -> bool:
        """Whether an integer and a string are both fine."""
        return self.raw.get(INT_OR_STRING) is True

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
        return tuple(map(_rule, cast("list[JsonObject]", self.raw.get(_RULES) or [])))

    @cached_property
    def has_rules(self) -> bool:
        """Whether there are rules here or below; most of a pod template has none."""
        return _has_rules(self.raw)

    @cached_property
    def junctors(self) -> dict[str, tuple[Self, ...]]:
        """The schemas below `allOf`, `anyOf` and `oneOf`, as far as there are any."""
        junctors = super().junctors
        if self.int_or_string:  # Its anyOf says no more than the extension does.
            return {name: part for name, part in junctors.items() if name == "allOf"}
        return junctors

    @cached_property
    def default(self) -> Plain:
        """What the API server fills in."""
        return self.raw.get("default")

    @cached_property
    def list_type(self) -> str | None:
        """`map`, `set` or `atomic`."""
        return self.text(LIST_TYPE)

    @cached_property
    def list_keys(self) -> tuple[str, ...]:
        """The fields that together name an item of a list-map."""
        return tuple(cast("list[str]", self.raw.get("x-kubernetes-list-map-keys") or []))

    @cached_property
    def format(self) -> str | None:
        """`int32`, `int64`, `date-time`, ..."""
        return self.text("format")

    def takes(self, node: Node) -> bool:
        """Whether a node is of the type that is declared; an integer is one of 64 bits."""
        if is_null(node):
            return self.nullable or (self.type is None and not self.int_or_string)
        if self.int_or_string:
            return is_type(node, "string") or _is_int64(node)
        if self.type == "integer":
            return _is_int64(node)
        return self.type is None or is_type(node, self.type)

    @cached_property
    def extends(self) -> bool:
        """Whether there is a format, or a list without duplicates."""
        return self.format is not None or self.list_type in (LIST_MAP, LIST_SET)

    def extension(self, node: Node, path: Path) -> Iterator[Mismatch]:
        """Yield what does not fit `format`, and the items that a list has twice."""
        if isinstance(node, Sequence):
            if self.list_type in (LIST_MAP, LIST_SET):
                yield from self._duplicates(node, path)
        elif isinstance(node, Scalar) and not self._is_formatted(node.value):
            yield Mismatch("format", path, node, self, node.mark)

    def _is_formatted(self, value: Plain) -> bool:
        if self.format is None or not isinstance(value, str):
            return True
        return formats.matches(value, self.format)

    def _duplicates(self, node: Sequence, path: Path) -> Iterator[Mismatch]:
        seen: dict[str, Mark] = {}
        for index, item in enumerate(node):
            identity = self._identity(item)
            if identity is None:
                continue
            if identity in seen:
                detail = f"{identity} (first in line {seen[identity].line})"
                yield Mismatch(LIST_TYPE, (*path, index), item, self, item.mark, detail=detail)
            seen.setdefault(identity, item.mark)

    def _identity(self, item: Node) -> str | None:
        """Return what must be unique of an item: the item of a set, the keys of a list-map."""
        if self.list_type == LIST_SET:
            return json.dumps(item.plain(), sort_keys=True)
        if not isinstance(item, Mapping):
            return None
        keys = {key: value for key in self.list_keys if (value := item.get(key)) is not None}
        return json.dumps({key: value.plain() for key, value in keys.items()})


def _is_int64(node: Node) -> bool:
    if not isinstance(node, Scalar) or isinstance(node.value, str):
        return False
    return is_type(node, "integer") and -_INT64 <= (node.value or 0) < _INT64


def _has_rules(raw: Plain) -> bool:
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
