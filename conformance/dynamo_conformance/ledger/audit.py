"""The audit: what is wrong with a ledger, by the tree that it is of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.engines.catalog import RELEASE
from dynamo_conformance.ledger.row import Proof
from dynamo_conformance.mock_engine import version as mock_engine_version

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dynamo_conformance.ledger.ledger import Ledger
    from dynamo_conformance.ledger.row import Observation
    from dynamo_conformance.ledger.tree import Tree

FIX = "run `tox run -e ledger`"


def audit(ledger: Ledger, tree: Tree) -> tuple[str, ...]:
    """Return a line for each problem, with what to do."""
    return (*_missing(ledger, tree), *_foreign(ledger, tree), *_outdated(ledger, tree))


def aged(ledger: Ledger) -> tuple[str, ...]:
    """Return the rows that were proven with another mock engine than today's: news, no fault."""
    today = mock_engine_version()
    return tuple(
        f"{file}: {level}"
        for file, levels in ledger.rows.items()
        for level, row in levels.items()
        if isinstance(row, Proof) and row.mock_engine not in ("", today)
    )


def contradictions(ledger: Ledger, observations: Iterable[Observation]) -> tuple[str, ...]:
    """Return what the ledger promises of today's files and a run did not show."""
    return tuple(line for seen in observations for line in _contradictions(ledger, seen))


def _missing(ledger: Ledger, tree: Tree) -> Iterator[str]:
    for form in tree.forms:
        levels = [level for level in form.kind.levels if ledger.row(form.key, level) is None]
        if levels:
            yield f"{form.key} has no row for {', '.join(levels)}: {FIX}"


def _foreign(ledger: Ledger, tree: Tree) -> Iterator[str]:
    wanted = {form.key: form.kind.levels for form in tree.forms}
    for file, levels in ledger.rows.items():
        if file not in wanted:
            yield f"{file} has rows and is no example: {FIX}"
            continue
        others = [level for level in levels if level not in wanted[file]]
        if others:
            yield f"{file} has rows for {', '.join(others)}, which it cannot be proven at: {FIX}"


def _outdated(ledger: Ledger, tree: Tree) -> Iterator[str]:
    for form in tree.forms:
        for level, row in ledger.rows.get(form.key, {}).items():
            if not isinstance(row, Proof):
                continue
            if row.files != form.content.sha256:
                yield f"{form.key}, {level}: the row is for other bytes: {FIX}"
            elif row.release not in form.releases:
                text = f"the row is for Dynamo {row.release}, not {RELEASE}"
                yield f"{form.key}, {level}: {text}: {FIX}"


def _contradictions(ledger: Ledger, seen: Observation) -> Iterator[str]:
    if seen.is_elsewhere:
        at = ledger.elsewhere.get(seen.file, {}).get(seen.release)
        row = at if isinstance(at, Proof) and at.by == seen.by else None
    else:
        row = ledger.proof(seen.file, seen.level)
        if row is not None and row.release == seen.images:
            return  # Today's release shows nothing of what is proven on the file's own.
    # Other bytes are the audit's to find; a partial run shows nothing of what it left out.
    if row is None or row.files != seen.files or not seen.whole:
        return
    for check in seen.failed:
        yield f"{seen.file}, {seen.level}: the ledger says that nothing failed; now: {check}"
    if row.profile != seen.profile:
        return
    for area, count in row.passed.items():
        passes = seen.passed.get(area, 0)
        if passes < count:
            why = seen.unsupported.get(area)
            now = f"{passes} ({why})" if why else str(passes)
            yield f"{seen.file}, {seen.level}: the ledger has {count} of {area} passed; now: {now}"
