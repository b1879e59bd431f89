"""Files: what the words of a command line stand for."""

from __future__ import annotations

import os
from fnmatch import fnmatch
from functools import cache
from glob import glob, has_magic
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from dynamo_conformance.lint.partial_files import Fragments
from dynamo_conformance.manifest.files import real

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SUFFIXES = (".yaml", ".yml", ".json")
STDIN = "-"


class LeftOut(NamedTuple):
    """A file that is left out, because it is a part of something else.

    Attributes:
        path: The file.
        reason: What it is a part of, and what to check instead.
        named: Whether somebody asked for this very file.
    """

    path: Path
    reason: str
    named: bool


class NoSuchPathError(FileNotFoundError):
    """A word that names no file, no folder and no pattern that fits one."""


def manifest_files(
    words: Iterable[str | Path],
    *,
    exclude: tuple[str, ...] = (),
    exclude_named: bool = False,
    left_out: list[LeftOut] | None = None,
) -> Iterator[Path]:
    """Yield files as given, what fits a pattern, and each YAML or JSON file below folders in order.

    Files that are a part of something else (`partial_files.py`) are left out.

    Args:
        words: Files, folders, and patterns that no shell has expanded (`**` for any folders).
        exclude: Patterns of files below folders to leave out.
        exclude_named: Whether files that are named are left out too, as a program that names
            every file of a repository expects.
        left_out: Gets what is left out because it is a part of something else.

    Raises:
        NoSuchPathError: A word stands for nothing.
    """
    seen: set[Path] = set()
    place_of = cache(real)
    fragments = Fragments()
    for word in words:
        for path in _expanded(Path(word)):
            is_folder = path.is_dir()
            if exclude_named and not is_folder and _excluded(path, exclude):
                continue
            entries = sorted(_visible(path)) if is_folder else [path]
            if is_folder:
                fragments.look_at(entries)
            for manifest in _manifests(entries, exclude) if is_folder else entries:
                place = place_of(manifest.parent) / manifest.name
                if place in seen:
                    continue
                seen.add(place)
                reason = fragments.part_of(place)
                if reason is None:
                    yield manifest
                elif left_out is not None:
                    left_out.append(LeftOut(manifest, reason, named=not is_folder))


def _expanded(path: Path) -> tuple[Path, ...]:
    if path.exists():
        return (path,)
    if not has_magic(str(path)):
        raise NoSuchPathError(f"{path}: no such file or folder")
    # As shells do it: `*` and `**` find nothing hidden, which pathlib's own does.
    if "**" in path.parts:
        parts = takewhile(lambda part: not has_magic(part), path.parts)
        base = Path(*parts)
        for _each in _visible(base) if base.is_dir() else ():
            pass  # The pattern itself passes over folders that it cannot read.
    matches = sorted(Path(name) for name in glob(str(path), recursive=True))  # noqa: PTH207
    # A pattern that says nothing of suffixes means manifests, and not the README beside them.
    wanted = tuple(
        match for match in matches if path.suffix or match.suffix in SUFFIXES or match.is_dir()
    )
    if not wanted:
        raise NoSuchPathError(f"{path}: nothing fits this pattern")
    return wanted


def _manifests(files: list[Path], exclude: tuple[str, ...]) -> Iterator[Path]:
    for path in files:
        if path.suffix in SUFFIXES and not _excluded(path, exclude) and path.is_file():
            yield path


def _visible(folder: Path) -> Iterator[Path]:
    """Yield every file below a folder with nothing hidden on the way; links lead nowhere else.

    Raises:
        OSError: A folder cannot be read; what it holds would go unchecked.
    """
    for parent, folders, files in os.walk(folder, onerror=_raise):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(parent, file) for file in files if not file.startswith("."))


def _raise(error: OSError) -> None:
    raise error


def _excluded(path: Path, exclude: tuple[str, ...]) -> bool:
    names = (str(path), str(path.absolute())) if exclude else ()
    return any(fnmatch(name, pattern) for name in names for pattern in exclude)
