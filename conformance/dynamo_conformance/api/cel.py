"""The CRD's own rules, in the Common Expression Language, as they hold when an object is created.

The evaluator is cel-expr-python, the binding of Google's C++ implementation; what Kubernetes adds
to the language is in `cel_library.py`. A rule that needs more than that is never passed over:
`unchecked_rules` finds those of a schema, and what only shows with a value is a violation.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from dynamo_conformance.api.cel_library import FUNCTIONS, UNSUPPORTED
from dynamo_conformance.api.violation import DUPLICATE, FORBIDDEN, INVALID, REQUIRED, Violation
from dynamo_conformance.manifest.fields import is_null
from dynamo_conformance.manifest.node import Mapping, Node, Path, PathKey, Scalar, Sequence, find

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cel_expr_python.cel import Env, Expression, Overload

    from dynamo_conformance.api.cel_library import Function
    from dynamo_conformance.api.schema import CelRule, Schema
    from dynamo_conformance.manifest.node import Plain

UNCHECKED = "not checked here"

_KINDS = {
    "FieldValueRequired": REQUIRED,
    "FieldValueForbidden": FORBIDDEN,
    "FieldValueDuplicate": DUPLICATE,
}
_TIMES = frozenset({"date", "date-time", "datetime", "duration"})
"""Formats of what is a timestamp or duration to a rule; none can be handed to it here."""

_RESERVED = frozenset(
    {
        "true", "false", "null", "in", "as", "break", "const", "continue", "else", "for",
        "function", "if", "import", "let", "loop", "package", "namespace", "return", "var", "void",
        "while",
    }
)  # fmt: skip
_ESCAPES = (("__", "__underscores__"), (".", "__dot__"), ("-", "__dash__"), ("/", "__slash__"))
_FIELD = re.compile(r"\.(?P<name>[A-Za-z_][A-Za-z0-9_]*)|\['(?P<key>[^']*)'\]")


class Unchecked(NamedTuple):
    """A rule that cannot be evaluated here.

    Attributes:
        path: Where it stands in the schema, as for an object that has the field.
        expression: The rule.
        reason: What the evaluator says of it.
    """

    path: Path
    expression: str
    reason: str


def rule_violations(node: Node, schema: Schema, path: Path = ()) -> Iterator[Violation]:
    """Yield each rule of `schema`, and of the schemas below it, that `node` breaks.

    Args:
        node: The object after defaults; it must be valid for the schema otherwise.
        schema: Its schema.
        path: Where it stands.
    """
    yield from _Check().violations(node, schema, path)


class _Check:
    """Looks at one object; what several rules see of it is made once."""

    def __init__(self) -> None:
        self._values: dict[tuple[int, int], Plain] = {}

    def violations(self, node: Node, schema: Schema, path: Path) -> Iterator[Violation]:
        """Yield what is broken at a node and below it."""
        if not schema.has_rules or is_null(node):
            return
        rules = [rule for rule in schema.rules if rule.on_create]
        if rules:
            value = self._value(node, schema)
            for rule in rules:
                if (text := _broken(rule, value)) is not None:
                    yield _violation(rule, text, node, path)
        for child, child_schema, step in _children(node, schema):
            yield from self.violations(child, child_schema, (*path, step))

    def _value(self, node: Node, schema: Schema | None) -> Plain:
        """Return a value as a rule sees it: numbers of their type, fields under escaped names."""
        if schema is None:
            return node.plain()
        if isinstance(node, Scalar):
            return _scalar(node, schema)
        key = (id(node), id(schema))
        plain = self._values.get(key)
        if plain is None:
            plain = self._values[key] = self._inside(node, schema)
        return plain

    def _inside(self, node: Mapping | Sequence, schema: Schema) -> Plain:
        if isinstance(node, Sequence):
            return [self._value(item, schema.items) for item in node]
        fields: dict[str, Plain] = {}
        for entry in node:
            declared = schema.properties.get(entry.key)
            name = entry.key if declared is None else _escaped(entry.key)
            fields[name] = self._value(entry.value, declared or schema.additional)
        return fields


def _children(node: Node, schema: Schema) -> Iterator[tuple[Node, Schema, str | int]]:
    if isinstance(node, Mapping):
        for entry in node:
            if (child := schema.properties.get(entry.key)) is not None:
                yield entry.value, child, entry.key
            elif schema.additional is not None:
                yield entry.value, schema.additional, PathKey(entry.key)
    elif isinstance(node, Sequence) and schema.items is not None:
        for index, item in enumerate(node):
            yield item, schema.items, index


def unchecked_rules(schema: Schema, path: Path = ()) -> Iterator[Unchecked]:
    """Yield the rules of `schema`, and of the schemas below it, that cannot be evaluated here.

    Rules on a change alone are none of them: no object is changed here.
    """
    for rule in schema.rules:
        if rule.on_create and isinstance(compiled := _compiled(rule.expression), str):
            yield Unchecked(path, rule.expression, compiled)
    for name, child in schema.properties.items():
        yield from unchecked_rules(child, (*path, name))
    if schema.additional is not None:
        yield from unchecked_rules(schema.additional, (*path, PathKey("*")))
    if schema.items is not None:
        yield from unchecked_rules(schema.items, (*path, PathKey("*")))


def _violation(rule: CelRule, text: str, node: Node, path: Path) -> Violation:
    steps = tuple(
        match["name"] or PathKey(match["key"] or "") for match in _FIELD.finditer(rule.field_path)
    )
    at = find(node, steps)
    kind = _KINDS.get(rule.reason, INVALID)
    return Violation((*path, *steps), (at or node).mark, kind, text)


def _broken(rule: CelRule, value: Plain) -> str | None:
    """Return what the API server says of a rule that a value breaks, or None."""
    compiled = _compiled(rule.expression)
    if isinstance(compiled, str):
        return f"the rule {rule.expression} is {UNCHECKED}: {compiled}"
    outcome = compiled.eval(data={"self": value}).plain_value()
    if outcome is True:
        return None
    if outcome is not False and (UNSUPPORTED in str(outcome) or _has_times(value)):
        return f"the rule {rule.expression} is {UNCHECKED}: {outcome}"
    message = _message(rule, value) or rule.message or f"failed rule: {rule.expression}"
    return message if outcome is False else f"{message} (the rule cannot be evaluated: {outcome})"


def _message(rule: CelRule, value: Plain) -> str:
    """Return what the rule's `messageExpression` makes; nothing when that is no single line."""
    compiled = _compiled(rule.message_expression) if rule.message_expression else ""
    if isinstance(compiled, str):
        return ""
    evaluated = compiled.eval(data={"self": value})
    text = evaluated.plain_value()
    is_text = isinstance(text, str) and evaluated.type().name() == "STRING"
    return text.strip() if is_text and isinstance(text, str) and "\n" not in text else ""


class _Time(str):
    """A timestamp or duration, as its text."""

    __slots__ = ()


def _scalar(node: Scalar, schema: Schema) -> Plain:
    value = node.value
    if isinstance(value, bool):
        return value
    if schema.type == "number" and isinstance(value, int):
        return float(value)
    return _Time(value) if isinstance(value, str) and schema.format in _TIMES else value


def _has_times(value: Plain) -> bool:
    if isinstance(value, dict):
        return any(_has_times(item) for item in value.values())
    if isinstance(value, list):
        return any(_has_times(item) for item in value)
    return isinstance(value, _Time)


def _escaped(name: str) -> str:
    """Return the name by which a rule calls a field."""
    if name.isalnum():
        return f"__{name}__" if name in _RESERVED else name
    for character, escape in _ESCAPES:
        name = name.replace(character, escape)
    return name


@cache
def _compiled(expression: str) -> Expression | str:
    """Return an expression ready to be evaluated, or why it cannot be."""
    if "oldSelf" in expression:  # Such a rule says what it wants when there is none yet.
        expression = f"cel.bind(oldSelf, optional.none(), {expression})"
    try:
        return _environment().compile(expression)
    except (
        RuntimeError
    ) as error:  # The library's only one: a function or macro that it does not have.
        first = str(error).partition("\n")[0]
        return first.partition("ERROR: ")[2] or first


@cache
def _environment() -> Env:
    from cel_expr_python import cel
    from cel_expr_python.ext import ext_bindings, ext_optional, ext_strings

    functions: dict[str, list[Overload]] = {}
    for function in FUNCTIONS:
        functions.setdefault(function.name, []).append(_overload(function))
    added = [cel.FunctionDecl(name, overloads) for name, overloads in functions.items()]
    return cel.NewEnv(
        variables={"self": cel.Type.DYN},
        extensions=[
            ext_strings.ExtStrings(),
            ext_optional.ExtOptional(),
            ext_bindings.ExtBindings(),
            cel.CelExtension("kubernetes", added),  # The last one may add to what others declare.
        ],
    )


def _overload(function: Function) -> Overload:
    from cel_expr_python import cel

    kinds = cel.Type
    types = {
        "s": kinds.STRING, "i": kinds.INT, "b": kinds.BOOL, "f": kinds.DOUBLE, "d": kinds.DYN,
        "l": kinds.LIST, "o": kinds.Map(kinds.STRING, kinds.STRING),
        "m": kinds.Map(kinds.STRING, kinds.List(kinds.STRING)),
    }  # fmt: skip
    return cel.Overload(
        f"kubernetes_{function.name}_{function.takes}",
        return_type=types[function.gives],
        parameters=[types[kind] for kind in function.takes],
        is_member=function.is_member,
        impl=function.run,
    )
