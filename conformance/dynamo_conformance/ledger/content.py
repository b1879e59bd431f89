"""Content: the files that a file of an examples tree is made of."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

LAUNCH, COMPONENTS = "launch", "components"
PICTURES = "graphs"
"""The folder of an engine that holds the pictures of its graphs."""

_WORD = re.compile(r"[\w./-]+\.\w+")
_COMPONENT = re.compile(rf"\b{COMPONENTS}[/.]\w")
_MADE_BY_PYTHON = "__pycache__"


@dataclass(frozen=True, slots=True)
class Content:
    """A file, and what it cannot do without.

    Attributes:
        path: The file.
        files: All of its files, itself first.
    """

    path: Path
    files: tuple[Path, ...]

    @property
    def sha256(self) -> str:
        """The digest of every file's name and bytes, in hex."""
        base = engine_folder(self.path)
        digest = hashlib.sha256()
        for file in sorted(self.files):
            name = file.relative_to(base).as_posix() if file.is_relative_to(base) else file.name
            data = file.read_bytes()
            digest.update(f"{name}\0{len(data)}\0".encode())
            digest.update(data)
        return digest.hexdigest()


def content_of(path: Path) -> Content:
    """Return a file with the files that it names, that these name, and so on.

    Whoever names one component may import another, so that all of them are counted.
    """
    base = engine_folder(path)
    found = [path]
    for file in found:  # It grows while it is read.
        named = [*named_in(file, base)]
        if _COMPONENT.search(_text(file)):
            named += components_of(base)
        found += [one for one in dict.fromkeys(named) if one not in found]
    return Content(path, tuple(found))


def engine_folder(path: Path) -> Path:
    """Return the folder above `launch` that a file lies in, or its own folder."""
    launch = next((one for one in path.parents if one.name == LAUNCH), None)
    return launch.parent if launch is not None else path.parent


def components_of(folder: Path) -> tuple[Path, ...]:
    """Return the files of an engine folder's components."""
    files = (one for one in (folder / COMPONENTS).rglob("*") if one.is_file())
    return tuple(sorted(one for one in files if _MADE_BY_PYTHON not in one.parts))


def named_in(path: Path, folder: Path) -> Iterator[Path]:
    """Yield the files that a text names, comments aside.

    Those are files beside it, files by their path from a folder, and files of that folder's own by
    their name: a script has a variable where the rest of the path would be.
    """
    words = sorted(set(_WORD.findall(_without_comments(_text(path)))))
    for word in words:
        for base in (path.parent, folder):
            named = Path(os.path.normpath(base / word))
            if named.is_file():
                yield named
    names = {word.rpartition("/")[2] for word in words}
    yield from (one for one in _own_files(folder) if one.name in names)


def _own_files(folder: Path) -> Iterator[Path]:
    """Yield what lies in an engine's folder besides examples, components, pages and pictures."""
    if not (folder / LAUNCH).is_dir():
        return
    for part in sorted(folder.iterdir()):
        if part.is_dir() and part.name not in (LAUNCH, COMPONENTS, PICTURES):
            yield from (one for one in sorted(part.rglob("*")) if one.is_file())


def _without_comments(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")
