"""The recorder: what a pytest run saw of each file, for the ledger and against it."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.engines.catalog import RELEASE
from dynamo_conformance.ledger.audit import contradictions
from dynamo_conformance.ledger.content import content_of
from dynamo_conformance.ledger.ledger import LedgerError, read_ledger
from dynamo_conformance.ledger.level import Level
from dynamo_conformance.ledger.merge import fitted, merged
from dynamo_conformance.ledger.releases import other_release
from dynamo_conformance.ledger.sighting import Sighting
from dynamo_conformance.ledger.tree import read_tree
from dynamo_conformance.ledger.write import write_text
from dynamo_conformance.plugin.collect import WHERE, ConformanceItem, Example
from dynamo_conformance.plugin.unsupported import reason, why_not_run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_ON_THIS_MACHINE = (Level.LOCAL, Level.SCRIPT, Level.COMPOSE)
"""The levels at which `--dynamo-engine=real` is the engine that is installed."""

_PUBLISHED = "as in the images"
_ENGINES = ("vllm", "sglang", "tensorrt-llm")


class Recorder:
    """Notes every outcome, and at the end writes them into a ledger or holds them against one."""

    def __init__(self, config: pytest.Config, *, ledger: Path, writes: bool) -> None:
        self._path = ledger
        self._writes = writes
        self._root = ledger.resolve().parent
        self._real = config.getoption("--dynamo-engine") == "real"
        self._seen: dict[tuple[Path, Level], _Seen] = {}
        self._by_check: dict[str, _Seen] = {}
        self._lines: list[str] = []
        try:
            self._ledger = read_ledger(ledger)
        except LedgerError as error:
            raise pytest.UsageError(str(error)) from error

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Learn which checks there are of each file, whichever of them were selected."""
        items = (item for item in session.items if isinstance(item, ConformanceItem))
        nodes = (node for item in items for node in item.listchain())
        for file in dict.fromkeys(node for node in nodes if isinstance(node, pytest.File)):
            # Asked again, because what pytest remembers is only what was selected.
            for node in file.collect():
                checks = node.collect() if isinstance(node, Example) else (node,)
                graph = node.name.partition("-")[2] if isinstance(node, Example) else ""
                for check in checks:
                    if isinstance(check, ConformanceItem):
                        self._expect(check, f"{graph}::{check.name}" if graph else check.name)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note how a check ended."""
        seen = self._by_check.get(report.nodeid)
        if seen is None:
            return
        told = (str(said) for name, said in report.user_properties if name == WHERE)
        seen.where = next(told, seen.where)
        if report.failed or why_not_run(report) is not None:
            seen.outcomes[report.nodeid] = False
        elif (why := reason(report)) is not None:
            seen.outcomes[report.nodeid] = why
        elif report.when == "call" and report.passed:
            seen.outcomes.setdefault(report.nodeid, True)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the ledger, or find what it promises and this run did not show."""
        if session.config.option.collectonly:
            return
        sightings = tuple(self._sightings())
        if self._writes:
            ledger = fitted(merged(self._ledger, sightings), read_tree(self._root))
            changed = write_text(self._path, ledger.text())
            self._lines.append(f"{self._path} {'written' if changed else 'is as it was'}")
            return
        self._lines += contradictions(self._ledger, sightings)
        if self._lines and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say what became of the ledger."""
        if self._lines:
            terminalreporter.section("ledger")
            for line in self._lines:
                terminalreporter.write_line(line)

    def _expect(self, item: ConformanceItem, name: str) -> None:
        level = Level(item.level)
        reached = Level.REAL if self._real and level in _ON_THIS_MACHINE else level
        if (item.path, reached) not in self._seen:
            self._seen[item.path, reached] = _Seen(item.path)
        seen = self._seen[item.path, reached]
        seen.expected[item.nodeid] = name
        self._by_check[item.nodeid] = seen

    def _engine(self, level: Level) -> str:
        """Return which engine served."""
        if level is Level.REAL:
            return _installed_engines()
        return _PUBLISHED if self._real and level is Level.KIND else level.engine

    def _sightings(self) -> Iterator[Sighting]:
        date = datetime.now(UTC).date().isoformat()
        for (path, level), seen in self._seen.items():
            if not path.resolve().is_relative_to(self._root):
                continue
            release = _release(level)
            outcomes = seen.by_name()
            yield Sighting(
                file=path.resolve().relative_to(self._root).as_posix(),
                level=level,
                whole=seen.whole,
                date=date,
                files=seen.files,
                release=release,
                engine=self._engine(level),
                how=f"{level.how}: {seen.where}" if seen.where else level.how,
                passed=tuple(name for name, outcome in outcomes.items() if outcome is True),
                unsupported={
                    name: outcome for name, outcome in outcomes.items() if isinstance(outcome, str)
                },
                failed=tuple(name for name, outcome in outcomes.items() if outcome is False),
                images=other_release(path, release) if level is not Level.LINT else "",
            )


class _Seen:
    """What was seen of one file at one level.

    Attributes:
        files: The digest of the file and what it names, as they were collected.
        expected: What each check that there is is called, by its node id.
        outcomes: By node id: whether the check passed, or why it shows nothing.
        where: Where the checks were carried out, if they tell.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.files = content_of(path).sha256
        self.expected: dict[str, str] = {}
        self.outcomes: dict[str, bool | str] = {}
        self.where = ""

    @property
    def whole(self) -> bool:
        """Whether all was carried out, and on the bytes that are there now."""
        return (
            self.outcomes.keys() == self.expected.keys()
            and content_of(self._path).sha256 == self.files
        )

    def by_name(self) -> dict[str, bool | str]:
        """Return the outcomes by the names of the checks, in the order of these."""
        found = self.outcomes
        return {name: found[node] for node, name in self.expected.items() if node in found}


def _release(level: Level) -> str:
    """Return the Dynamo release that a level says something of."""
    if level is Level.LINT:
        return RELEASE
    return _version("ai-dynamo") or RELEASE


def _installed_engines() -> str:
    found = ((name, _version(name)) for name in _ENGINES)
    return ", ".join(f"{name} {number}" for name, number in found if number) or "unknown"


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return ""
