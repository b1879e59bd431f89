"""`dynamo lint --changed-since`: only what differs from a git revision."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from lint_shop import GRAPH, Shop

if TYPE_CHECKING:
    from pathlib import Path

# Neither the settings nor the identity of whoever runs the tests.
ENVIRONMENT = {
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "A",
    "GIT_AUTHOR_EMAIL": "a@example.com",
    "GIT_COMMITTER_NAME": "A",
    "GIT_COMMITTER_EMAIL": "a@example.com",
}
NAMES = ("changed", "committed", "deleted", "renamed", "unchanged")


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A repository with files of every kind, and the tag `base` where they were as one."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)
    made = Shop.opened(tmp_path, monkeypatch)
    made.write(".gitignore", "ignored.yaml\n")
    for name in NAMES:
        made.write(f"{name}.yaml", GRAPH.replace("name: graph", f"name: {name}"))
    git("init", "--quiet", "--initial-branch", "main")
    commit("One")
    git("tag", "base")
    return made


def git(*words: str) -> None:
    subprocess.run(["git", *words], check=True, capture_output=True)


def commit(message: str) -> None:
    git("add", "--all")
    git("commit", "--quiet", "--allow-empty", "--message", message)


def names(shop: Shop, revision: str, *words: str) -> list[str]:
    return [one["file"] for one in shop.documents("--changed-since", revision, *(words or "."))]


def test_what_differs_from_a_revision(shop: Shop) -> None:
    shop.write("committed.yaml", f"{GRAPH}# more\n")
    commit("Two")
    shop.write("changed.yaml", f"{GRAPH}# more\n")
    (shop.folder / "deleted.yaml").unlink()
    git("mv", "renamed.yaml", "new name.yaml")
    shop.write("added.yaml", GRAPH)
    git("add", "added.yaml")
    shop.write("untracked/ü.yaml", GRAPH)
    shop.write("ignored.yaml", GRAPH)
    assert names(shop, "base") == [
        "added.yaml", "changed.yaml", "committed.yaml", "new name.yaml", "untracked/ü.yaml",
    ]  # fmt: skip
    assert "committed.yaml" not in names(shop, "HEAD")


def test_what_the_other_branch_did_since_does_not_count(shop: Shop) -> None:
    git("checkout", "--quiet", "-b", "topic")
    shop.write("added.yaml", GRAPH)
    commit("Topic")
    git("checkout", "--quiet", "main")
    shop.write("unchanged.yaml", f"{GRAPH}# more\n")
    commit("Main goes on")
    git("checkout", "--quiet", "topic")
    assert names(shop, "main") == ["added.yaml"]


def test_a_folder_of_the_repository(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.write("sub/added.yaml", GRAPH)
    shop.write("added.yaml", GRAPH)
    monkeypatch.chdir(shop.folder / "sub")
    assert names(shop, "base", ".") == ["added.yaml"]
    assert names(shop, "base", "..") == ["../added.yaml", "../sub/added.yaml"]


def test_an_unchanged_file_that_is_named_is_left_out(shop: Shop) -> None:
    shop.write("changed.yaml", f"{GRAPH}# more\n")
    assert names(shop, "base", "changed.yaml", "unchanged.yaml") == ["changed.yaml"]


def test_standard_input_always_counts(shop: Shop) -> None:
    found = shop.documents("--changed-since", "base", "-", ".", stdin=GRAPH)
    assert [one["file"] for one in found] == ["<stdin>"]


def test_nothing_changed(shop: Shop) -> None:
    ended = shop.run("--changed-since", "base", ".")
    assert ended.exit_code == 0
    assert "0 graphs in 0 files checked: no findings" in ended.stdout


def test_a_name_that_is_no_text_does_no_harm(shop: Shop) -> None:
    (shop.folder / b"\xff.yaml".decode("utf-8", "surrogateescape")).write_text(GRAPH)
    (name,) = names(shop, "base")
    assert name.endswith(".yaml")


@pytest.mark.parametrize("revision", ["no-such-branch", "--all", "base:changed.yaml", ""])
def test_an_unknown_revision(shop: Shop, revision: str) -> None:
    told = shop.refused(f"--changed-since={revision}", ".")
    assert told == f'no revision is called "{revision}" here; fetch it first, or name another'


def test_a_revision_with_nothing_in_common(shop: Shop) -> None:
    git("checkout", "--quiet", "--orphan", "other")
    commit("Another beginning")
    told = shop.refused("--changed-since", "base", ".")
    assert told == '"base" and HEAD have no commit in common; fetch more history'


def test_no_repository(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    outside = shop.folder.parent / "outside"
    outside.mkdir()
    monkeypatch.chdir(outside)
    assert "not a git repository" in shop.refused("--changed-since", "main", ".")


def test_no_git(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(shop.folder))
    told = shop.refused("--changed-since", "main", ".")
    assert told == "git is not installed, and --changed-since asks it"
