"""The recorder: what a pytest run saw of each file, for the ledger and against it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pytest

from dynamo_conformance.engines.catalog import RELEASE
from dynamo_conformance.ledger.audit import contradictions
from dynamo_conformance.ledger.content import content_of, other_release
from dynamo_conformance.ledger.ledger import (
    LedgerError,
    fitted,
    merged,
    read_ledger,
    write_text,
)
from dynamo_conformance.ledger.row import Level, Observation
from dynamo_conformance.ledger.tree import read_tree
from dynamo_conformance.plugin.collect import GraphCollector
from dynamo_conformance.plugin.items import WHERE, ConformanceItem
from dynamo_conformance.plugin.summary import reason, why_not_run

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_T = TypeVar("_T")

COLLECTED = "dynamo-collected"
"""What a worker of pytest-xdist reports of the files that it collected."""

_ON_THIS_MACHINE = (Level.LOCAL, Level.SCRIPT, Level.COMPOSE)
"""The levels at which `--dynamo-engine=real` is the engine that is installed."""

_PUBLISHED = "as in the images"
_ENGINES = ("vllm", "sglang", "tensorrt-llm")


class Recorder:
    """Notes every outcome, and at the end writes them into a ledger or holds them against one.

    With pytest-xdist, workers send what they collected, and the process that sees all reports
    decides.
    """

    def __init__(self, config: pytest.Config, ledger: Path, *, writes: bool) -> None:
        self._path = ledger
        self._writes = writes
        self._root = ledger.resolve().parent
        self._real = config.getoption("--dynamo-engine") == "real"
        self._collected: dict[tuple[str, Level], _Collected] = {}
        self._outcomes: dict[str, bool | str] = {}
        self._where: dict[str, str] = {}
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
                checks = node.collect() if isinstance(node, GraphCollector) else (node,)
                graph = node.name.partition("-")[2] if isinstance(node, GraphCollector) else ""
                for check in checks:
                    if isinstance(check, ConformanceItem):
                        self._expect(check, f"{graph}::{check.name}" if graph else check.name)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: object) -> None:
        """Take what a worker of pytest-xdist collected; each of them collects all there is."""
        for path, level, files, expected in getattr(node, "workeroutput", {}).get(COLLECTED, ()):
            key = path, Level(level)
            self._collected.setdefault(key, _Collected(Path(path), files, expected))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note how a check ended."""
        node = report.nodeid
        if where := dict(report.user_properties).get(WHERE):
            self._where[node] = str(where)
        if report.failed or why_not_run(report) is not None:
            self._outcomes[node] = False
        elif (why := reason(report)) is not None:
            self._outcomes[node] = why
        elif report.when == "call" and report.passed:
            self._outcomes.setdefault(node, True)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the ledger, or find what it promises and this run did not show."""
        if session.config.option.collectonly:
            return
        if hasattr(session.config, "workeroutput"):
            session.config.workeroutput[COLLECTED] = [
                (path, str(level), collected.files, collected.expected)
                for (path, level), collected in self._collected.items()
            ]
            return
        observations = tuple(self._observations())
        if self._writes:
            ledger = fitted(merged(self._ledger, observations), read_tree(self._root))
            changed = write_text(self._path, ledger.text())
            self._lines.append(f"{self._path} {'written' if changed else 'is as it was'}")
            return
        self._lines += contradictions(self._ledger, observations)
        if self._lines and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print what was written to the ledger, or contradicts it."""
        if self._lines:
            terminalreporter.section("ledger")
            for line in self._lines:
                terminalreporter.write_line(line)

    def _expect(self, item: ConformanceItem, name: str) -> None:
        level = Level(item.level)
        reached = Level.REAL if self._real and level in _ON_THIS_MACHINE else level
        key = str(item.path), reached
        if key not in self._collected:
            self._collected[key] = _Collected(item.path, content_of(item.path).sha256)
        self._collected[key].expected[item.nodeid] = name

    def _engine(self, level: Level) -> str:
        """Return which engine served."""
        if level is Level.REAL:
            return _installed_engines()
        return _PUBLISHED if self._real and level is Level.KIND else level.engine

    def _observations(self) -> Iterator[Observation]:
        date = datetime.now(UTC).date().isoformat()
        for (_, level), collected in self._collected.items():
            path = collected.path.resolve()
            if not path.is_relative_to(self._root):
                continue
            release = _release(level)
            outcomes = collected.named(self._outcomes)
            where = next(iter(collected.named(self._where).values()), "")
            yield Observation(
                file=path.relative_to(self._root).as_posix(),
                level=level,
                whole=len(outcomes) == len(collected.expected)
                and content_of(path).sha256 == collected.files,
                date=date,
                files=collected.files,
                release=release,
                engine=self._engine(level),
                how=f"{level.how}: {where}" if where else level.how,
                passed=tuple(name for name, outcome in outcomes.items() if outcome is True),
                unsupported={
                    name: outcome for name, outcome in outcomes.items() if isinstance(outcome, str)
                },
                failed=tuple(name for name, outcome in outcomes.items() if outcome is False),
                images=other_release(path, release) if level is not Level.LINT else "",
            )


@dataclass(frozen=True, slots=True)
class _Collected:
    """What was collected of one file at one level.

    Attributes:
        path: The file.
        files: The digest of the file and what it names, as they were collected.
        expected: The name of each check, by its node id.
    """

    path: Path
    files: str
    expected: dict[str, str] = field(default_factory=dict)

    def named(self, by_node: Mapping[str, _T]) -> dict[str, _T]:
        """Return what is known by node id by the names of the checks, in the order of these."""
        return {name: by_node[node] for node, name in self.expected.items() if node in by_node}


def _release(level: Level) -> str:
    """Return the Dynamo release that a level shows something of."""
    if level is Level.LINT:
        return RELEASE
    return _version("ai-dynamo") or RELEASE


def _installed_engines() -> str:
    versions = ((name, _version(name)) for name in _ENGINES)
    return ", ".join(f"{name} {number}" for name, number in versions if number) or "unknown"


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return ""
