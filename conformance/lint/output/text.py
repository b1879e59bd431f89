"""Findings for people: the source line with a caret under the place."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from conformance.lint.finding import Severity

if TYPE_CHECKING:
    from conformance.lint.finding import Finding
    from conformance.lint.runner import LintReport


def render(report: LintReport) -> str:
    """Return all findings and a closing line that counts what was checked."""
    return "\n".join([*(finding(one) for one in report.findings), _summary(report)])


def finding(found: Finding) -> str:
    """Return one finding: where, what, and the line it is about."""
    head = f"{found.where}: {found.severity}: {found.message} [{found.rule}]"
    source = _source_line(found)
    if source is None:
        return head
    gutter = f"{found.mark.line:>6} | "
    caret = " " * (len(gutter) - 2) + "| " + " " * (found.mark.column - 1) + "^"
    return f"{head}\n{gutter}{source}\n{caret}"


def _source_line(found: Finding) -> str | None:
    path = Path(found.file)
    if not path.is_file():
        return None
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return lines[found.mark.line - 1] if 0 < found.mark.line <= len(lines) else None


def _summary(report: LintReport) -> str:
    counts = []
    for severity in Severity:
        number = sum(one.severity is severity for one in report.findings)
        if number:
            counts.append(f"{number} {severity}{'s' if number > 1 else ''}")
    checked = f"{report.checked} graphs in {len(report.files)} files checked"
    return f"{checked}: {', '.join(counts) if counts else 'no findings'}"
