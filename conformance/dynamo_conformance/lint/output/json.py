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
            "findings": [_finding(found) for found in document.findings],
        }
        for document in report.documents
    ]
    return json_text({"version": VERSION, "files": report.files, "documents": documents})


def _finding(found: Finding) -> dict[str, str | int]:
    return {
        "rule": found.rule,
        "severity": str(found.severity),
        "line": found.line,
        "column": found.column,
        "path": found.path,
        "message": found.message,
    }
