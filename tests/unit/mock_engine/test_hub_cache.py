from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.mock_engine import hub_cache

if TYPE_CHECKING:
    from pathlib import Path


def test_layout_is_the_hubs(tmp_path: Path) -> None:
    found = hub_cache.fill(tmp_path, ["Qwen/Qwen3-0.6B"])
    snapshot = found["Qwen/Qwen3-0.6B"]
    repository = tmp_path / "hub" / "models--Qwen--Qwen3-0.6B"
    assert snapshot.parent == repository / "snapshots"
    assert re.fullmatch("[0-9a-f]{40}", snapshot.name)
    assert (repository / "refs" / "main").read_text() == snapshot.name
    assert (snapshot / "tokenizer.json").is_file()


def test_only_what_has_been_filled_in_is_found(tmp_path: Path) -> None:
    found = hub_cache.fill(tmp_path, ["a/b", "c/d-e"])
    assert hub_cache.find(tmp_path, "a/b") == found["a/b"]
    assert hub_cache.find(tmp_path, "a/x") is None
    assert hub_cache.models(tmp_path) == ["a/b", "c/d-e"]


def test_filling_again_changes_nothing(tmp_path: Path) -> None:
    first = hub_cache.fill(tmp_path, ["a/b"])["a/b"]
    written = (first / "config.json").stat().st_mtime_ns
    assert hub_cache.fill(tmp_path, ["a/b"])["a/b"] == first
    assert (first / "config.json").stat().st_mtime_ns == written
    assert [path.name for path in first.parent.iterdir()] == [first.name]


def test_another_context_length_is_another_snapshot(tmp_path: Path) -> None:
    short = hub_cache.fill(tmp_path, ["a/b"], context_length=512)["a/b"]
    long = hub_cache.fill(tmp_path, ["a/b"], context_length=1024)["a/b"]
    assert short != long
    assert (tmp_path / "hub" / "models--a--b" / "refs" / "main").read_text() == long.name


def test_runs_at_the_same_time_share_one_cache(tmp_path: Path) -> None:
    found: list[Path] = []
    threads = [
        threading.Thread(target=lambda: found.append(hub_cache.fill(tmp_path, ["a/b"])["a/b"]))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(found) == 8
    assert len(set(found)) == 1
    assert [path.name for path in found[0].parent.iterdir()] == [found[0].name]
    refs = tmp_path / "hub" / "models--a--b" / "refs"
    assert [path.name for path in refs.iterdir()] == ["main"]


def test_a_snapshot_another_run_made_meanwhile_is_kept(tmp_path: Path) -> None:
    target = tmp_path / "snapshots" / ("0" * 40)
    target.mkdir(parents=True)
    (target / "config.json").write_text("theirs")
    hub_cache._appear(target, {"config.json": "ours"})
    assert (target / "config.json").read_text() == "theirs"
    assert [path.name for path in target.parent.iterdir()] == [target.name]


@pytest.mark.parametrize(
    "model", ["Qwen3-0.6B", "/models/qwen", "a/b/c", "a/", "/b", "a b/c", "a/..", "a/b--c", "a/-b"]
)
def test_an_id_no_hub_resolves_is_refused(tmp_path: Path, model: str) -> None:
    with pytest.raises(hub_cache.BadModelIdError, match=re.escape(f'"{model}" is not ORG/NAME')):
        hub_cache.fill(tmp_path, ["good/one", model])
    assert list(tmp_path.iterdir()) == []
