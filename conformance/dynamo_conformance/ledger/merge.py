"""Merging: a ledger with what a run saw, and without what no longer holds."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dynamo_conformance.engines.catalog import RELEASE
from dynamo_conformance.ledger.ledger import Ledger
from dynamo_conformance.ledger.level import NOT_RUN, Level
from dynamo_conformance.ledger.row import Gap, Proof, Row

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dynamo_conformance.ledger.sighting import Sighting
    from dynamo_conformance.ledger.tree import Form, Tree


def merged(ledger: Ledger, sightings: Iterable[Sighting]) -> Ledger:
    """Return the ledger with the rows of a run.

    What was seen in part changes nothing, and what was seen again keeps its day.
    """
    rows = {file: dict(levels) for file, levels in ledger.rows.items()}
    for seen in sightings:
        if seen.whole:
            before = ledger.row(seen.file, seen.level)
            rows.setdefault(seen.file, {})[seen.level] = _dated(seen.row, before)
    return Ledger(rows)


def fitted(ledger: Ledger, tree: Tree) -> Ledger:
    """Return the ledger with exactly the rows that a tree has.

    What was proven of other bytes, or of another release, is no longer proven and says so.
    """
    return Ledger(
        {
            form.key: {level: _fitting(ledger, form, level) for level in form.kind.levels}
            for form in tree.forms
        }
    )


def _dated(row: Row, before: Row | None) -> Row:
    if isinstance(row, Proof) and isinstance(before, Proof):
        again = replace(row, date=before.date)
        return again if again == before else row
    return row


def _fitting(ledger: Ledger, form: Form, level: Level) -> Row:
    row = ledger.row(form.key, level)
    if row is None:
        return Gap(level.not_run)
    if not isinstance(row, Proof):
        # The words for what was never tried are ours, and may have changed.
        return Gap(level.not_run) if row.why in (NOT_RUN, level.not_run) else row
    if row.files != form.content.sha256:
        return Gap(f"{NOT_RUN} since its files changed; proven before, on {row.date}")
    if row.release != RELEASE:
        return Gap(f"{NOT_RUN} with Dynamo {RELEASE}; proven with {row.release} on {row.date}")
    return row
