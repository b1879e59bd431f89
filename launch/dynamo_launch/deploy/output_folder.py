"""The folder that is written to: what in it is ours, what is not, and what would change.

A list of sums says which files were written here, and how they were then, so that nothing is lost
that somebody else made or changed.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from dynamo_conformance.manifest.files import read_file
from dynamo_launch.deploy.output import File
from dynamo_launch.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

LIST: Final = ".dynamo-deploy.sha256"
"""Written beside the files; `sha256sum --check` reads it."""

_MOST = 16 * 2**20
"""Bytes: no file that is written here is larger."""

_PLAIN, _PROGRAM, _OWNERS = 0o644, 0o755, 0o700


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder for one output.

    Attributes:
        path: The folder; it need not be there.
        kept: Files in it that are the user's, and stay.
    """

    path: Path
    kept: tuple[str, ...] = ()

    def write(self, files: Iterable[File], *, force: bool) -> None:
        """Write `files`, and remove what was written here earlier and is none of them.

        Raises:
            UsageError: Somebody else's work is in the way, and `force` is not given; or the folder
                cannot be written. Then nothing is written at all.
        """
        files = tuple(files)
        sums = self._sums()
        if not force:
            self._refuse_foreign(sums, files)
        made = [folder for folder in (self.path, *self.path.parents) if not folder.exists()]
        try:
            self._write(files, sums)
        except OSError as error:
            for folder in made:
                with suppress(OSError):
                    folder.rmdir()
            where = error.filename or self.path
            raise UsageError(f"{where}: cannot be written: {error.strerror}") from error

    def changes(self, files: Iterable[File]) -> Iterator[str]:
        """Yield the lines of a unified diff from what is there to what would be written."""
        from difflib import unified_diff

        wanted = {file.name: file.text for file in files}
        for name in sorted({*wanted, *self._sums()}):
            old, new = self._text(name), wanted.get(name)
            yield from unified_diff(
                (old or "").splitlines(keepends=True),
                (new or "").splitlines(keepends=True),
                f"{self.path / name}" if old is not None else "/dev/null",
                f"{self.path / name}" if new is not None else "/dev/null",
            )

    def _write(self, files: tuple[File, ...], sums: dict[str, frozenset[str]]) -> None:
        """Write everything aside, then put it in place, and remove what is stale at the very end.

        Whenever that is cut short, the list of sums knows every file that is there.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        new = [(_sum(file.text.encode()), file.name) for file in files]
        old = [(digest, name) for name, digests in sums.items() for digest in digests]
        both = File(name=LIST, text=_lines((*old, *new)))
        after = File(name=f"{LIST}.after", text=_lines(new))
        written = (both, *files, after)
        try:
            for file in written:
                self._write_aside(file)
        except OSError:
            for file in written:
                with suppress(OSError):
                    self._aside(file.name).unlink(missing_ok=True)
            raise
        for file in (both, *files):
            self._aside(file.name).replace(self.path / file.name)
        for name in sums.keys() - {file.name for file in files}:
            (self.path / name).unlink(missing_ok=True)
        self._aside(after.name).replace(self.path / LIST)

    def _write_aside(self, file: File) -> None:
        """Write a file under another name, with the owner of the one that it is to replace."""
        aside, there = self._aside(file.name), self.path / file.name
        aside.unlink(missing_ok=True)
        with aside.open("x", encoding="utf-8") as stream:
            mode = _PROGRAM if file.is_executable else _PLAIN
            os.fchmod(stream.fileno(), mode & _OWNERS if file.is_private else mode)
            stream.write(file.text)
            stream.flush()
            os.fsync(stream.fileno())
        if there.is_file() and (old := there.stat()).st_uid != os.geteuid():
            os.chown(aside, old.st_uid, old.st_gid)

    def _aside(self, name: str) -> Path:
        return self.path / f".{name}.new"

    def _refuse_foreign(self, sums: dict[str, frozenset[str]], files: tuple[File, ...]) -> None:
        if self.path.exists() and not self.path.is_dir():
            raise UsageError(f"{self.path} is a file; name a folder with --out-dir")
        there = sorted(entry.name for entry in self.path.iterdir()) if self.path.is_dir() else []
        ours = {*sums, *(file.name for file in files), LIST, f"{LIST}.after"}
        cut_short = {self._aside(name).name for name in ours}
        foreign = [name for name in there if name not in {*sums, *self.kept, *cut_short, LIST}]
        changed = [name for name in there if name in sums and self._sum_of(name) not in sums[name]]
        for names, what in (
            (foreign, "was not written by dynamo deploy"),
            (changed, "was changed since dynamo deploy wrote it"),
        ):
            if names:
                text = f"{self.path / names[0]} {what}"
                advice = (
                    "write to another folder with --out-dir, or over what is there with --force"
                )
                raise UsageError(f"{text}; {advice}")

    def _sums(self) -> dict[str, frozenset[str]]:
        """Return the sums of what was written here, by name: two, where writing was cut short."""
        sums: dict[str, frozenset[str]] = {}
        for line in (self._text(LIST) or "").splitlines():
            digest, _, name = line.partition("  ")
            if name.strip(".") and "/" not in name:
                sums[name] = sums.get(name, frozenset()) | {digest}
        return sums

    def _sum_of(self, name: str) -> str:
        data = self._data(name)
        return _sum(data) if data is not None else ""

    def _text(self, name: str) -> str | None:
        data = self._data(name)
        return data.decode("utf-8", errors="replace") if data is not None else None

    def _data(self, name: str) -> bytes | None:
        """Return what a file holds; None when it cannot be read, or is no file that could end."""
        try:
            return read_file(self.path / name, most=_MOST)
        except OSError:
            return None


def _lines(sums: Iterable[tuple[str, str]]) -> str:
    return "".join(f"{digest}  {name}\n" for digest, name in sorted(set(sums)))


def _sum(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
