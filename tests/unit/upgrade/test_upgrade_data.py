"""The data of upgrades: whole, and true of the releases that it speaks of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.engines import catalog
from dynamo_conformance.engines.releases import NEWEST, Release, known
from dynamo_conformance.upgrade import words
from dynamo_conformance.upgrade.change import AREAS, Area, Kind
from dynamo_conformance.upgrade.operator_changes import TESTS, rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.engines.catalog import Catalog


def catalogs(module: str) -> Iterator[tuple[Release, Catalog]]:
    for release in known():
        if module in catalog.modules(release=str(release)):
            yield release, catalog.load(module, release=str(release))


def modules() -> set[str]:
    return {module for release in known() for module in catalog.modules(release=str(release))}


def changed_defaults() -> set[tuple[str, str]]:
    """Return every setting of Dynamo's own whose default differs between two releases."""
    changed = set()
    for module in modules():
        before: dict[str, object] = {}
        for _release, flags in catalogs(module):
            for dest, named in flags.settings.items():
                if named[0].owner == "engine":
                    continue
                default = named[0].default
                if dest in before and before[dest] != default:
                    changed.add((module, dest))
                before[dest] = default
    return changed


def test_every_default_that_changed_was_looked_at() -> None:
    data = words.data()
    followed = {(row["module"], row["dest"]) for row in data["defaults"]}
    harmless = {(row.get("module"), row["dest"]) for row in data["same"]}
    unseen = {
        (module, dest)
        for module, dest in changed_defaults()
        if (module, dest) not in followed
        and (None, dest) not in harmless
        and (module, dest) not in harmless
    }
    assert unseen == set()


def test_every_default_that_is_followed_changed_once() -> None:
    followed = {(row["module"], row["dest"]) for row in words.data()["defaults"]}
    assert followed <= changed_defaults()


@pytest.mark.parametrize("row", words.data()["flags"], ids=lambda row: row["flag"])
def test_a_flag_with_a_successor_is_gone_and_the_successor_is_there(
    row: dict[str, list[str]],
) -> None:
    flag, write = str(row["flag"]), row["write"]
    had = {
        module
        for module in modules()
        for release, flags in catalogs(module)
        if release != NEWEST and flag in {name for each in flags.flags for name in each.names}
    }
    assert had
    for module in had & set(catalog.modules()):
        newest = catalog.load(module)
        names = {name for each in newest.flags for name in each.names}
        assert flag not in names or write == [], (module, flag)
    if write:
        takers = [m for m in had if m in catalog.modules() and catalog.load(m).flag(write[0])]
        assert takers


def test_every_test_of_an_operators_row_is_used_and_there() -> None:
    named = {row["when"] for _line, row in rows()}
    assert named - {"field"} == set(TESTS)


@pytest.mark.parametrize("row", [row for _line, row in rows()], ids=lambda row: row["what"][:40])
def test_a_row_says_what_for_whom_and_from_where(row: dict[str, str]) -> None:
    assert row["kind"] in set(Kind)
    assert row["fix"]
    assert row["source"]
    assert "{names}" in row["what"] or not row.get("each") or row["when"] == "etcd-annotation"


def test_every_area_has_a_title() -> None:
    assert set(AREAS) == set(Area)
