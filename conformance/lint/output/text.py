"""Findings for people: the source line with a caret under the place."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from conformance.lint.finding import Severity

if TYPE_CHECKING:
    from collections.abc import Iterable

    from conformance.lint.finding import Finding
    from conformance.lint.runner import LintReport

_UNSHOWN = frozenset({"plain-secret"})
"""Rules whose line is not repeated: it holds what nobody should read."""


def render(report: LintReport) -> str:
    """Return all findings and a closing line that counts what was checked."""
    return "\n".join([*findings(report.findings), _summary(report)])


def findings(found: Iterable[Finding]) -> list[str]:
    """Return each finding: where, what, and the line it is about. A file is read once."""
    sources: dict[str, list[str]] = {}
    texts = []
    for one in found:
        if one.file not in sources:
            sources[one.file] = _lines(Path(one.file))
        texts.append(_finding(one, sources[one.file]))
    return texts


def _finding(found: Finding, lines: list[str]) -> str:
    head = f"{found.where}: {found.severity}: {found.message} [{found.rule}]"
    if found.rule in _UNSHOWN or not 0 < found.mark.line <= len(lines):
        return head
    source = lines[found.mark.line - 1]
    gutter = f"{found.mark.line:>6} | "
    caret = " " * (len(gutter) - 2) + "| " + " " * (found.mark.column - 1) + "^"
    return f"{head}\n{gutter}{source}\n{caret}"


def _lines(path: Path) -> list[str]:
    """Return the lines of a file, or nothing when what was checked is no file."""
    if not path.is_file():
        return []
    return path.read_text(encoding="utf-8", errors="replace").splitlines()


def _summary(report: LintReport) -> str:
    counts = []
    for severity in Severity:
        number = sum(one.severity is severity for one in report.findings)
        if number:
            counts.append(f"{number} {severity}{'s' if number > 1 else ''}")
    checked = f"{report.checked} graphs in {len(report.files)} files checked"
    return f"{checked}: {', '.join(counts) if counts else 'no findings'}"
