"""Findings as SARIF 2.1.0, which code scanning of most forges reads."""

from __future__ import annotations

import os
from importlib.metadata import version
from pathlib import PurePath
from typing import TYPE_CHECKING
from urllib.parse import quote

from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.output import json_text
from dynamo_conformance.lint.rule_pages import page_of

if TYPE_CHECKING:
    from dynamo_conformance.lint.finding import Finding, LintReport
    from dynamo_conformance.manifest.node import Plain

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
DISTRIBUTION = "dynamo-conformance"

_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}


def render(report: LintReport) -> str:
    """Return the report as a SARIF log with one run."""
    rules = sorted({finding.rule for finding in report.findings})
    places = {rule: index for index, rule in enumerate(rules)}
    driver: dict[str, Plain] = {
        "name": "dynamo lint",
        "version": version(DISTRIBUTION),
        "rules": [_rule(rule) for rule in rules],
    }
    run: dict[str, Plain] = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(finding, places[finding.rule]) for finding in report.findings],
    }
    return json_text({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]})


def _rule(rule: str) -> dict[str, Plain]:
    page = page_of(rule)
    return {
        "id": rule,
        "shortDescription": {"text": page.title},
        "fullDescription": {"text": page.why or page.title},
        "help": {"text": page.fix or page.title},
    }


def _result(finding: Finding, index: int) -> dict[str, Plain]:
    region: dict[str, Plain] = {"startLine": finding.line, "startColumn": finding.column}
    if finding.source:
        region["snippet"] = {"text": finding.source}
    place: dict[str, Plain] = {
        "physicalLocation": {
            "artifactLocation": {"uri": quote(os.fsencode(PurePath(finding.file).as_posix()))},
            "region": region,
        }
    }
    if finding.path:
        place["logicalLocations"] = [{"fullyQualifiedName": finding.path}]
    return {
        "ruleId": finding.rule,
        "ruleIndex": index,
        "level": _LEVELS[finding.severity],
        "message": {"text": finding.message},
        "locations": [place],
    }
