"""Rows of the ledger: a proof, or a gap with its reason."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """Every check of a file passed at a level, or cannot be carried out there and says why.

    Attributes:
        date: The day on which it was first seen, with all that follows the same.
        files: The digest of the file and of what it names.
        release: The Dynamo release.
        engine: The engine that served and its version; empty where nothing is served.
        how: How it was shown.
        passed: The checks that passed.
        unsupported: Why the other checks show nothing here, by check.
    """

    date: str
    files: str
    release: str
    engine: str
    how: str
    passed: tuple[str, ...]
    unsupported: Mapping[str, str] = field(default_factory=dict)

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
