"""The summary: the table that closes a run, one line per example and level.

How a check ended comes with its report, so that the table is whole whichever process ran it.
UNSUPPORTED and not run are skips with a reason, as pytest reports them.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

UNSUPPORTED = "UNSUPPORTED: "
NOT_RUN = "not run: "
REPORTED = "dynamo_shown"
"""The attribute of a report that carries what the table is to show of a check."""


def reason(report: pytest.TestReport) -> str | None:
    """Return why a check shows nothing here, or None when it does, or was skipped otherwise."""
    return _behind(UNSUPPORTED, report)


def why_not_run(report: pytest.TestReport) -> str | None:
    """Return which failure kept a check from being carried out, or None when nothing did."""
    return _behind(NOT_RUN, report)


def _behind(mark: str, report: pytest.TestReport) -> str | None:
    if not report.skipped or not isinstance(report.longrepr, tuple):
        return None
    _, separator, why = report.longrepr[2].partition(mark)
    return why if separator else None


class Outcome(StrEnum):
    """How a check ended."""

    PASS = "PASS"  # noqa: S105 - an outcome, no password
    FAIL = "FAIL"
    UNSUPPORTED = "UNSUPPORTED"
    NOT_RUN = "not run"


@dataclass(slots=True)
class Shown:
    """What a check shows, in words that go from one process to another.

    Attributes:
        level: The level of its example.
        check: Its name.
        outcome: How it ended; a check that sets none has failed.
        notes: What a reader should know.
    """

    level: str
    check: str
    outcome: str
    notes: list[str] = field(default_factory=list)

    def attach(self, report: pytest.TestReport) -> None:
        """Have the report of the check carry it."""
        setattr(report, REPORTED, {**asdict(self), "outcome": str(self.outcome)})


@dataclass(slots=True)
class Row:
    """One example at one level (lint, local, script, ...).

    Attributes:
        example: The file, as it is called in the tree.
        level: The level.
        checks: The outcome of each check, by its id.
        notes: What a reader should know: why something is unsupported, how fast it was ready.
        position: Where it comes, when that is not the order of the reports.
    """

    example: str
    level: str
    checks: dict[str, Outcome] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    position: int = 0

    @property
    def outcome(self) -> Outcome:
        """FAIL if any check failed, PASS if any passed, else UNSUPPORTED."""
        return outcome_of(self.checks.values())


def outcome_of(outcomes: Iterable[Outcome]) -> Outcome:
    """Return FAIL if any is, PASS if any is, else UNSUPPORTED."""
    present = set(outcomes)
    for outcome in (Outcome.FAIL, Outcome.PASS):
        if outcome in present:
            return outcome
    return Outcome.UNSUPPORTED


class Table:
    """Rows in the order in which they were first heard of."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], Row] = {}

    def row(self, example: str, level: str) -> Row:
        """Return the row of an example at a level, made when it is new."""
        return self._rows.setdefault((example, level), Row(example, level))

    def lines(self) -> list[str]:
        """Return the table as text, its columns aligned."""
        if not self._rows:
            return []
        header = ("example", "level", "outcome", "checks", "")
        rows = sorted(self._rows.values(), key=lambda row: row.position)
        body = [header, *map(_cells, rows)]
        widths = [max(len(cells[column]) for cells in body) for column in range(len(header))]
        return [
            "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()
            for cells in body
        ]


def _cells(row: Row) -> tuple[str, str, str, str, str]:
    passed = sum(outcome is Outcome.PASS for outcome in row.checks.values())
    quiet = (Outcome.PASS, Outcome.NOT_RUN)
    other = [f"{name} {outcome}" for name, outcome in row.checks.items() if outcome not in quiet]
    left = sum(outcome is Outcome.NOT_RUN for outcome in row.checks.values())
    notes = "; ".join([*other, *([f"{left} not run"] if left else []), *row.notes])
    return row.example, row.level, str(row.outcome), f"{passed}/{len(row.checks)}", notes


class Summary:
    """Gathers the closing table from the reports, of other processes too."""

    def __init__(self) -> None:
        self._table = Table()
        self._positions: dict[str, int] = {}

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Sequence[str]) -> None:
        """Learn the order of the checks, in which reports of several processes do not come."""
        self._positions = {node: position for position, node in enumerate(ids)}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note what a check shows."""
        plain = getattr(report, REPORTED, None)
        if plain is None:
            return
        shown = Shown(**plain)
        row = self._table.row(report.nodeid.partition("::")[0], shown.level)
        row.position = self._positions.get(report.nodeid, 0)
        row.checks[shown.check] = Outcome.FAIL if report.failed else Outcome(shown.outcome)
        row.notes += (note for note in shown.notes if note not in row.notes)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Close the run with the table of what was proven."""
        if lines := self._table.lines():
            terminalreporter.section("proven")
            for line in lines:
                terminalreporter.write_line(line)
