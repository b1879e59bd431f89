"""Known deviations: rows of data, each with the release and engine that it was seen with."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from dynamo_conformance.probes.probe import Outcome

if TYPE_CHECKING:
    from dynamo_conformance.probes.probe import Feature, Result

FILE: Final = "deviations.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deviation:
    """What releases are known to do otherwise.

    Attributes:
        probes: The ids of the probes that fail for it, and for nothing else.
        releases: The releases of Dynamo that do so.
        engine: The engine with which they do; None for every one.
        answered: What their answer holds, empty for anything; another answer is a failure.
        why: One sentence.
        upstream: Where it is reported, where that is known.
        date: When it was seen.
        where: In which graphs, where it is not in all: elsewhere the probes pass.
        feature: What a graph promises that does so, where that says which graphs they are.
    """

    probes: tuple[str, ...]
    releases: tuple[str, ...]
    engine: str | None
    answered: str
    why: str
    upstream: str | None
    date: str
    where: str | None = None
    feature: str | None = None

    def covers(
        self,
        *,
        probe: str,
        release: str | None,
        engine: str | None,
        promised: frozenset[Feature] = frozenset(),
    ) -> bool:
        """Whether it is known of this probe, release, engine, and of what a graph promises."""
        is_engine = self.engine is None or self.engine == engine
        is_graph = self.feature is None or self.feature in promised
        return probe in self.probes and release in self.releases and is_engine and is_graph


def read_deviations(text: str | None = None) -> tuple[Deviation, ...]:
    """Return the known deviations, or those of another file's text."""
    if text is None:
        text = files("dynamo_conformance.probes").joinpath(FILE).read_text(encoding="utf-8")
    return tuple(
        Deviation(
            probes=tuple(row["probes"]),
            releases=tuple(row["releases"]),
            engine=row["engine"],
            answered=row["answered"],
            why=row["why"],
            upstream=row["upstream"],
            date=row["date"],
            where=row.get("where"),
            feature=row.get("feature"),
        )
        for row in json.loads(text)
    )


def applied(
    result: Result,
    deviations: tuple[Deviation, ...],
    *,
    release: str | None,
    engine: str | None,
    promised: frozenset[Feature] = frozenset(),
) -> Result:
    """Return a result as it counts where deviations are known."""
    known = [
        row
        for row in deviations
        if row.covers(probe=result.probe.id, release=release, engine=engine, promised=promised)
    ]
    if result.outcome is Outcome.FAIL:
        row = next((row for row in known if row.answered in result.got), None)
        if row is not None:
            upstream = f"; {row.upstream}" if row.upstream else ""
            where = f" {row.where}" if row.where else ""
            reason = f"{row.why}{where} (known since {row.date}{upstream})"
            return replace(result, outcome=Outcome.DEVIATION, reason=reason)
    gone = next((row for row in known if row.where is None), None)
    if result.outcome is Outcome.PASS and gone is not None:
        got = f"it no longer deviates: take the row of {gone.date} out of {FILE}"
        return replace(result, outcome=Outcome.FAIL, expected=f"the deviation: {gone.why}", got=got)
    return result
