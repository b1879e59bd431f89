"""The rules of the webhook by release: from which operator on each holds, and in what words.

The rows are in data/webhook-rules.json, one for each id that a check gives its violations: `since`
and `until` (the first release without it) by minor release, `unsure` the releases of which it is
not known whether they have it, `words` what operators before 1.4 say. Those end at the first error,
and name no field of v1beta1.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NotRequired, TypedDict

from dynamo_conformance.api.operator_releases import order
from dynamo_conformance.manifest.node import PathKey, path_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dynamo_conformance.api.admission.request import Request
    from dynamo_conformance.api.operator_releases import Operator
    from dynamo_conformance.api.violation import Violation
    from dynamo_conformance.manifest.node import Path as NodePath

STRUCTURAL = "1.4"
"""The first operator that reports every error at once, each with its field."""

_DATA = Path(__file__).parents[1] / "data" / "webhook-rules.json"
_BELOW = 3
"""Steps of a path to a component."""

_FIRST_ONLY = "; operator {} says so only after its first error is gone"


class RawRow(TypedDict):
    """A row as the data file holds it."""

    id: str
    section: str
    since: str
    until: NotRequired[str]
    unsure: NotRequired[list[str]]
    what: NotRequired[str]
    words: NotRequired[str]
    fields: NotRequired[list[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """From when to when something holds.

    Attributes:
        id: What it is called.
        section: Where the study of the operator's history has it.
        since: The first minor release with it.
        until: The first one without it again, or None.
        unsure: Releases of which it is not known.
        what: What is refused, for people; empty for fields.
        words: What operators before 1.4 say; empty when it is not known.
        fields: The fields that it is about, by the end of their paths; empty for rules.
    """

    id: str
    section: str
    since: str
    until: str | None
    unsure: tuple[str, ...]
    what: str
    words: str
    fields: tuple[str, ...]

    def holds(self, operator: Operator) -> bool:
        """Whether the operator has it, as far as is known."""
        ended = self.until is not None and operator.since(self.until)
        return (operator.since(self.since) and not ended) or self.is_unsure(operator)

    def is_unsure(self, operator: Operator) -> bool:
        """Whether it is not known if that operator has it."""
        return operator.name in self.unsure


@cache
def _tables() -> tuple[dict[str, Row], tuple[Row, ...]]:
    data: dict[str, list[RawRow]] = json.loads(_DATA.read_bytes())
    rules = {raw["id"]: _row(raw) for raw in data["rules"]}
    return rules, tuple(map(_row, data["fields"]))


def _row(raw: RawRow) -> Row:
    return Row(
        id=raw["id"],
        section=raw["section"],
        since=raw["since"],
        until=raw.get("until"),
        unsure=tuple(raw.get("unsure", ())),
        what=raw.get("what", ""),
        words=raw.get("words", ""),
        fields=tuple(raw.get("fields", ())),
    )


def rules() -> dict[str, Row]:
    """Return the rules of the webhook by id."""
    return _tables()[0]


def fields() -> dict[str, Row]:
    """Return the fields that came or went, by the id of their row."""
    return {row.id: row for row in _tables()[1]}


def field_row(path: NodePath) -> Row | None:
    """Return the row of a field that came or went: the one that says most of its path."""
    names = [str(step) for step in path if isinstance(step, str) and not isinstance(step, PathKey)]
    text = ".".join(names)
    fitting = [
        (len(field), row)
        for row in _tables()[1]
        for field in row.fields
        if f".{text}".endswith(f".{field}")
    ]
    return max(fitting, key=lambda item: item[0])[1] if fitting else None


def of_operator(violations: Iterable[Violation], request: Request) -> Iterator[Violation]:
    """Yield the violations that the request's operator knows, in its words."""
    operator = request.operator
    free = not operator.since(STRUCTURAL)
    for violation in violations:
        row = rules()[violation.rule]
        if row.holds(operator):
            unsure = row.is_unsure(operator)
            worded = _in_free_words(violation, row, request) if free else violation
            yield replace(worded, unsure=operator.version if unsure else "")


def in_order(violations: tuple[Violation, ...], operator: Operator) -> tuple[Violation, ...]:
    """Return violations as the operator says them: before 1.4 the first one, then the next."""
    if order(operator.name) >= order(STRUCTURAL):
        return violations
    later = _FIRST_ONLY.format(operator.version)
    return tuple(
        item if index == 0 else replace(item, text=f"{item.text}{later}")
        for index, item in enumerate(violations)
    )


def _in_free_words(violation: Violation, row: Row, request: Request) -> Violation:
    """Return a violation as free text: no class of error before it, a service as its owner."""
    owner, rest = _owner(violation.path, request)
    where = path_text(violation.path) if owner is None else f"{owner}{rest}"
    if not row.words:
        return replace(violation, kind="", text=f"{where}: {violation.text}", suggestion=None)
    value = violation.text.partition(": ")[0]
    text = row.words.format(owner=owner, path=where, value=value, text=violation.text)
    return replace(violation, kind="", text=text, suggestion=None)


def _owner(path: NodePath, request: Request) -> tuple[str | None, str]:
    """Return the service that a path begins with, as v1alpha1 calls it, and what follows."""
    if len(path) < _BELOW or path[0] != "spec" or path[1] not in ("components", "services"):
        return None, ""
    step = path[2]
    name = request.graph.components[step].name if isinstance(step, int) else str(step)
    rest = path_text(path[_BELOW:])
    return f"spec.services[{name}]", f".{rest}" if rest else ""
