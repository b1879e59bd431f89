"""What became of each probe since an older report."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from dynamo_conformance.manifest.files import read_file
from dynamo_conformance.probes.exchange import shortened
from dynamo_conformance.probes.probe import Outcome
from dynamo_conformance.probes.report import DISTRIBUTION, wrapped

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from dynamo_conformance.probes.exchange import Json, JsonObject
    from dynamo_conformance.probes.report import Report

MOST_BYTES: Final = 8 << 20
BEST_FIRST: Final = tuple(
    map(str, (Outcome.PASS, Outcome.DEVIATION, Outcome.UNSUPPORTED, Outcome.NOT_RUN, Outcome.FAIL))
)
"""An outcome is worse than those before it: it shows less, or shows what is wrong."""


class NotAReportError(ValueError):
    """A file holds no report that a run can be compared with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OldReport:
    """As much of an older report as is compared.

    Attributes:
        whole: The profile, when all of it was judged; else None.
        outcomes: The outcome of each probe, by id.
        where: What was judged, and when, in words.
    """

    whole: str | None
    outcomes: dict[str, str]
    where: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What is different.

    Attributes:
        worse: Lines of probes whose outcome is worse than it was.
        better: Lines of those whose outcome is better.
        new: Ids of probes that the older report does not have.
        gone: Ids of those that only the older one has.
        remark: What is not compared, and why; empty when all is.
    """

    worse: tuple[str, ...]
    better: tuple[str, ...]
    new: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    remark: str = ""

    def lines(self) -> list[str]:
        """Return it as lines for people, what is worse first."""
        parts: list[str] = wrapped(self.remark)
        for label, changes in (("worse", self.worse), ("better", self.better)):
            for change in changes:
                parts += wrapped(f"{label}: {change}", indent=2)
        for label, ids in (("new", self.new), ("gone", self.gone)):
            if ids:
                parts += wrapped(f"{label}: {', '.join(ids)}", indent=2)
        return parts or ["no probe came to anything else than in the older report"]


def compared(old: OldReport, report: Report) -> Comparison:
    """Return what is different; of different choices of probes only what both have."""
    new = {result.probe.id: str(result.outcome) for result in report.results}
    both = [name for name in new if name in old.outcomes]
    changes = [(name, old.outcomes[name], new[name]) for name in both]
    worse = tuple(_change(*change) for change in changes if _rank(change[2]) > _rank(change[1]))
    better = tuple(_change(*change) for change in changes if _rank(change[2]) < _rank(change[1]))
    whole = None if report.only else str(report.profile)
    if whole is None or whole != old.whole:
        remark = (
            f"compared are only the {len(both)} probes that both reports have: this run judged "
            f"{', '.join(report.only) or f'the profile {whole}'}, the older one "
            f"{f'the profile {old.whole}' if old.whole else 'chosen probes'}"
        )
        return Comparison(worse=worse, better=better, remark=remark)
    return Comparison(
        worse=worse,
        better=better,
        new=tuple(name for name in new if name not in old.outcomes),
        gone=tuple(name for name in old.outcomes if name not in new),
    )


def _change(name: str, old: str, new: str) -> str:
    return f"{name}: {old} -> {new}"


def _rank(outcome: str) -> int:
    return BEST_FIRST.index(outcome)


def read_old_report(path: Path) -> OldReport:
    """Return what a report in JSON holds.

    Raises:
        NotAReportError: It is no such report, or not one of a single endpoint.
        OSError: It cannot be read.
    """
    content = read_file(path, most=MOST_BYTES)
    if len(content) > MOST_BYTES:
        raise NotAReportError(f"it has more than {MOST_BYTES >> 20} MB")
    try:
        read: Json = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise NotAReportError(f"it is no JSON: {shortened(str(error))}") from error
    if not isinstance(read, dict):
        raise NotAReportError("it is no JSON object")
    if isinstance(read.get("graphs"), list):
        raise NotAReportError("it is of several graphs; compare with that of a single endpoint")
    _refuse_newer(read)
    profile, only = read.get("profile"), read.get("only")
    words = (f"{read.get(key) or 'unknown'}" for key in ("model", "url", "release", "date"))
    model, url, release, date = (shortened(word, 100) for word in words)
    return OldReport(
        whole=None if only or not isinstance(profile, str) else shortened(profile),
        outcomes=dict(_outcomes(read.get("results"))),
        where=f"{model} at {url}, release {release}, {date}",
    )


def _outcomes(results: Json) -> Iterable[tuple[str, str]]:
    if not isinstance(results, list):
        raise NotAReportError("there is no list of results in it")
    for place, result in enumerate(results):
        row = result if isinstance(result, dict) else {}
        name, outcome = row.get("id"), row.get("outcome")
        if not isinstance(name, str) or not isinstance(outcome, str) or outcome not in BEST_FIRST:
            raise NotAReportError(f"results[{place}] has no id, or no outcome that is known here")
        yield shortened(name), outcome


def _refuse_newer(read: JsonObject) -> None:
    written = read.get("version")
    if not isinstance(written, str) or not _numbers(written):
        raise NotAReportError("it does not say which version wrote it")
    if _numbers(written) > _numbers(own := version(DISTRIBUTION)):
        raise NotAReportError(
            f"{DISTRIBUTION} {shortened(written)} wrote it, which is newer than this, {own}"
        )


def _numbers(text: str) -> tuple[int, ...]:
    matched = re.match(r"\d{1,9}(?:\.\d{1,9}){0,9}", text)
    return tuple(map(int, matched[0].split("."))) if matched else ()
