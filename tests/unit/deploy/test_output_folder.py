"""The folder that is written to: nothing of anybody else is lost."""

from __future__ import annotations

import errno
import os
import subprocess
from pathlib import Path

import pytest

from dynamo_launch.deploy.output import File
from dynamo_launch.deploy.output_folder import LIST, Folder
from dynamo_launch.errors import UsageError

ONE = (File(name="a.yaml", text="a: 1\n"), File(name="b.sh", text="echo b\n", is_executable=True))


def test_it_writes_and_writes_again(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "deep" / "out")
    folder.write(ONE, force=False)
    folder.write((File(name="a.yaml", text="a: 2\n"),), force=False)

    assert (folder.path / "a.yaml").read_text() == "a: 2\n"
    assert sorted(one.name for one in folder.path.iterdir()) == [LIST, "a.yaml"]


def test_programs_can_be_started(tmp_path: Path) -> None:
    Folder(tmp_path).write(ONE, force=False)
    modes = {name: (tmp_path / name).stat().st_mode & 0o777 for name in ("a.yaml", "b.sh")}
    assert modes == {"a.yaml": 0o644, "b.sh": 0o755}


def test_others_can_check_the_sums(tmp_path: Path) -> None:
    Folder(tmp_path).write(ONE, force=False)
    subprocess.run(["sha256sum", "--check", LIST], cwd=tmp_path, check=True, capture_output=True)


def test_a_file_of_others_stops_it(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"notes.txt was not written by dynamo deploy; .*--force"):
        Folder(tmp_path).write(ONE, force=False)
    assert [one.name for one in tmp_path.iterdir()] == ["notes.txt"]


def test_a_file_that_was_changed_stops_it(tmp_path: Path) -> None:
    Folder(tmp_path).write(ONE, force=False)
    (tmp_path / "a.yaml").write_text("a: mine\n")
    with pytest.raises(UsageError, match=r"a.yaml was changed since .*--out-dir"):
        Folder(tmp_path).write((File(name="c.yaml", text=""),), force=False)
    assert (tmp_path / "a.yaml").read_text() == "a: mine\n"
    assert not (tmp_path / "c.yaml").exists()


def test_force_writes_over_them_and_keeps_the_rest(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "a.yaml").write_text("mine")
    Folder(tmp_path).write(ONE, force=True)
    assert (tmp_path / "a.yaml").read_text() == "a: 1\n"
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_what_is_the_users_to_make_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "token.env").write_text("TOKEN=1\n")
    folder = Folder(tmp_path, ("token.env",))
    folder.write(ONE, force=False)
    folder.write(ONE[:1], force=False)
    assert (tmp_path / "token.env").read_text() == "TOKEN=1\n"


def test_a_file_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(UsageError, match="out is a file; name a folder with --out-dir"):
        Folder(tmp_path / "out").write(ONE, force=False)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        Folder(tmp_path / "file" / "out").write(ONE, force=True)


def test_a_list_that_somebody_forged_reaches_nothing_outside(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (tmp_path / "mine").write_text("")
    (out / LIST).write_text("0  ../mine\n0  ..\n0  .\n")
    Folder(out).write(ONE, force=True)
    assert (tmp_path / "mine").exists()


def test_changes_are_those_that_writing_would_make(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "out")
    new = "".join(folder.changes(ONE))
    assert "--- /dev/null\n" in new
    assert "+a: 1\n" in new
    folder.write(ONE, force=False)
    assert list(folder.changes(ONE)) == []
    text = "".join(folder.changes((File(name="a.yaml", text="a: 2\n"),)))
    assert "-a: 1\n+a: 2\n" in text
    assert "+++ /dev/null\n" in text
    assert "-echo b\n" in text


def _tree(path: Path) -> dict[str, tuple[str, int]]:
    return {one.name: (one.read_text(), one.stat().st_mode) for one in path.iterdir()}


NEXT = (File(name="a.yaml", text="a: 2\n"), File(name="c.sh", text="c\n", is_executable=True))


@pytest.mark.parametrize("call", range(1, 6))
def test_a_full_disk_leaves_the_folder_as_it_was(
    call: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Folder(tmp_path / "out")
    folder.write(ONE, force=False)
    before = _tree(folder.path)
    calls = iter(range(1, 99))

    def full(_descriptor: int) -> None:
        if next(calls) == call:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    if call < 5:
        with pytest.raises(UsageError, match="No space left"):
            folder.write(NEXT, force=False)
        assert _tree(folder.path) == before
    folder.write(NEXT, force=False)
    assert sorted(_tree(folder.path)) == [LIST, "a.yaml", "c.sh"]


def test_a_full_disk_leaves_no_new_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UsageError, match="No space left"):
        Folder(tmp_path / "deep" / "out").write(ONE, force=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("moves", range(5))
def test_a_run_that_is_killed_is_followed_by_a_whole_one(
    moves: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Folder(tmp_path)
    folder.write(ONE, force=False)
    replace, calls = Path.replace, iter(range(99))

    def killed(self: Path, target: Path) -> Path:
        if next(calls) == moves:
            raise KeyboardInterrupt
        return replace(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", killed)
        if moves < 4:
            with pytest.raises(KeyboardInterrupt):
                folder.write(NEXT, force=False)
    folder.write(NEXT, force=False)
    assert sorted(_tree(tmp_path)) == [LIST, "a.yaml", "c.sh"]
    subprocess.run(["sha256sum", "--check", LIST], cwd=tmp_path, check=True, capture_output=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_root_leaves_the_owner(tmp_path: Path) -> None:
    Folder(tmp_path).write(ONE, force=False)
    os.chown(tmp_path / "a.yaml", 1000, 1001)
    Folder(tmp_path).write(NEXT, force=False)
    stat = (tmp_path / "a.yaml").stat()
    assert (stat.st_uid, stat.st_gid) == (1000, 1001)


@pytest.mark.parametrize("name", ["a", LIST])
@pytest.mark.parametrize("kind", ["pipe", "endless", "folder"])
def test_what_is_no_file_keeps_nobody_waiting(tmp_path: Path, name: str, kind: str) -> None:
    folder = Folder(tmp_path)
    folder.write([File(name="a", text="1")], force=False)
    (tmp_path / name).unlink()
    if kind == "pipe":
        os.mkfifo(tmp_path / name)
    elif kind == "endless":
        (tmp_path / name).symlink_to("/dev/zero")
    else:
        (tmp_path / name).mkdir()
    assert any("+1" in line for line in folder.changes([File(name="a", text="1")])) == (name == "a")
    with pytest.raises(UsageError, match=r"was changed since|was not written by"):
        folder.write([File(name="a", text="2")], force=False)
