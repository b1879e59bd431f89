"""Findings for programs, as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.lint.output import json_text

if TYPE_CHECKING:
    from dynamo_conformance.lint.finding import Finding, LintReport

VERSION = 1
"""Grows when a field changes its meaning or goes; not when one is added."""


def render(report: LintReport) -> str:
    """Return every checked document with its findings; docs/lint.md describes the fields."""
    documents = [
        {
            "file": document.file,
            "index": document.index,
            "kind": document.kind,
            "name": document.name,
            "releases": {str(release): count for release, count in document.releases},
            "findings": [_finding(finding) for finding in document.findings],
        }
        for document in report.documents
    ]
    return json_text({"version": VERSION, "files": report.files, "documents": documents})


def _finding(finding: Finding) -> dict[str, str | int]:
    return {
        "rule": finding.rule,
        "severity": str(finding.severity),
        "line": finding.line,
        "column": finding.column,
        "path": finding.path,
        "message": finding.message,
    }
