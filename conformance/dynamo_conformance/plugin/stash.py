"""Where a pytest run keeps its table, and an item its part of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from dynamo_conformance.plugin.table import Table

TABLE: pytest.StashKey[Table] = pytest.StashKey()


@dataclass(slots=True)
class Shown:
    """What a check shows, in words that go from one process to another.

    Attributes:
        level: The level of its example.
        check: What it is called.
        outcome: How it ended; a check that says nothing of its own has failed.
        notes: What a reader should know.
    """

    level: str
    check: str
    outcome: str
    notes: list[str] = field(default_factory=list)

    def plain(self) -> dict[str, str | list[str]]:
        """Return it as what a report takes from one process to another."""
        return {**asdict(self), "outcome": str(self.outcome)}


SHOWN: pytest.StashKey[Shown] = pytest.StashKey()
