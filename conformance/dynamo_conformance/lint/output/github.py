"""Findings as annotations of a GitHub workflow run (workflow commands)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.output import text
from dynamo_conformance.manifest.terminal_safe import printable

if TYPE_CHECKING:
    from dynamo_conformance.lint.finding import Finding, LintReport

_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}
_LINE_END = re.compile(r"([\r\n]+)")
_IN_TEXT = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_IN_PROPERTY = {**_IN_TEXT, ":": "%3A", ",": "%2C"}


def render(report: LintReport) -> str:
    """Return a workflow command for each finding, and the closing line."""
    return "\n".join([*commands(report), text.summary(report)])


def commands(report: LintReport) -> list[str]:
    """Return a workflow command for each finding."""
    return [_command(finding) for finding in report.findings]


def _command(finding: Finding) -> str:
    properties = {
        "file": finding.file,
        "line": str(finding.line),
        "col": str(finding.column),
        "title": finding.rule,
    }
    listed = ",".join(f"{key}={_escaped(value, _IN_PROPERTY)}" for key, value in properties.items())
    return f"::{_COMMANDS[finding.severity]} {listed}::{_escaped(finding.message, _IN_TEXT)}"


def _escaped(value: str, table: dict[str, str]) -> str:
    lines = (
        part if at % 2 else printable(part) for at, part in enumerate(_LINE_END.split(value))
    )  # fmt: skip
    return "".join(table.get(char, char) for char in "".join(lines))
