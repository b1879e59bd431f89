"""Rows of the ledger: at which level a file was run, what was observed, and what that proves."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from dynamo_conformance.mock_engine import version as mock_engine_version

if TYPE_CHECKING:
    from collections.abc import Mapping


class Level(StrEnum):
    """How far a file was taken, in the order of how much that shows."""

    LINT = "lint"
    LOCAL = "local"
    SCRIPT = "script"
    COMPOSE = "compose"
    KIND = "kind"
    CPU = "cpu"
    CLUSTER = "cluster"
    REAL = "real"

    @property
    def how(self) -> str:
        """How something is proven at this level, unless the run itself reports more."""
        return _HOW[self]

    @property
    def engine(self) -> str:
        """Which engine served, unless the run itself reports it; empty where nothing is served."""
        return f"mock {mock_engine_version()}" if self in _SIMULATED else ""

    @property
    def not_run(self) -> str:
        """The reason to give for something that was never taken to this level."""
        needs = _NEEDS.get(self)
        return f"{NOT_RUN}: needs {needs}" if needs else NOT_RUN


NOT_RUN = "not run"
"""How the reason of a row begins that nobody has tried to prove."""

_HOW = {
    Level.LINT: "dynamo lint",
    Level.LOCAL: "its pods as processes of one machine",
    Level.SCRIPT: "the script as published",
    Level.COMPOSE: "the compose file as published",
    Level.KIND: "applied as published in a kind cluster",
    Level.CPU: "with the engine itself on a CPU, and random weights",
    Level.CLUSTER: "applied as published in a live cluster",
    Level.REAL: "with the installed engine, on one machine",
}
_NEEDS = {
    Level.CPU: "an engine that was built for CPUs",
    Level.CLUSTER: "a cluster with the Dynamo operator and GPUs",
    Level.REAL: "the engine and its GPUs",
}
_SIMULATED = (Level.LOCAL, Level.SCRIPT, Level.COMPOSE, Level.KIND)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """No check of a file failed at a level; what is not shown there says why.

    There are hundreds of probes, so that they are counted by their area; those of the manifest's
    own promises (`graph.prefill`) and checks that are no probes (`ready`) are on their own.

    Attributes:
        date: The day on which it was first seen, with all that follows the same.
        files: The digest of the file and of what it names.
        release: The Dynamo release.
        engine: The engine that served and its version; empty where nothing is served.
        how: How it was shown.
        passed: How many checks passed, by area.
        profile: Which probes were asked; empty where none were.
        deviations: How many checks the release is known to fail, by area.
        unsupported: Why what the manifest claims is not shown here, by area.
        by: The file that was served in its place, in the words of another release, if one was.
    """

    date: str
    files: str
    release: str
    engine: str
    how: str
    passed: Mapping[str, int]
    profile: str = ""
    deviations: Mapping[str, int] = field(default_factory=dict)
    unsupported: Mapping[str, str] = field(default_factory=dict)
    by: str = ""

    @property
    def mock_engine(self) -> str:
        """The version of the mock engine that served, or an empty string."""
        name, _, version = self.engine.partition(" ")
        return version if name == "mock" else ""


@dataclass(frozen=True, slots=True)
class Gap:
    """Something is not proven.

    Attributes:
        why: The reason.
    """

    why: str


Row: TypeAlias = Proof | Gap


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What a run saw.

    Attributes:
        file: The file, as the ledger calls it.
        level: The level.
        whole: Whether every check that there is was carried out, on a file that stayed as it was.
        date: The day.
        files: The digest of the file and of what it names.
        release: The Dynamo release that ran.
        engine: The engine that served; empty where nothing is served.
        how: How it was done.
        passed: How many checks passed, by area.
        profile: Which probes were asked; empty where none were.
        deviations: How many checks the release is known to fail, by area.
        unsupported: Why what the manifest claims is not shown here, by area.
        failed: The checks that failed.
        images: Which Dynamo release the file's own images hold, where they are of another one.
        is_elsewhere: Whether another release than the installed one ran it.
        by: The file that was served in its place, if one was.
    """

    file: str
    level: Level
    whole: bool
    date: str
    files: str
    release: str
    engine: str
    how: str
    passed: Mapping[str, int] = field(default_factory=dict)
    profile: str = ""
    deviations: Mapping[str, int] = field(default_factory=dict)
    unsupported: Mapping[str, str] = field(default_factory=dict)
    failed: tuple[str, ...] = ()
    images: str = ""
    is_elsewhere: bool = False
    by: str = ""

    @property
    def row(self) -> Row:
        """The row that it comes to."""
        if self.failed:
            return Gap(f"failed on {self.date}: {', '.join(self.failed)}")
        if not self.passed:
            return Gap(f"UNSUPPORTED: {'; '.join(dict.fromkeys(self.unsupported.values()))}")
        if self.images and not self.is_elsewhere:
            return Gap(
                f"run with Dynamo {self.release}, which shows nothing of the images' {self.images}"
            )
        return Proof(
            date=self.date,
            files=self.files,
            release=self.release,
            engine=self.engine,
            how=self.how,
            passed=self.passed,
            profile=self.profile,
            deviations=self.deviations,
            unsupported=self.unsupported,
            by=self.by,
        )
