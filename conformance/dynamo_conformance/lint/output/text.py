"""Findings for people: the source line with a caret under the place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.lint.finding import SETTINGS, Severity
from dynamo_conformance.manifest.terminal_safe import shown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dynamo_conformance.lint.finding import Finding, LintReport


def render(report: LintReport) -> str:
    """Return all findings and a closing line that counts what was checked."""
    return "\n".join([*findings(report.findings), summary(report)])


def findings(items: Iterable[Finding]) -> list[str]:
    """Return each finding: where, what, and the line it is about."""
    return [_finding(finding) for finding in items]


def summary(report: LintReport) -> str:
    """Return one line: what was checked, and how many findings of each severity there are."""
    counts = []
    for severity in Severity:
        if number := report.count(severity):
            plural = "s" if number > 1 and severity is not Severity.INFO else ""
            counts.append(f"{number} {severity}{plural}")
    checked = sum(document.kind != SETTINGS for document in report.documents)
    graphs, files = _number(checked, "graph"), _number(report.files, "file")
    found = ", ".join(counts) if counts else "no findings"
    judge = f" by {report.judge}" if report.judge else ""
    return f"{graphs} in {files} checked{judge}: {found}{_judges(report)}"


def _judges(report: LintReport) -> str:
    """Return the releases that components were judged by; of several, how many by each."""
    releases = report.releases
    if len(releases) > 1:
        said = [f"{release} ({_number(count, 'component')})" for release, count in releases.items()]
    else:
        said = [str(release) for release in releases]
    return f"; judged by Dynamo {', '.join(said)}" if said else ""


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _finding(finding: Finding) -> str:
    head = shown(f"{finding.where}: {finding.severity}: {finding.message} [{finding.rule}]")
    if not finding.source:
        return head
    gutter = f"{finding.line:>6} | "
    # A tab stays a tab, so that the caret stands under its place.
    before = "".join("\t" if char == "\t" else " " for char in finding.source[: finding.column - 1])
    return f"{head}\n{gutter}{shown(finding.source)}\n{' ' * 7}| {before}^"
