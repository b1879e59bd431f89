"""Findings as a JUnit report: a test case for each document, failed when it has errors."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.manifest.terminal_safe import shown

if TYPE_CHECKING:
    from dynamo_conformance.lint.finding import CheckedDocument, Finding, LintReport

_NO_XML = re.compile(
    r"[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
)


def render(report: LintReport, *, name: str = "dynamo lint") -> str:
    """Return the report of the program called `name` as XML."""
    failed = sum(_failed(checked) for checked in report.documents)
    totals = {"tests": str(len(report.documents)), "failures": str(failed), "errors": "0"}
    root = ET.Element("testsuites", {"name": name, "time": "0", **totals})
    by_file: dict[str, list[CheckedDocument]] = {}
    for document in report.documents:
        by_file.setdefault(document.file, []).append(document)
    for file, documents in by_file.items():
        _suite(root, file, documents)
    ET.indent(root)
    written = ET.tostring(root, encoding="unicode", xml_declaration=True)
    return written.replace("##", "&#35;#")  # A runner takes `##[` in any line for a command.


def _suite(root: ET.Element, file: str, documents: list[CheckedDocument]) -> None:
    suite = ET.SubElement(
        root,
        "testsuite",
        name=_clean(file),
        tests=str(len(documents)),
        failures=str(sum(_failed(checked) for checked in documents)),
        errors="0",
        skipped="0",
        time="0",
    )
    for document in documents:
        name = f"{document.kind or 'document'} {document.name or document.index}"
        case = ET.SubElement(suite, "testcase", name=_clean(name), classname=_clean(file), time="0")
        errors = [finding for finding in document.findings if finding.severity is Severity.ERROR]
        others = [
            finding for finding in document.findings if finding.severity is not Severity.ERROR
        ]
        if errors:
            count = f"{len(errors)} errors: " if len(errors) > 1 else ""
            message = _clean(f"{count}{errors[0].message}")
            failure = ET.SubElement(case, "failure", type=errors[0].rule, message=message)
            failure.text = _listed(errors)
        if others:
            ET.SubElement(case, "system-out").text = _listed(others)


def _failed(document: CheckedDocument) -> bool:
    return any(finding.severity is Severity.ERROR for finding in document.findings)


def _listed(findings: list[Finding]) -> str:
    lines = (
        f"{finding.where}: {finding.severity}: {finding.message} [{finding.rule}]"
        for finding in findings
    )
    return _clean("\n".join(shown(line) for line in lines))


def _clean(text: str) -> str:
    """Return `text` without what XML cannot hold, nor a terminal should be given."""
    return _NO_XML.sub("?", text)
