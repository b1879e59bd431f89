"""How examples stand on earlier releases: cells of the catalogue's table, and reasons."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.engines.releases import Release
from dynamo_conformance.ledger.row import Gap, Proof

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dynamo_conformance.ledger.ledger import Ledger

AS_IS, SO_TOLD, NOTHING = "yes", "so told", "-"


def releases_of(ledger: Ledger) -> tuple[str, ...]:
    """Return the releases that the ledger has rows for, oldest first."""
    names = {name for others in ledger.elsewhere.values() for name in others}
    return tuple(sorted(names, key=lambda name: Release.parse(name) or name))


def on_release(ledger: Ledger, file: str, release: str) -> str:
    """Return how a file stands on a release."""
    row = ledger.elsewhere.get(file, {}).get(release)
    if row is None:
        return ""
    if isinstance(row, Proof):
        return SO_TOLD if row.by else AS_IS
    return NOTHING


def not_on_releases(ledger: Ledger, releases: Sequence[str]) -> tuple[str, ...]:
    """Return why files show nothing on releases, a line for each reason."""
    places: dict[str, dict[str, list[str]]] = {}
    for file, others in sorted(ledger.elsewhere.items()):
        for release in releases:
            row = others.get(release)
            if isinstance(row, Gap):
                why = row.why.replace(f"Dynamo {release} ", "it ")
                places.setdefault(why, {}).setdefault(file, []).append(release)
    return tuple(
        f"{file} on {', '.join(at)}: {why}"
        for why, files in places.items()
        for file, at in files.items()
    )
