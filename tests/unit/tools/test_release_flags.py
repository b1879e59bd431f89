"""Catalogs of older releases as files: what differs from a newer one, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import new_release
import older_releases
import pytest
import release_flags
from hypothesis import given
from hypothesis import strategies as st

from dynamo_conformance.engines import catalog, catalog_files
from dynamo_conformance.engines.catalog_files import joined

if TYPE_CHECKING:
    from flags_describe import Json

    Row = dict[str, Json]


def row(name: str, **more: Json) -> Row:
    return {"names": [name], "owner": "dynamo", "stage": 0, **more}


ROWS = st.lists(st.sampled_from("abcdefgh").map(row), max_size=12)


@given(rows=ROWS, base=ROWS)
def test_runs_give_the_rows_back(rows: list[Row], base: list[Row]) -> None:
    made = release_flags.runs(rows, base=base)
    assert joined(made, base=base) == rows  # type: ignore[arg-type] # rows as the tools have them


def test_what_did_not_change_is_not_repeated() -> None:
    base = [row(name) for name in "abcdef"]
    rows = [*base[:2], row("new"), *base[3:]]
    assert release_flags.runs(rows, base=base) == [[0, 1], row("new"), [3, 5]]


def test_a_delta_has_no_flags_of_the_engine() -> None:
    engines = row("--seed", owner="engine")
    head: Row = {"module": "dynamo.vllm", "engine": None}
    base = head | {"release": "2.0.0", "flags": [row("--a"), engines]}
    older = head | {"release": "1.9.0", "flags": [row("--a"), engines]}
    made = release_flags.delta(older, base=base)
    assert (made["base"], made["flags"]) == ("2.0.0", [[0, 0]])


def test_what_changed_is_said_flag_by_flag() -> None:
    kept: Row = {"flags": [row("--a", default=1), row("--gone")]}
    made: Row = {"flags": [row("--a", default=2), row("--new")]}
    assert list(new_release.changes(kept, made)) == [
        "  - flags: ['--gone']",
        "  + flags: ['--new']",
        "  ['--a'] default: 1 -> 2",
    ]


def test_the_tools_know_the_releases_that_have_catalogs() -> None:
    assert catalog.releases() == older_releases.RELEASES
    assert older_releases.RELEASES[-1] == catalog_files.NEWEST


def test_a_release_that_is_the_newest_already_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["new_release.py", catalog_files.NEWEST, "--cache", "unused", "--date", "2026-11-30"]
    monkeypatch.setattr("sys.argv", words)
    with pytest.raises(SystemExit) as ended:
        new_release.main()
    assert ended.value.code == 2
    assert "is the newest already" in capsys.readouterr().err
