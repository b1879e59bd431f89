"""Files are written whole, keep whose they are, and never lose what somebody else wrote."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.manifest.files import create_file, replace_file, write_file

if TYPE_CHECKING:
    from pathlib import Path

ALONE = ["f"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "f"
    path.write_bytes(b"old")
    return path


def names(path: Path) -> list[str]:
    return sorted(one.name for one in path.parent.iterdir())


@pytest.mark.parametrize("mode", [0o640, 0o4755, 0o600])
def test_the_mode_stays(file: Path, mode: int) -> None:
    file.chmod(mode)
    replace_file(file, b"new")
    assert file.read_bytes() == b"new"
    assert stat.S_IMODE(file.stat().st_mode) == mode
    assert names(file) == ALONE


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_the_owner_stays(file: Path) -> None:
    os.chown(file, 12345, 54321)
    replace_file(file, b"new", was=b"old")
    assert (file.stat().st_uid, file.stat().st_gid) == (12345, 54321)


def test_an_owner_that_cannot_be_kept_is_said(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_words: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "fchown", refused)
    monkeypatch.setattr(os, "fstat", lambda _file: os.stat_result([0] * 10))
    if os.geteuid() == 0:
        os.chown(file, 12345, 54321)
    with pytest.raises(PermissionError, match="would be yours"):
        replace_file(file, b"new")
    assert (file.read_bytes(), names(file)) == (b"old", ALONE)


def test_extended_attributes_stay(file: Path) -> None:
    try:
        os.setxattr(file, "user.note", b"1")
    except OSError:
        pytest.skip("this file system has none")
    replace_file(file, b"new")
    assert os.getxattr(file, "user.note") == b"1"


def test_a_link_leads_to_the_new_content(file: Path) -> None:
    link = file.with_name("link")
    link.symlink_to(file)
    replace_file(link, b"new")
    assert link.is_symlink()
    assert file.read_bytes() == b"new"


@pytest.mark.parametrize("now", [b"edited", None])
def test_what_was_changed_meanwhile_is_not_touched(file: Path, now: bytes | None) -> None:
    if now is None:
        file.unlink()
    else:
        file.write_bytes(now)
    with pytest.raises(OSError, match=r"changed in the meantime|No such file"):
        replace_file(file, b"new", was=b"old")
    assert (file.read_bytes() if file.exists() else None) == now
    assert names(file) == (ALONE if now is not None else [])


@pytest.mark.parametrize("fails", ["os.fsync", "pathlib.Path.replace"])
def test_a_file_that_cannot_be_written_stays(
    file: Path, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    def full(*_words: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(fails, full)
    with pytest.raises(OSError, match="No space left"):
        replace_file(file, b"new")
    assert (file.read_bytes(), names(file)) == (b"old", ALONE)


def test_an_interruption_leaves_nothing_behind(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_file: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        replace_file(file, b"new")
    with pytest.raises(KeyboardInterrupt):
        create_file(file.with_name("g"), b"new")
    assert (file.read_bytes(), names(file)) == (b"old", ALONE)


def test_what_is_no_file_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "f"
    os.mkfifo(path)
    with pytest.raises(OSError, match="no regular file"):
        replace_file(path, b"new")
    assert stat.S_ISFIFO(path.stat().st_mode)


def test_a_file_that_may_not_be_written_is_not(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.chmod(0o444)
    monkeypatch.setattr(os, "access", lambda *_words: False)
    with pytest.raises(PermissionError, match="Permission denied"):
        replace_file(file, b"new")


@pytest.mark.parametrize("mode", [None, 0o755])
def test_a_file_that_is_not_there_is_made(tmp_path: Path, mode: int | None) -> None:
    path = tmp_path / ("n" * 250)
    replace_file(path, b"new", mode=mode)
    plain = tmp_path / "plain"
    plain.touch()
    assert path.read_bytes() == b"new"
    expected = mode if mode is not None else stat.S_IMODE(plain.stat().st_mode)
    assert stat.S_IMODE(path.stat().st_mode) == expected


def test_a_new_file_takes_nobody_s_place(file: Path) -> None:
    with pytest.raises(FileExistsError):
        create_file(file, b"new")
    assert file.read_bytes() == b"old"


def test_what_is_written_replaces_a_file_as_a_whole(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_file: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    write_file(file, b"new")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_file(file, b"newer")
    assert (file.read_bytes(), names(file)) == (b"new", ALONE)


def test_a_pipe_is_written_to_and_stays(tmp_path: Path) -> None:
    pipe = tmp_path / "f"
    os.mkfifo(pipe)
    with pytest.raises(OSError, match="No such device"):
        write_file(pipe, b"nobody reads")
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_file(pipe, b"read")
    assert os.read(reader, 100) == b"read"
    os.close(reader)
    assert pipe.is_fifo()


def test_standard_output_is_written_to_where_it_leads(file: Path) -> None:
    script = "from pathlib import Path; from dynamo_conformance.manifest.files import write_file;"
    script += "write_file(Path('/dev/stdout'), b'new')"
    with file.open("wb") as out:
        subprocess.run([sys.executable, "-c", script], stdout=out, check=True)
    assert (file.read_bytes(), names(file)) == (b"new", ALONE)
