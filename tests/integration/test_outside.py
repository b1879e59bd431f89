"""Whatever a manifest says, nothing outside of a run's own folder differs afterwards."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sandbox import Sandbox

CASES = Path(__file__).parent / "outside"
MANIFESTS = sorted(CASES.glob("*.yaml"))
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - it is only looked at


def prepared(folder: Path) -> Path:
    """Make a home with a model, a hub cache, notes and a folder for logs."""
    home = folder / "home"
    files = {
        "model/config.json": '{"mine": true}',
        "model/tokenizer.json": "{}",
        "model/generation_config.json": "{}",
        "hub/hub/models--Qwen--Qwen3-0.6B/refs/main": "0123456789abcdef0123456789abcdef01234567",
        "hub/models--Qwen--Qwen3-0.6B/refs/main": "0123456789abcdef0123456789abcdef01234567",
        "notes.txt": "mine",
        "logs/old.log": "mine",
        ".cache/huggingface/token": "mine",
    }
    for name, text in files.items():
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (home / "link").symlink_to(home / "logs")
    return home


def state(folder: Path) -> dict[str, str]:
    """Return what is in a folder: kinds, modes, times of change and contents."""
    found = {}
    for path in sorted(folder.rglob("*")):
        info = path.lstat()
        is_file = path.is_file() and not path.is_symlink()
        digest = hashlib.sha256(path.read_bytes()).hexdigest() if is_file else ""
        when = "" if path.is_dir() and not path.is_symlink() else str(info.st_mtime_ns)
        found[str(path.relative_to(folder))] = f"{info.st_mode:o} {info.st_uid} {when} {digest}"
    return found


def written(case: Path, sandbox: Sandbox, home: Path) -> Path:
    """Write a case with the paths of the prepared home."""
    path = sandbox.folder / case.name
    text = case.read_text(encoding="utf-8").replace("@HOME@", str(home))
    path.write_text(text.replace("@NAME@", "n" * 300), encoding="utf-8")
    return path


def environment(home: Path) -> Mapping[str, str]:
    return {"HOME": str(home), "HF_HOME": str(home / "hub")}


@pytest.mark.parametrize("case", MANIFESTS, ids=lambda path: path.stem)
def test_up_leaves_all_that_is_outside_as_it_was(sandbox: Sandbox, case: Path) -> None:
    home = prepared(sandbox.folder)
    path = written(case, sandbox, home)
    before, shared = state(sandbox.folder), state(SHARED_MEMORY)
    ended = sandbox.run(
        "dynamo", "up", str(path), "--for", "0", "--timeout", "20", env=environment(home)
    )
    (sandbox.folder / "scratch").rmdir()
    assert "Traceback" not in ended.text, ended.text
    assert state(sandbox.folder) == before, ended.text
    assert state(SHARED_MEMORY) == shared
    assert ended.code == expected(case), ended.text
    if ended.code == 2:
        assert f"{path}:" in ended.text
        assert "| " not in ended.text


@pytest.mark.parametrize(
    "case", [one for one in MANIFESTS if "pytest" in one.read_text(encoding="utf-8")], ids=str
)
def test_pytest_leaves_all_that_is_outside_as_it_was(sandbox: Sandbox, case: Path) -> None:
    home = prepared(sandbox.folder)
    folder = sandbox.folder / "launch" / "k8s"
    folder.mkdir(parents=True)
    path = written(case, sandbox, home).rename(folder / case.name)
    before, shared = state(home), state(SHARED_MEMORY)
    artifacts = sandbox.folder / "kept"
    words = ("-m", "e2e", "-q", "--dynamo-timeout", "20", "--dynamo-artifacts", str(artifacts))
    ended = sandbox.pytest(*words, str(path), env=environment(home))
    assert "Traceback" not in ended.text, ended.text
    assert state(home) == before, ended.text
    assert state(SHARED_MEMORY) == shared
    assert sorted(one.name for one in folder.iterdir()) == [case.name]
    assert not any((sandbox.folder / "scratch").iterdir())
    assert ended.code == min(expected(case), 1), ended.text


def expected(case: Path) -> int:
    """Return the exit code that a case's first line names."""
    first = case.read_text(encoding="utf-8").partition("\n")[0]
    return int(first.removeprefix("# exit ")[0])


def test_there_are_cases_of_each_kind() -> None:
    assert {expected(one) for one in MANIFESTS} == {0, 1, 2}
    assert os.access(CASES, os.R_OK)
