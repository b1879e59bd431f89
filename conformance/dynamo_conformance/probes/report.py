"""The results of a run, and where it was: as a table, as JSON, as JUnit, as a page."""

from __future__ import annotations

import json
import platform
import textwrap
from collections import Counter
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree as ET

from dynamo_conformance.manifest.terminal_safe import shown
from dynamo_conformance.probes.probe import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dynamo_conformance.probes.exchange import JsonObject
    from dynamo_conformance.probes.probe import Profile, Result

DISTRIBUTION: Final = "dynamo-conformance"
WIDTH: Final = 80
_NOT_XML: Final = {code: "\ufffd" for code in range(32) if chr(code) not in "\t\n\r"} | {
    0xFFFE: "\ufffd", 0xFFFF: "\ufffd",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All results of a run, and where it was.

    Attributes:
        date: When it began, as ISO 8601 has it.
        seconds: How long it took.
        only: The probes and areas that were named; empty when the whole profile was judged.
        exchanges: The recorded exchanges of what failed, by name; they hold no secret.
    """

    url: str
    model: str
    release: str | None
    engine: str | None
    profile: Profile
    date: str
    seconds: float
    results: tuple[Result, ...]
    only: tuple[str, ...] = ()
    exchanges: Mapping[str, JsonObject] = field(default_factory=dict)

    @property
    def failed(self) -> tuple[Result, ...]:
        """The results that are failures."""
        return tuple(result for result in self.results if result.outcome is Outcome.FAIL)

    def counts(self) -> dict[str, Counter[Outcome]]:
        """Return how often there is each outcome, by area."""
        counted: dict[str, Counter[Outcome]] = {}
        for result in self.results:
            counted.setdefault(result.probe.area, Counter())[result.outcome] += 1
        return counted

    def record(self) -> JsonObject:
        """Return it as JSON."""
        selection: JsonObject = {"only": list(self.only)} if self.only else {}
        return {
            "version": version(DISTRIBUTION),
            "release": self.release,
            "engine": self.engine,
            "date": self.date,
            "profile": str(self.profile),
            **selection,
            "url": self.url,
            "model": self.model,
            "machine": machine(),
            "seconds": round(self.seconds, 3),
            "results": [result.record() for result in self.results],
        }


def machine() -> JsonObject:
    """Return what asks: its Python and its platform, but no name of the machine."""
    return {"python": platform.python_version(), "platform": platform.platform()}


def json_text(report: Report) -> str:
    """Return a report as JSON, in ASCII: no terminal obeys anything in it."""
    return json.dumps(report.record(), indent=1) + "\n"


def html(report: Report) -> str:
    """Return a report as a page that needs nothing else."""
    from dynamo_conformance.probes.page import Section, about, page

    record = report.record()
    section = Section(
        name=f"{report.model} at {report.url}",
        about=about(record),
        results=tuple(result.record() for result in report.results),
        exchanges=report.exchanges,
    )
    return page((section,), title="OpenAI endpoint", record=record)


def text(report: Report) -> str:
    """Return a report as a table of areas, and what did not pass below it, for 80 columns."""
    total: Counter[Outcome] = Counter()
    rows = [["area", *map(str, Outcome)]]
    for area, counted in report.counts().items():
        total += counted
        rows.append([area, *(str(counted[outcome] or "") for outcome in Outcome)])
    rows.append(["all", *(str(total[outcome]) for outcome in Outcome)])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        shown(f"{report.model} at {report.url}"),
        shown(f"release {report.release or 'unknown'}, engine {report.engine or 'unknown'}"),
        f"profile {report.profile}, {report.seconds:.1f} s",
        "",
        *(_row(row, widths) for row in rows),
    ]
    for result in report.failed:
        lines += ["", *failure_lines(result)]
    for outcome in (Outcome.DEVIATION, Outcome.UNSUPPORTED, Outcome.NOT_RUN):
        lines += _grouped(report, outcome)
    return "\n".join(lines) + "\n"


def _row(row: list[str], widths: list[int]) -> str:
    first, *others = (
        cell.ljust(width) if column == 0 else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    )
    return "  ".join([first, *others]).rstrip()


def failure_lines(result: Result) -> Iterable[str]:
    """Yield the lines of a failure; the one that repeats it stays whole, to be copied."""
    probe = result.probe
    yield from wrapped(f"FAIL {probe.id}: {probe.sentence}", indent=5)
    for label, words in (
        ("source:", probe.source),
        ("expected:", result.expected),
        ("got:", result.got),
    ):
        yield from wrapped(f"  {label:<10} {words}", indent=13)
    if result.curl:
        yield f"  to repeat: {result.curl}"


def _grouped(report: Report, outcome: Outcome) -> list[str]:
    """Return the results of an outcome, those with the same reason together."""
    reasons: dict[str, list[str]] = {}
    for result in report.results:
        if result.outcome is outcome:
            reasons.setdefault(result.reason, []).append(result.probe.id)
    lines = []
    for reason, ids in reasons.items():
        lines += wrapped(f"{outcome} {reason}: {', '.join(ids)}", indent=2)
    return ["", *lines] if lines else []


def wrapped(line: str, *, indent: int = 0) -> list[str]:
    """Return a line as several; no word is broken, so that it can be copied, and none obeyed."""
    return textwrap.wrap(
        shown(line),
        WIDTH,
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def junit(report: Report) -> str:
    """Return a report as JUnit XML: deviations and what is not shown are skipped tests."""
    outcomes = Counter(result.outcome for result in report.results)
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
    for result in report.results:
        case = ET.SubElement(
            suite,
            "testcase",
            classname=result.probe.area,
            name=result.probe.id,
            time=f"{result.seconds:.3f}",
        )
        if result.outcome is Outcome.FAIL:
            message = f"expected {result.expected}, got {result.got}".translate(_NOT_XML)
            failure = ET.SubElement(case, "failure", message=message)
            failure.text = "\n".join(failure_lines(result)).translate(_NOT_XML)
        elif result.outcome is not Outcome.PASS:
            message = f"{result.outcome}: {result.reason}".translate(_NOT_XML)
            ET.SubElement(case, "skipped", message=message)
    return ET.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"
