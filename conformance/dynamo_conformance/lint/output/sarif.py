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
    from collections.abc import Mapping

    from dynamo_conformance.lint.finding import Finding, LintReport
    from dynamo_conformance.manifest.node import Plain

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
DISTRIBUTION = "dynamo-conformance"

_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}


def render(report: LintReport) -> str:
    """Return the report as a SARIF log with one run."""
    return log(report, name="dynamo lint")


def log(report: LintReport, *, name: str, titles: Mapping[str, str] | None = None) -> str:
    """Return a report as a SARIF log with one run.

    Args:
        report: The report.
        name: The program that made it.
        titles: Its rules with what each is about; those of the linter by default.
    """
    rules = sorted({finding.rule for finding in report.findings})
    places = {rule: index for index, rule in enumerate(rules)}
    driver: dict[str, Plain] = {
        "name": name,
        "version": version(DISTRIBUTION),
        "rules": [_rule(rule) if titles is None else _titled(rule, titles) for rule in rules],
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


def _titled(rule: str, titles: Mapping[str, str]) -> dict[str, Plain]:
    return {"id": rule, "shortDescription": {"text": titles[rule]}}


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
