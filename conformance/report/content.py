"""Content: the files that a file of an examples tree is made of."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LAUNCH, COMPONENTS = "launch", "components"

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
    for file in found:
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
    """Yield the files that a text names, beside itself or from a folder."""
    for word in sorted(set(_WORD.findall(_text(path)))):
        for base in (path.parent, folder):
            named = base / word
            if named.is_file():
                yield named


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")
