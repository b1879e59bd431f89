"""The reporter: what a pytest run saw, written as one page at its end."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING

from dynamo_conformance.ledger.write import write_text
from dynamo_conformance.plugin.collect import CHANGE, ConformanceItem
from dynamo_conformance.plugin.html import Check, Section, page
from dynamo_conformance.plugin.table import Outcome
from dynamo_conformance.plugin.unsupported import reason, why_not_run

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

TITLE = "Dynamo conformance"


class Reporter:
    """Notes how each check ended, and writes the page when the run ends."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._items: dict[str, ConformanceItem] = {}
        self._sections: dict[tuple[str, str], Section] = {}
        self._start = 0.0

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Remember which checks are ours."""
        ours = (item for item in session.items if isinstance(item, ConformanceItem))
        self._items = {item.nodeid: item for item in ours}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note how a check ended; a start or an end that went well is no news."""
        item = self._items.get(report.nodeid)
        if report.when == "setup":
            self._start = report.duration  # In which the first check of a graph has it started.
        if item is None or (report.when != "call" and not report.failed):
            return
        example, _, name = report.nodeid.partition("::")
        section = self._sections.setdefault((example, item.level), Section(example, item.level))
        section.changes.extend(str(said) for key, said in report.user_properties if key == CHANGE)
        start = self._start if report.when == "call" else 0.0
        section.checks.append(_check(name.rpartition("::")[2], report, start + report.duration))

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the page."""
        if session.config.option.collectonly:
            return
        when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
        subtitle = f"{when}, dynamo-conformance {version('dynamo-conformance')}"
        text = page(tuple(self._sections.values()), title=TITLE, subtitle=subtitle)
        write_text(self._path, text)


def _check(name: str, report: pytest.TestReport, seconds: float) -> Check:
    if report.failed:
        return Check(name, Outcome.FAIL, seconds, report.longreprtext)
    if (why := why_not_run(report)) is not None:
        return Check(name, Outcome.NOT_RUN, seconds, why)
    if report.skipped:
        return Check(name, Outcome.UNSUPPORTED, seconds, reason(report) or "not run")
    return Check(name, Outcome.PASS, seconds)
