"""What the linter finds by the target's rules: the net below what is known of changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.api.operator_releases import OPERATORS
from dynamo_conformance.engines.releases import nearest
from dynamo_conformance.lint.check import check_bytes
from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.options import LintOptions
from dynamo_conformance.lint.rule import SUPPRESSION_UNUSED
from dynamo_conformance.manifest.document import KIND
from dynamo_conformance.manifest.node import Mark
from dynamo_conformance.upgrade.change import Area, Change, Kind
from dynamo_conformance.upgrade.operator_changes import line_of, rows

if TYPE_CHECKING:
    from dynamo_conformance.lint.finding import Finding
    from dynamo_conformance.upgrade.change import Line, Target

_SKIPPED = ("api-deprecated",)
"""What is said as the change of the API version."""

_KINDS = {Severity.ERROR: Kind.BREAKS, Severity.WARNING: Kind.WORTH}


def operator_version(line: Line) -> str:
    """Return the known operator that speaks for a line: its newest, else the next older one's."""
    known = sorted(OPERATORS, key=lambda version: (line_of(version), not version.endswith("-dev")))
    older = [version for version in known if line_of(version) <= line]
    return older[-1] if older else known[0]


def operator_lines() -> tuple[Line, ...]:
    """Return the lines of the operators that are known, oldest first."""
    lines = {line_of(version) for version in OPERATORS} | {line for line, _row in rows()}
    return tuple(sorted(lines))


def lint_changes(text: str, target: Target, *, file: str, graphs: int) -> list[tuple[Change, ...]]:
    """Return the errors and warnings of each graph of a text whose images are the target's."""
    options = LintOptions(
        operator=operator_version(target.operator), release=nearest(target.release)
    )
    checked = check_bytes(text.encode("utf-8"), file=file, options=options)
    found = [
        tuple(_change(each) for each in document.findings if _is_shown(each))
        for document in checked
        if document.kind == KIND
    ][:graphs]
    # A file of more graphs than anybody has is refused as a whole.
    return [*found, *(() for _missing in range(graphs - len(found)))]


def _is_shown(finding: Finding) -> bool:
    return finding.severity in _KINDS and finding.rule not in _SKIPPED


def _change(finding: Finding) -> Change:
    mark = Mark(finding.line, finding.column)
    if finding.rule == SUPPRESSION_UNUSED:
        return Change(
            area=Area.COMMENT,
            kind=Kind.WORTH,
            mark=mark,
            what="the comment for the linter has nothing to suppress any more",
            fix="take it out",
        )
    return Change(
        area=Area.LINT,
        kind=_KINDS[finding.severity],
        mark=mark,
        what=f"{finding.message} [{finding.rule}]",
    )
