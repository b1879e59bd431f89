"""Sightings: what one run saw of a file at a level."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dynamo_conformance.ledger.row import Gap, Proof, Row

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dynamo_conformance.ledger.level import Level


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
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
        passed: The checks that passed.
        unsupported: Why checks show nothing here, by check.
        failed: The checks that failed.
        images: Which Dynamo release the file's own images hold, where they are of another one.
    """

    file: str
    level: Level
    whole: bool
    date: str
    files: str
    release: str
    engine: str
    how: str
    passed: tuple[str, ...] = ()
    unsupported: Mapping[str, str] = field(default_factory=dict)
    failed: tuple[str, ...] = ()
    images: str = ""

    @property
    def row(self) -> Row:
        """The row that it comes to."""
        if self.failed:
            return Gap(f"failed on {self.date}: {', '.join(self.failed)}")
        if not self.passed:
            return Gap(f"UNSUPPORTED: {'; '.join(dict.fromkeys(self.unsupported.values()))}")
        if self.images:
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
            unsupported=self.unsupported,
        )
