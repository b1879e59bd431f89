"""The folder that is written to: what in it is ours, what is not, and what would change.

A list of sums says which files were written here, and how they were then, so that nothing is lost
that somebody else made or changed.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from launch.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from launch.deploy.output import File

LIST: Final = ".dynamo-deploy.sha256"
"""Written beside the files; `sha256sum --check` reads it."""

_PLAIN, _PROGRAM = 0o644, 0o755


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
            self._refuse_foreign(sums)
        try:
            self._write(files, sums)
        except OSError as error:
            raise UsageError(f"{error.filename}: cannot be written: {error.strerror}") from error

    def changes(self, files: Iterable[File]) -> Iterator[str]:
        """Yield the lines of a unified diff from what is there to what would be written."""
        from difflib import unified_diff

        wanted = {one.name: one.text for one in files}
        for name in sorted({*wanted, *self._sums()}):
            old, new = self._text(name), wanted.get(name)
            yield from unified_diff(
                (old or "").splitlines(keepends=True),
                (new or "").splitlines(keepends=True),
                f"{self.path / name}" if old is not None else "/dev/null",
                f"{self.path / name}" if new is not None else "/dev/null",
            )

    def _write(self, files: tuple[File, ...], sums: dict[str, str]) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        for name in sums:
            if all(one.name != name for one in files):
                (self.path / name).unlink(missing_ok=True)
        for one in files:
            self._replace(one.name, one.text, _PROGRAM if one.is_executable else _PLAIN)
        lines = sorted(f"{_sum(one.text.encode())}  {one.name}\n" for one in files)
        self._replace(LIST, "".join(lines), _PLAIN)

    def _replace(self, name: str, text: str, mode: int) -> None:
        """Write a file so that nobody sees half of it."""
        file, new = self.path / name, self.path / f".{name}.new"
        new.write_text(text, encoding="utf-8")
        new.chmod(mode)
        new.replace(file)

    def _refuse_foreign(self, sums: dict[str, str]) -> None:
        if self.path.exists() and not self.path.is_dir():
            raise UsageError(f"{self.path} is a file; name a folder with --out-dir")
        there = sorted(one.name for one in self.path.iterdir()) if self.path.is_dir() else []
        foreign = [name for name in there if name not in {*sums, *self.kept, LIST}]
        changed = [name for name in there if name in sums and self._sum_of(name) != sums[name]]
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

    def _sums(self) -> dict[str, str]:
        """Return the sums of what was written here, by name."""
        text = self._text(LIST) or ""
        pairs = (line.partition("  ") for line in text.splitlines())
        return {name: digest for digest, _, name in pairs if name.strip(".") and "/" not in name}

    def _sum_of(self, name: str) -> str:
        path = self.path / name
        return _sum(path.read_bytes()) if path.is_file() else ""

    def _text(self, name: str) -> str | None:
        try:
            return (self.path / name).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None


def _sum(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
