"""The results of a run as a table, as JSON, as JUnit, and beside those of another run."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree as ET

from dynamo_conformance.probes.probe import Outcome

if TYPE_CHECKING:
    from dynamo_conformance.probes.exchange import Json, JsonObject
    from dynamo_conformance.probes.probe import Profile, Result

DISTRIBUTION: Final = "dynamo-conformance"
_NOT_XML: Final = {code: "\ufffd" for code in range(32) if chr(code) not in "\t\n\r"} | {
    0xFFFE: "\ufffd", 0xFFFF: "\ufffd",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All results of a run, and where it was.

    Attributes:
        date: When it began, as ISO 8601 has it.
    """

    url: str
    model: str
    release: str | None
    engine: str | None
    profile: Profile
    date: str
    seconds: float
    results: tuple[Result, ...]

    @property
    def failed(self) -> tuple[Result, ...]:
        """The results that are failures."""
        return tuple(one for one in self.results if one.outcome is Outcome.FAIL)

    def counts(self) -> dict[str, Counter[Outcome]]:
        """Return how often there is each outcome, by area."""
        counted: dict[str, Counter[Outcome]] = {}
        for one in self.results:
            counted.setdefault(one.probe.area, Counter())[one.outcome] += 1
        return counted

    def record(self) -> JsonObject:
        """Return it as JSON."""
        return {
            "version": version(DISTRIBUTION),
            "release": self.release,
            "engine": self.engine,
            "date": self.date,
            "profile": str(self.profile),
            "url": self.url,
            "model": self.model,
            "seconds": round(self.seconds, 3),
            "results": [one.record() for one in self.results],
        }


def json_text(report: Report) -> str:
    """Return a report as JSON."""
    return json.dumps(report.record(), indent=1, ensure_ascii=False) + "\n"


def text(report: Report) -> str:
    """Return a report as a table of areas, and what did not pass below it."""
    total: Counter[Outcome] = Counter()
    rows = [["area", *(str(one) for one in Outcome)]]
    for area, counted in report.counts().items():
        total += counted
        rows.append([area, *(str(counted[one] or "") for one in Outcome)])
    rows.append(["all", *(str(total[one]) for one in Outcome)])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        f"{report.model} at {report.url}",
        f"release {report.release or 'unknown'}, engine {report.engine or 'unknown'}",
        f"profile {report.profile}, {report.seconds:.1f} s",
        "",
        *(_row(row, widths) for row in rows),
    ]
    for one in report.results:
        if one.outcome is Outcome.FAIL:
            lines += ["", *failure_lines(one)]
    lines += _grouped(report, Outcome.DEVIATION)
    lines += _grouped(report, Outcome.UNSUPPORTED)
    lines += _grouped(report, Outcome.NOT_RUN)
    return "\n".join(lines) + "\n"


def _row(row: list[str], widths: list[int]) -> str:
    first, *others = (
        cell.ljust(width) if column == 0 else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    )
    return "  ".join([first, *others]).rstrip()


def failure_lines(result: Result) -> list[str]:
    """Return what a probe that failed says: what must be so, what came, and how to repeat it."""
    return [
        f"FAIL {result.probe.id}: {result.probe.sentence}",
        f"  source:    {result.probe.source}",
        f"  expected:  {result.expected}",
        f"  got:       {result.got}",
        f"  to repeat: {result.curl}",
    ]


def _grouped(report: Report, outcome: Outcome) -> list[str]:
    """Return the results of an outcome, those with the same reason in one line."""
    reasons: dict[str, list[str]] = {}
    for one in report.results:
        if one.outcome is outcome:
            reasons.setdefault(one.reason, []).append(one.probe.id)
    lines = [f"{outcome} {reason}: {', '.join(ids)}" for reason, ids in reasons.items()]
    return ["", *lines] if lines else []


def junit(report: Report) -> str:
    """Return a report as JUnit XML: deviations and what is not shown are skipped tests."""
    outcomes = Counter(one.outcome for one in report.results)
    skipped = len(report.results) - outcomes[Outcome.PASS] - outcomes[Outcome.FAIL]
    suite = ET.Element(
        "testsuite",
        name="dynamo probe",
        tests=str(len(report.results)),
        failures=str(outcomes[Outcome.FAIL]),
        errors="0",
        skipped=str(skipped),
        time=f"{report.seconds:.3f}",
        timestamp=report.date,
    )
    for one in report.results:
        case = ET.SubElement(
            suite,
            "testcase",
            classname=one.probe.area,
            name=one.probe.id,
            time=f"{one.seconds:.3f}",
        )
        if one.outcome is Outcome.FAIL:
            message = f"expected {one.expected}, got {one.got}".translate(_NOT_XML)
            failure = ET.SubElement(case, "failure", message=message)
            failure.text = "\n".join(failure_lines(one)).translate(_NOT_XML)
        elif one.outcome is not Outcome.PASS:
            message = f"{one.outcome}: {one.reason}".translate(_NOT_XML)
            ET.SubElement(case, "skipped", message=message)
    return ET.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


class NotAReportError(ValueError):
    """A file holds no report."""


def read_outcomes(content: str) -> dict[str, str]:
    """Return the outcomes of an older report, by probe.

    Raises:
        NotAReportError: It is none.
    """
    try:
        read: Json = json.loads(content)
    except ValueError as error:
        raise NotAReportError(f"no JSON: {error}") from error
    results = read.get("results") if isinstance(read, dict) else None
    if not isinstance(results, list):
        raise NotAReportError("there is no list of results in it")
    return {str(one.get("id")): str(one.get("outcome")) for one in results if isinstance(one, dict)}


def compared(old: dict[str, str], report: Report) -> list[str]:
    """Return one line for each probe whose outcome is another now."""
    new = {one.probe.id: str(one.outcome) for one in report.results}
    lines = [
        f"{name}: {old.get(name, 'not there')} -> {outcome}"
        for name, outcome in new.items()
        if old.get(name) != outcome
    ]
    return lines + [f"{name}: {old[name]} -> not there" for name in old if name not in new]
