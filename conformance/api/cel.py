"""The CRD's own rules, in the Common Expression Language, as they hold when an object is created.

The evaluator is cel-expr-python, the binding of Google's C++ implementation; what Kubernetes adds
to the language and its schemas use (quantities) is declared here. A rule that needs more than that
is reported as not checked, never passed over.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from conformance.api.violation import INVALID, Violation
from conformance.manifest.fields import is_null
from conformance.manifest.node import Key, Mapping, Node, Path, Sequence
from conformance.manifest.quantity import parse_quantity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cel_expr_python.cel import Env, Expression

    from conformance.api.schema import CelRule, Schema

UNCHECKED = "not checked here"


def rule_violations(node: Node, schema: Schema, path: Path = ()) -> Iterator[Violation]:
    """Yield each rule of `schema`, and of the schemas below it, that `node` breaks.

    Args:
        node: The object after defaults; it must be valid for the schema otherwise.
        schema: Its schema.
        path: Where it stands.
    """
    if is_null(node):
        return
    for rule in schema.rules:
        if rule.on_create and (text := _broken(rule, node)) is not None:
            yield Violation(path, node.mark, INVALID, text)
    if isinstance(node, Mapping):
        for entry in node:
            if (child := schema.properties.get(entry.key)) is not None:
                yield from rule_violations(entry.value, child, (*path, entry.key))
            elif schema.additional is not None:
                yield from rule_violations(entry.value, schema.additional, (*path, Key(entry.key)))
    elif isinstance(node, Sequence) and schema.items is not None:
        for index, item in enumerate(node):
            yield from rule_violations(item, schema.items, (*path, index))


def unchecked_rules(schema: Schema) -> tuple[str, ...]:
    """Return the rules right at `schema` that cannot be evaluated here."""
    return tuple(one.expression for one in schema.rules if _compiled(one.expression) is None)


def _broken(rule: CelRule, node: Node) -> str | None:
    """Return what the API server says of a rule that `node` breaks, or None."""
    compiled = _compiled(rule.expression)
    if compiled is None:
        return None
    outcome = compiled.eval(data={"self": node.plain()}).plain_value()
    if outcome is True:
        return None
    said = rule.message or f"failed rule: {rule.expression}"
    return said if outcome is False else f"{said} (the rule cannot be evaluated: {outcome})"


@cache
def _compiled(expression: str) -> Expression | None:
    if "oldSelf" in expression:  # Such a rule says what it wants when there is none yet.
        expression = f"cel.bind(oldSelf, optional.none(), {expression})"
    try:
        return _environment().compile(expression)
    except RuntimeError:  # The library's only error: a function that is not declared here.
        return None


@cache
def _environment() -> Env:
    from cel_expr_python import cel
    from cel_expr_python.ext import ext_bindings, ext_optional, ext_strings

    kinds = cel.Type
    text, truth = kinds.STRING, kinds.BOOL
    functions = [
        cel.FunctionDecl(
            name,
            [
                cel.Overload(
                    name,
                    return_type=returns,
                    parameters=[text] * count,
                    is_member=count > 1,
                    impl=function,
                )
            ],
        )
        for name, count, returns, function in (
            ("quantity", 1, text, _quantity),
            ("isGreaterThan", 2, truth, _is_greater),
            ("isLessThan", 2, truth, _is_less),
        )
    ]
    return cel.NewEnv(
        variables={"self": kinds.DYN},
        extensions=[
            ext_strings.ExtStrings(),
            ext_optional.ExtOptional(),
            ext_bindings.ExtBindings(),
        ],
        functions=functions,
    )


def _quantity(text: str) -> str:
    if parse_quantity(text) is None:
        raise ValueError(f"{text} is no quantity")
    return text


def _is_greater(left: str, right: str) -> bool:
    return (parse_quantity(left) or 0) > (parse_quantity(right) or 0)


def _is_less(left: str, right: str) -> bool:
    return (parse_quantity(left) or 0) < (parse_quantity(right) or 0)
