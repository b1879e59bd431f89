"""Files: what the words of a command line stand for."""

from __future__ import annotations

from fnmatch import fnmatch
from functools import cache
from glob import glob, has_magic
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SUFFIXES = (".yaml", ".yml")
STDIN = "-"


class NoSuchPathError(FileNotFoundError):
    """A word that names no file, no folder and no pattern that fits one."""


def manifest_files(words: Iterable[str | Path], *, exclude: tuple[str, ...] = ()) -> Iterator[Path]:
    """Yield files as given, what fits a pattern, and every YAML file below folders in order.

    Args:
        words: Files, folders, and patterns that no shell has expanded (`**` for any folders).
        exclude: Patterns of files below folders to leave out.

    Raises:
        NoSuchPathError: A word stands for nothing.
    """
    seen: set[Path] = set()
    real = cache(Path.resolve)
    for word in words:
        for path in _expanded(Path(word)):
            below = _below(path, exclude) if path.is_dir() else (path,)
            for one in below:
                place = real(one.parent) / one.name
                if place not in seen:
                    seen.add(place)
                    yield one


def _expanded(path: Path) -> tuple[Path, ...]:
    if path.exists():
        return (path,)
    if not has_magic(str(path)):
        raise NoSuchPathError(f"{path}: no such file or folder")
    # As shells do it: `*` and `**` find nothing hidden, which pathlib's own does.
    found = sorted(Path(one) for one in glob(str(path), recursive=True))  # noqa: PTH207
    # A pattern that says nothing of suffixes means manifests, and not the README beside them.
    wanted = tuple(one for one in found if path.suffix or one.suffix in SUFFIXES or one.is_dir())
    if not wanted:
        raise NoSuchPathError(f"{path}: nothing fits this pattern")
    return wanted


def _below(folder: Path, exclude: tuple[str, ...]) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        names = (str(path), str(path.absolute())) if exclude else ()
        excluded = any(fnmatch(name, pattern) for name in names for pattern in exclude)
        if path.suffix in SUFFIXES and not hidden and not excluded and path.is_file():
            yield path
