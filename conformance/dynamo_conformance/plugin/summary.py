"""The summary: the table that closes a run, one line per example and level, and why what is not so.

How a check ended comes with its report, so that the table is whole whichever process ran it.
UNSUPPORTED and not run are skips with a reason, as pytest reports them, and a deviation is an
expected failure.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import pytest

from dynamo_conformance.probes.probe import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dynamo_conformance.probes.exchange import JsonObject

REPORTED: Final = "dynamo_shown"
"""The attribute of a report that carries what is to be shown of a check."""

MOST_NAMED: Final = 4
"""How many checks a line names; the others are counted."""


@dataclass(slots=True)
class Shown:
    """What a check shows, in words that go from one process to another.

    Attributes:
        level: The level of its example.
        check: Its name.
        outcome: How it ended; a check that sets none has failed.
        reason: Why it neither passed nor failed.
        is_claimed: Whether the graph's manifest claims what it is about.
        notes: What a reader should know.
        served: Model, release and engine of the graph, as far as that was found out.
        record: The result of a probe, as `Result.record` has it.
        exchanges: What a probe that failed was judged by, as `Exchange.record` has it.
    """

    level: str
    check: str
    outcome: str = Outcome.FAIL
    reason: str = ""
    is_claimed: bool = True
    notes: list[str] = field(default_factory=list)
    served: JsonObject = field(default_factory=dict)
    record: JsonObject = field(default_factory=dict)
    exchanges: list[JsonObject] = field(default_factory=list)

    def attach(self, report: pytest.TestReport) -> None:
        """Have the report of the check carry it."""
        plain = {name: getattr(self, name) for name in self.__slots__}
        setattr(report, REPORTED, {**plain, "outcome": str(self.outcome)})


def shown_by(report: pytest.TestReport) -> Shown | None:
    """Return what a report carries of a check; None where it is none's, or nothing happened."""
    plain = getattr(report, REPORTED, None)
    if plain is None:
        return None
    shown = Shown(**plain)
    if report.failed:
        shown.outcome = Outcome.FAIL
    return shown


@dataclass(slots=True)
class Row:
    """One example at one level (lint, local, script, ...).

    Attributes:
        example: The file, as it is called in the tree.
        level: The level.
        checks: The outcome of each check, by its id.
        notes: What a reader should know: how fast it was ready, what kept it from that.
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


def counted(outcomes: Iterable[Outcome]) -> str:
    """Return how many there are of each, such as `PASS 238, DEVIATION 78`."""
    counts = Counter(outcomes)
    return ", ".join(f"{outcome} {counts[outcome]}" for outcome in Outcome if counts[outcome])


def named(names: Sequence[str]) -> str:
    """Return the first names, and how many there are more."""
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more


@dataclass(slots=True)
class Reason:
    """Why checks neither passed nor failed: which ones, and of which examples."""

    checks: dict[str, None] = field(default_factory=dict)
    rows: set[tuple[str, str]] = field(default_factory=set)

    def text(self) -> str:
        """Return the checks, and how many rows of the table have any of them."""
        return f"{named([*self.checks])} ({len(self.rows)} row{'s' * (len(self.rows) != 1)})"


class Table:
    """Rows in the order in which they were first heard of, and reasons that several share."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], Row] = {}
        self._reasons: dict[tuple[str, str], Reason] = {}

    def row(self, example: str, level: str) -> Row:
        """Return the row of an example at a level, made when it is new."""
        return self._rows.setdefault((example, level), Row(example, level))

    def add(self, example: str, shown: Shown, *, position: int = 0) -> None:
        """Take in what a check shows."""
        row = self.row(example, shown.level)
        row.position = position
        outcome = Outcome(shown.outcome)
        row.checks[shown.check] = outcome
        row.notes += (note for note in shown.notes if note not in row.notes)
        if shown.reason:
            reason = self._reasons.setdefault((str(outcome), shown.reason), Reason())
            reason.checks[shown.check] = None
            reason.rows.add((example, shown.level))

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

    def reasons(self) -> list[str]:
        """Return a line for each reason, however many checks have it."""
        ordered = sorted(self._reasons.items(), key=lambda item: [*Outcome].index(item[0][0]))
        return [f"{outcome} {why}: {reason.text()}" for (outcome, why), reason in ordered]


def _cells(row: Row) -> tuple[str, str, str, str, str]:
    failed = [name for name, outcome in row.checks.items() if outcome is Outcome.FAIL]
    notes = "; ".join([*([f"failed: {named(failed)}"] if failed else []), *row.notes])
    return row.example, row.level, str(row.outcome), counted(row.checks.values()), notes


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
        shown = shown_by(report)
        if shown is not None:
            position = self._positions.get(report.nodeid, 0)
            self._table.add(report.nodeid.partition("::")[0], shown, position=position)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Close the run with the table of what was proven."""
        if lines := self._table.lines():
            terminalreporter.section("proven")
            reasons = self._table.reasons()
            for line in (*lines, *([""] if reasons else []), *reasons):
                terminalreporter.write_line(line)
