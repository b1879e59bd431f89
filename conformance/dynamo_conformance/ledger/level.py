"""Levels: how far something was taken to be proven."""

from __future__ import annotations

from enum import StrEnum

from dynamo_conformance.mock_engine import version as mock_engine_version


class Level(StrEnum):
    """How far a file was taken, in the order of how much that shows."""

    LINT = "lint"
    LOCAL = "local"
    SCRIPT = "script"
    COMPOSE = "compose"
    KIND = "kind"
    CLUSTER = "cluster"
    REAL = "real"

    @property
    def how(self) -> str:
        """How something is proven at this level, unless the run itself tells more."""
        return _HOW[self]

    @property
    def engine(self) -> str:
        """Which engine served, unless the run itself tells it; empty where nothing is served."""
        return f"mock {mock_engine_version()}" if self in _PLAYED else ""

    @property
    def not_run(self) -> str:
        """What to say of something that was never taken so far."""
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
    Level.CLUSTER: "applied as published in a live cluster",
    Level.REAL: "with the installed engine, on one machine",
}
_NEEDS = {
    Level.CLUSTER: "a cluster with the Dynamo operator and GPUs",
    Level.REAL: "the engine and its GPUs",
}
_PLAYED = (Level.LOCAL, Level.SCRIPT, Level.COMPOSE, Level.KIND)
