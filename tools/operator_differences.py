"""What each operator says otherwise of the manifests that operator 1.5.0-dev has judged.

    python tools/operator_differences.py > FILE && mv FILE docs/data/operator-differences.json

A difference is a refusal or warning that an operator does not have (`gone`), or has and 1.5.0-dev
has not (`new`), or may have (`uncertain`); `row` is the row of data/webhook-rules.json that it
comes from, or the CRD's rule or version, and `section` where the study of the operator's history
has that. What is only worded otherwise is none.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypedDict

from dynamo_conformance.api import crd
from dynamo_conformance.api.admission.rule_rows import field_row, fields, rules
from dynamo_conformance.api.cluster_parts import Cluster
from dynamo_conformance.api.operator_releases import RECORDED_OPERATOR, minors, name_of
from dynamo_conformance.api.verdict import judge
from dynamo_conformance.api.violation import DEPRECATED
from dynamo_conformance.manifest.document import V1BETA1, Document, read_file
from dynamo_conformance.manifest.node import path_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.api.operator_releases import Operator
    from dynamo_conformance.api.schema import Schema
    from dynamo_conformance.api.verdict import Verdict
    from dynamo_conformance.api.violation import Violation

OBSERVED = Path(__file__).parents[1] / "tests" / "data" / "observed" / "admission.yaml"
OLDEST = "0.8"
"""The first operator with a webhook."""

SERVED, V1ALPHA1_DEPRECATED = "version-v1beta1", "version-v1alpha1-deprecated"
CRD_RULE = "crd-rule: "
"""What stands before the message of a rule of the CRD's own, which is its row."""

SCHEMA = "schema"
"""What every CRD refuses; a difference never comes from it, or the data would lack a row."""

_NOT_EVALUATED = " (the rule cannot be evaluated"

SECTIONS = {SERVED: "2.1", V1ALPHA1_DEPRECATED: "2.1"}


class Point(NamedTuple):
    """One thing that is said of a manifest, by what it comes from and not by its words."""

    row: str
    path: str


class Difference(TypedDict):
    """One thing that some operators say of a manifest, and others do not."""

    what: str
    row: str
    section: str
    path: str
    operators: list[str]


class CaseDifferences(TypedDict):
    """All of them for one manifest."""

    case: str
    differences: list[Difference]


def cases() -> Iterator[tuple[str, Document]]:
    """Yield the recorded manifests that an operator of today serves, by name."""
    for recorded in read_file(OBSERVED):
        root = recorded.root.mapping("manifest")
        if root is None:
            raise SystemExit(f"{OBSERVED}: a case without a manifest")
        document = Document("case.yaml", 0, root)
        if document.version in crd.load().versions:
            yield recorded.root.string("case") or "", document


def compared() -> tuple[Operator, ...]:
    """Return the operators that are held against 1.5.0-dev."""
    recorded = name_of(RECORDED_OPERATOR)
    return tuple(
        operator for operator in minors() if operator.since(OLDEST) and operator.name != recorded
    )


def differences(document: Document) -> Iterator[Difference]:
    """Yield what operators say otherwise of one manifest."""
    ours = _said(document, RECORDED_OPERATOR)
    found: dict[tuple[str, Point], list[str]] = defaultdict(list)
    for operator in compared():
        if document.version not in crd.load(operator.version).versions:
            found["new", Point(SERVED, "apiVersion")].append(operator.name)
            continue
        theirs = _said(document, operator.version)
        unsure = set(_points(_verdict(document, operator.version).uncertain))
        for point in sorted(ours - theirs - unsure):
            found["gone", point].append(operator.name)
        for point in sorted(theirs - ours):
            found["new", point].append(operator.name)
        for point in sorted(unsure):
            found["uncertain", point].append(operator.name)
    for (what, point), operators in found.items():
        yield Difference(
            what=what,
            row=point.row,
            section=section(point.row),
            path=point.path,
            operators=operators,
        )


def section(row: str) -> str:
    """Return where the study has what a row says."""
    if row.startswith(CRD_RULE):
        return "1.5"
    return SECTIONS.get(row) or (rules() | fields())[row].section


def _verdict(document: Document, version: str) -> Verdict:
    return judge(document, definition=crd.load(version), cluster=Cluster())


def _said(document: Document, version: str) -> set[Point]:
    verdict = _verdict(document, version)
    every = (*verdict.violations, *verdict.refusals, *verdict.warnings)
    own = {Point(_crd_rule(broken), path_text(broken.path)) for broken in verdict.rules}
    return {*_points(every), *own}


def _crd_rule(broken: Violation) -> str:
    return f"{CRD_RULE}{broken.text.partition(_NOT_EVALUATED)[0]}"


def _points(violations: tuple[Violation, ...]) -> Iterator[Point]:
    for violation in violations:
        yield Point(_row(violation), path_text(violation.path))


def _row(violation: Violation) -> str:
    """Return the row that a violation comes from; its field, when it is the schema's."""
    if violation.rule:
        return violation.rule
    if violation.kind == DEPRECATED and violation.path == ("apiVersion",):
        return V1ALPHA1_DEPRECATED
    row = field_row(violation.path)
    return row.id if row is not None else SCHEMA


def crd_rules() -> dict[str, list[str]]:
    """Return the message of every rule that a CRD checks on create, with its releases."""
    found: dict[str, list[str]] = {}
    for operator in minors():
        for schema in crd.load(operator.version).versions.values():
            for message in dict.fromkeys(_messages(schema)):
                names = found.setdefault(message, [])
                if operator.name not in names:
                    names.append(operator.name)
    return found


def _messages(schema: Schema) -> Iterator[str]:
    yield from (rule.message for rule in schema.rules if rule.on_create and rule.message)
    below = (*schema.properties.values(), schema.additional, schema.items)
    for child in below:
        if child is not None:
            yield from _messages(child)


class Made(TypedDict):
    """The content of the file."""

    against: str
    cases_that_differ: dict[str, int]
    v1beta1_before_1_2: int
    cases: list[CaseDifferences]


def made() -> Made:
    """Return the content of the file.

    That v1beta1 is served and v1alpha1 deprecated from 1.2 on is counted for no case, and a case in
    which nothing else differs is not listed.
    """
    listed: list[CaseDifferences] = []
    counts: dict[str, int] = dict.fromkeys((operator.name for operator in compared()), 0)
    for name, document in cases():
        if rows := list(differences(document)):
            listed.append(CaseDifferences(case=name, differences=rows))
            own = [row for row in rows if row["row"] not in SECTIONS]
            for operator in {name for row in own for name in row["operators"]}:
                counts[operator] += 1
    alike = [row for row in listed if {item["row"] for item in row["differences"]} <= set(SECTIONS)]
    return Made(
        against=RECORDED_OPERATOR,
        cases_that_differ=counts,
        v1beta1_before_1_2=sum(document.version == V1BETA1 for _name, document in cases()),
        cases=[row for row in listed if row not in alike],
    )


def main() -> None:
    """Print the file."""
    json.dump(made(), sys.stdout, indent=1)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
