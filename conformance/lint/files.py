"""Files: what the words of a command line stand for."""

from __future__ import annotations

from fnmatch import fnmatch
from glob import has_magic
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
    for word in words:
        for path in _expanded(Path(word)):
            below = _below(path, exclude) if path.is_dir() else (path,)
            for one in below:
                if one not in seen:
                    seen.add(one)
                    yield one


def _expanded(path: Path) -> tuple[Path, ...]:
    if path.exists():
        return (path,)
    pattern = path.relative_to(path.anchor) if path.anchor else path
    base = Path(path.anchor or ".")
    found = sorted(base.glob(str(pattern))) if has_magic(str(path)) else []
    if not found:
        raise NoSuchPathError(f"{path}: no such file or folder")
    return tuple(found)


def _below(folder: Path, exclude: tuple[str, ...]) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        excluded = any(fnmatch(str(path), pattern) for pattern in exclude)
        if path.suffix in SUFFIXES and not hidden and not excluded and path.is_file():
            yield path
