"""`dynamo lint --changed-since`: only what differs from a git revision."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from lint_helpers import GRAPH, Linter

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
def linter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Linter:
    """A repository with files of every kind, and the tag `base` where they were as one."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)
    made = Linter.opened(tmp_path, monkeypatch)
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


def names(linter: Linter, revision: str, *words: str) -> list[str]:
    return [one["file"] for one in linter.documents("--changed-since", revision, *(words or "."))]


def test_what_differs_from_a_revision(linter: Linter) -> None:
    linter.write("committed.yaml", f"{GRAPH}# more\n")
    commit("Two")
    linter.write("changed.yaml", f"{GRAPH}# more\n")
    (linter.folder / "deleted.yaml").unlink()
    git("mv", "renamed.yaml", "new name.yaml")
    linter.write("added.yaml", GRAPH)
    git("add", "added.yaml")
    linter.write("untracked/ü.yaml", GRAPH)
    linter.write("ignored.yaml", GRAPH)
    assert names(linter, "base") == [
        "added.yaml", "changed.yaml", "committed.yaml", "new name.yaml", "untracked/ü.yaml",
    ]  # fmt: skip
    assert "committed.yaml" not in names(linter, "HEAD")


def test_what_the_other_branch_did_since_does_not_count(linter: Linter) -> None:
    git("checkout", "--quiet", "-b", "topic")
    linter.write("added.yaml", GRAPH)
    commit("Topic")
    git("checkout", "--quiet", "main")
    linter.write("unchanged.yaml", f"{GRAPH}# more\n")
    commit("Main goes on")
    git("checkout", "--quiet", "topic")
    assert names(linter, "main") == ["added.yaml"]


def test_a_folder_of_the_repository(linter: Linter, monkeypatch: pytest.MonkeyPatch) -> None:
    linter.write("sub/added.yaml", GRAPH)
    linter.write("added.yaml", GRAPH)
    monkeypatch.chdir(linter.folder / "sub")
    assert names(linter, "base", ".") == ["added.yaml"]
    assert names(linter, "base", "..") == ["../added.yaml", "../sub/added.yaml"]


def test_an_unchanged_file_that_is_named_is_left_out(linter: Linter) -> None:
    linter.write("changed.yaml", f"{GRAPH}# more\n")
    assert names(linter, "base", "changed.yaml", "unchanged.yaml") == ["changed.yaml"]


def test_standard_input_always_counts(linter: Linter) -> None:
    found = linter.documents("--changed-since", "base", "-", ".", stdin=GRAPH)
    assert [one["file"] for one in found] == ["<stdin>"]


def test_nothing_changed(linter: Linter) -> None:
    ended = linter.run("--changed-since", "base", ".")
    assert ended.exit_code == 0
    assert "0 graphs in 0 files checked: no findings" in ended.stdout


def test_a_name_that_is_no_text_does_no_harm(linter: Linter) -> None:
    (linter.folder / b"\xff.yaml".decode("utf-8", "surrogateescape")).write_text(GRAPH)
    (name,) = names(linter, "base")
    assert name.endswith(".yaml")


@pytest.mark.parametrize("revision", ["no-such-branch", "--all", "base:changed.yaml", ""])
def test_an_unknown_revision(linter: Linter, revision: str) -> None:
    told = linter.refused(f"--changed-since={revision}", ".")
    assert told == f'no revision is called "{revision}" here; fetch it first, or name another'


def test_a_revision_with_nothing_in_common(linter: Linter) -> None:
    git("checkout", "--quiet", "--orphan", "other")
    commit("Another beginning")
    told = linter.refused("--changed-since", "base", ".")
    assert told == '"base" and HEAD have no commit in common; fetch more history'


def test_no_repository(linter: Linter, monkeypatch: pytest.MonkeyPatch) -> None:
    outside = linter.folder.parent / "outside"
    outside.mkdir()
    monkeypatch.chdir(outside)
    assert "not a git repository" in linter.refused("--changed-since", "main", ".")


def test_no_git(linter: Linter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(linter.folder))
    told = linter.refused("--changed-since", "main", ".")
    assert told == "git is not installed, and --changed-since asks it"
