"""The page of a run, which needs nothing else: outcomes, reasons, changes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import escape
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from dynamo_conformance.ledger.ledger import write_text
from dynamo_conformance.plugin.items import CHANGE
from dynamo_conformance.plugin.summary import outcome_of, shown_by
from dynamo_conformance.probes.probe import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import pytest

TITLE = "Dynamo conformance"

_STYLE = Path(__file__).with_name("html.css")


@dataclass(frozen=True, slots=True)
class Check:
    """How one check ended.

    Attributes:
        name: Its name.
        outcome: How it ended.
        seconds: How long it took.
        why: Why it did not pass; empty when it did.
    """

    name: str
    outcome: Outcome
    seconds: float
    why: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """One example at one level.

    Attributes:
        example: The file.
        level: The level.
        checks: Its checks, in their order.
        changes: What was different from the published file.
    """

    example: str
    level: str
    checks: list[Check] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)

    @property
    def outcome(self) -> Outcome:
        """How the example stands."""
        return outcome_of(check.outcome for check in self.checks)


def page(sections: Sequence[Section], *, title: str, subtitle: str) -> str:
    """Return the page."""
    return "\n".join(
        (
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width,initial-scale=1">',
            f"<title>{escape(title)}</title>",
            f"<style>\n{_STYLE.read_text(encoding='utf-8').strip()}\n</style></head><body>",
            f"<h1>{escape(title)}</h1><p>{escape(subtitle)}. {_summary(sections)}</p>",
            *_overview(sections),
            *(line for index, section in enumerate(sections) for line in _details(section, index)),
            "</body></html>\n",
        )
    )


def _summary(sections: Iterable[Section]) -> str:
    outcomes = [section.outcome for section in sections]
    counted = ((outcomes.count(outcome), outcome) for outcome in Outcome)
    return ", ".join(f"{_badge(outcome)} {number}" for number, outcome in counted if number)


def _overview(sections: Sequence[Section]) -> Iterator[str]:
    yield "<table><thead><tr><th>example<th>level<th>outcome<th>checks<th>seconds</tr></thead>"
    yield "<tbody>"
    for index, section in enumerate(sections):
        passed = sum(check.outcome is Outcome.PASS for check in section.checks)
        seconds = sum(check.seconds for check in section.checks)
        yield (
            f'<tr><td><a href="#s{index}">{escape(section.example)}</a><td>{escape(section.level)}'
            f"<td>{_badge(section.outcome)}<td>{passed}/{len(section.checks)}<td>{seconds:.1f}</tr>"
        )
    yield "</tbody></table>"


def _details(section: Section, index: int) -> Iterator[str]:
    opened = " open" if section.outcome is Outcome.FAIL else ""
    name = f"{escape(section.example)}, {escape(section.level)}"
    yield f'<details id="s{index}"{opened}><summary>{_badge(section.outcome)} {name}</summary><ul>'
    for check in section.checks:
        seconds = f"{check.seconds:.1f} s"
        why = f"<pre>{escape(check.why)}</pre>" if check.why else ""
        yield f"<li>{_badge(check.outcome)} {escape(check.name)}, {seconds}{why}</li>"
    yield "</ul>"
    if section.changes:
        yield "<p>Different from the published file:</p><ul>"
        yield from (f"<li>{escape(change)}</li>" for change in section.changes)
        yield "</ul>"
    yield "</details>"


def _badge(outcome: Outcome) -> str:
    return f'<b class="{outcome.lower().replace(" ", "-")}">{outcome}</b>'


class HtmlReport:
    """Notes how each check ended, in whichever process, and writes the page when the run ends."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._sections: dict[tuple[str, str], Section] = {}
        self._ended: dict[tuple[str, str], float] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note how a check ended; a start or an end that went well is no news."""
        shown = shown_by(report)
        if shown is None or (report.when != "call" and not report.failed):
            return
        example, _, name = report.nodeid.partition("::")
        key = example, shown.level
        section = self._sections.setdefault(key, Section(*key))
        properties = dict(report.user_properties)
        section.changes.extend(str(text) for name, text in report.user_properties if name == CHANGE)
        # A job records when a check had ended, counted from the start of the graph.
        ended = float(str(properties.get("seconds", 0.0)))
        seconds = max(ended - self._ended.get(key, 0.0), 0.0) if ended else report.duration
        self._ended[key] = max(ended, self._ended.get(key, 0.0))
        why = report.longreprtext if report.failed else shown.reason
        check = Check(name.rpartition("::")[2], Outcome(shown.outcome), seconds, why)
        section.checks.append(check)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the page."""
        if session.config.option.collectonly:
            return
        when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
        subtitle = f"{when}, dynamo-conformance {version('dynamo-conformance')}"
        text = page(tuple(self._sections.values()), title=TITLE, subtitle=subtitle)
        write_text(self._path, text)
