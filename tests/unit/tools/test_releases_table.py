"""The catalogue's table of examples and earlier releases."""

from __future__ import annotations

from dataclasses import replace

from catalogue.releases import not_on_releases, on_release, releases_of
from dynamo_conformance.ledger.ledger import Ledger
from dynamo_conformance.ledger.row import Gap
from ledger_builders import MANIFEST, proof

REFUSED = "UNSUPPORTED: Dynamo {} does not take component W: unrecognized arguments: --x"
LEDGER = Ledger(
    {},
    {
        MANIFEST: {
            "1.10.0": proof("a"),
            "0.9.1": Gap(REFUSED.format("0.9.1")),
            "1.2.1": Gap(REFUSED.format("1.2.1")),
        },
        "other.yaml": {"0.9.1": replace(proof("a"), by="x.yaml")},
    },
)


def test_releases_are_in_their_order() -> None:
    assert releases_of(LEDGER) == ("0.9.1", "1.2.1", "1.10.0")
    assert releases_of(Ledger()) == ()


def test_cells() -> None:
    assert on_release(LEDGER, MANIFEST, "1.10.0") == "yes"
    assert on_release(LEDGER, MANIFEST, "0.9.1") == "-"
    assert on_release(LEDGER, "other.yaml", "0.9.1") == "so told"
    assert on_release(LEDGER, "other.yaml", "1.2.1") == ""


def test_each_reason_is_told_once() -> None:
    assert not_on_releases(LEDGER, releases_of(LEDGER)) == (
        f"{MANIFEST} on 0.9.1, 1.2.1: {REFUSED.replace('Dynamo {}', 'it')}",
    )
