"""Files that are read within bounds, and written as a whole or not at all."""

from __future__ import annotations

import errno
import os
import stat
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_NAME = 100
"""So much of a file's name is in that of the new one: names have 255 bytes."""

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL

_OWN = ("/dev/stdin", "/dev/stdout", "/dev/stderr", "/dev/fd/", "/proc/self/fd/")
"""What a shell hands over, as in `dynamo lint <(helm template .)`; that may be a pipe."""


class IrregularFileError(OSError):
    """A pipe, socket or device, which may never end.

    Attributes:
        reason: What is wrong, without the advice that commands with standard input give.
    """

    reason = "no regular file"

    def __init__(self, path: Path) -> None:
        super().__init__(errno.EINVAL, f"{self.reason}; `-` reads standard input", str(path))


def read_file(path: Path, *, most: int) -> bytes:
    """Return what is in a file, and no more than `most` bytes and one, which tells that it is more.

    Raises:
        IrregularFileError: It is a pipe, socket or device.
        OSError: It cannot be read.
    """
    own = str(path).startswith(_OWN)
    # Without O_NONBLOCK, opening a pipe waits for somebody who writes.
    with open(os.open(path, os.O_RDONLY | (0 if own else os.O_NONBLOCK)), "rb") as file:  # noqa: PTH123
        if not (own or stat.S_ISREG(os.fstat(file.fileno()).st_mode)):
            raise IrregularFileError(path)
        return file.read(most + 1)


def real(path: Path) -> Path:
    """Return where a path leads; one that leads round in a ring stays, where `resolve` fails."""
    return type(path)(os.path.realpath(path))


def read_stdin(*, most: int) -> bytes:
    """Return what comes on standard input, and no more than `most` bytes and one.

    Raises:
        OSError: It is closed, or cannot be read.
    """
    if sys.stdin is None:
        raise OSError(errno.EBADF, "standard input is closed", "-")
    return sys.stdin.buffer.read(most + 1)


def write_file(path: Path, data: bytes) -> None:
    """Write to a file as `replace_file` does, or into what is no regular file, such as a pipe.

    Raises:
        OSError: It cannot be written, or is a pipe that nobody reads.
    """
    if not str(path).startswith(_OWN) and (path.is_file() or not path.exists()):
        replace_file(path, data)
        return
    # Without O_NONBLOCK, opening a pipe waits for somebody who reads.
    opened = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    os.set_blocking(opened, True)
    with open(opened, "wb") as file:  # noqa: PTH123
        file.write(data)


def replace_file(
    path: Path, data: bytes, *, was: bytes | None = None, mode: int | None = None
) -> None:
    """Make a file hold `data`; it is never seen half written, not even after a crash.

    The data is written beside it and then takes its name, with the old file's owner, mode and
    extended attributes (ACLs are some). A symbolic link stays, and what it leads to is replaced.

    Args:
        path: The file; it is made when it is not there.
        data: All of its new content.
        was: What was read of it before: a file that holds something else by now is not touched.
        mode: Its permissions; those that it has, or those of any new file, when None.

    Raises:
        OSError: It cannot be written; then it is as it was.
    """
    from secrets import token_hex  # Reading files needs none of what this imports.

    target = real(path)
    old = _status(target)
    new = target.parent / f".{target.name[:_NAME]}.{token_hex(4)}.new"
    first_mode = 0o666 if old is None else 0o600  # Nobody reads what they could not read before.
    try:
        with os.fdopen(os.open(new, _CREATE, first_mode), "wb") as file:
            file.write(data)
            file.flush()
            if old is not None:
                _take_over(file.fileno(), old, target, new)
            if mode is not None:
                os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        if was is not None and target.read_bytes() != was:
            raise OSError(errno.EBUSY, "it was changed in the meantime; run this again")
        new.replace(target)
    finally:
        new.unlink(missing_ok=True)
    _sync_folder(target.parent)


def create_file(path: Path, data: bytes) -> None:
    """Write a new file; nothing is left of one that cannot be written whole.

    Raises:
        FileExistsError: Something is there already.
        OSError: It cannot be written.
    """
    with path.open("xb") as file:
        try:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        except BaseException:
            path.unlink(missing_ok=True)
            raise


def _status(target: Path) -> os.stat_result | None:
    """Return the status of a file that can be replaced, or None when there is none."""
    try:
        status = target.stat()
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "it is no regular file")
    if not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    return status


def _take_over(new_file: int, old: os.stat_result, target: Path, new: Path) -> None:
    made = os.fstat(new_file)
    if (made.st_uid, made.st_gid) != (old.st_uid, old.st_gid):
        try:
            os.fchown(new_file, old.st_uid, old.st_gid)
        except PermissionError as error:
            reason = "it is another user's or group's, and would be yours; write a new file"
            raise PermissionError(errno.EPERM, reason) from error
    from shutil import copystat

    copystat(target, new)
    os.utime(new)  # It is as old as its content.


def _sync_folder(folder: Path) -> None:
    """Make the new name last; not every file system can do that, and the file is there already."""
    with suppress(OSError):
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)
