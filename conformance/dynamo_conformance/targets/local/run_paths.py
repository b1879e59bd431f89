"""Paths below the run's folder: whatever path a manifest writes, nothing leaves that folder.

A pod has a file system of its own, and a process of this machine has the user's. So every path that
a container's command line or environment names is a path below the run's folder here.
"""

from __future__ import annotations

import hashlib
import os
import posixpath
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from dynamo_conformance.rendering.relocation import rewrite_paths

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_LONGEST_NAME = 200
_LONGEST_PATH = 1000
"""Bytes of a name and of a path; Linux takes 255 and 4096."""

_LARGEST_COPY = 64 * 2**20
"""A file that a component reads is copied up to this size; weights are larger and stay."""

_SYSTEM = frozenset(
    {"bin", "sbin", "usr", "lib", "lib32", "lib64", "libx32", "etc", "dev", "proc", "sys", "nix"}
)
"""Folders of the machine that programs need, and that an ordinary user cannot write to."""

_PATH = re.compile(r"(?<![\w./:$}~@%+*?\\-])/(?=[^\s/\"'])[^\s\"'`,;:=|&<>(){}\[\]$*\\]*")
_LIST = re.compile(r"([:,])(?=/)")
_SCRIPT = re.compile(r"-\w*c")
"""What stands before a script for a shell."""

_PROGRAM = (".py", ".so", ".sh")

_NO_PLACE = re.compile(
    r"served|http[-_]svc|url|uri|endpoint|route|root[-_]path|prefix|health|live(?![a-z])|ready"
)
"""Flags and variables whose `/...` is a path of HTTP or of a name space."""

_SEARCHED = frozenset(
    {
        "PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "LD_PRELOAD", "LIBRARY_PATH", "CPATH", "SHELL",
        "CUDA_HOME", "CUDA_PATH", "VIRTUAL_ENV", "SSL_CERT_FILE", "SSL_CERT_DIR", "TZDIR",
        "TRITON_PTXAS_PATH", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE",
    }
)  # fmt: skip
"""Variables that say where programs and libraries are found; nothing is written there."""

_WRITTEN = re.compile(
    r"(?:^|[-_])(?:cache|log|logs|home|tmp|tmpdir|temp|dump|trace|output|save|save[-_]\w+|profil\w*"
    r"|download|kv|checkpoint|telemetry|metrics|export|offload)(?:$|[-_])|^dyn_lora_path$"
)
"""Flags and variables that name a place to write to."""

_FOLDER = re.compile(r"(?:_HOME|_DIR|_CACHE|_ROOT|^HOME|_FOLDER|_DIRECTORY)$")
"""Variables that name a folder, which programs take to be there."""


def below(folder: Path, *paths: str) -> Path:
    """Return the place of a container's path below `folder`; `..` and `/` end at each folder."""
    place = folder
    for path in paths:
        place /= _inner(path)
    return place


def _inner(path: str) -> str:
    inner = posixpath.normpath("/" + path.replace("\0", "")).lstrip("/")
    if len(os.fsencode(inner)) > _LONGEST_PATH:
        return _shortened(inner)
    return "/".join(_shortened(part) for part in inner.split("/"))


def _shortened(name: str) -> str:
    """Return a name that Linux takes: a long one by its beginning and its digest."""
    if len(os.fsencode(name)) <= _LONGEST_NAME:
        return name
    digest = hashlib.sha256(os.fsencode(name)).hexdigest()[:16]
    return f"{name[:40].replace('/', '_')}-{digest}"


@dataclass(slots=True)
class RunPaths:
    """Where the paths of one container are here.

    Attributes:
        run: The run's own folder.
        root: The folder below it that stands for what no volume is mounted at.
        mounts: What stands for each mounted path.
        all_paths: Whether every path is moved; else only those that are written to.
        models: Paths that models are loaded from; they are made below the run's folder.
        moved: What was moved so far, from where to where.
        folders: Folders that have to be there.
        copies: Files of this machine that are read, and where to.
    """

    run: Path
    root: Path
    mounts: Mapping[str, str]
    all_paths: bool = True
    models: frozenset[str] = frozenset()
    moved: dict[str, Path] = field(default_factory=dict)
    folders: dict[Path, None] = field(default_factory=dict)
    copies: dict[Path, Path] = field(default_factory=dict)

    def words(self, words: tuple[str, ...], *, folder: str) -> tuple[str, ...]:
        """Return a command line with the places of its paths.

        Args:
            words: The command line as the container has it.
            folder: Where in the container it is started, for paths that begin there.
        """
        return tuple(self._words(words, folder))

    def variable(self, name: str, value: str) -> str:
        """Return the value of an environment variable with the places of its paths."""
        value = rewrite_paths(value, self.mounts)
        if name in _SEARCHED:
            return value
        moved = self._value(name, value, "/")
        if moved != value and moved.startswith("/") and _FOLDER.search(name):
            self.folders[Path(moved)] = None
        return moved

    def at(self, path: str) -> Path:
        """Return where an absolute path of the container is here."""
        here = rewrite_paths(posixpath.normpath("/" + path.lstrip("/")), self.mounts)
        if Path(here).is_relative_to(self.run):
            return below(self.run, str(Path(here).relative_to(self.run)))
        return self._move(path)

    def _words(self, words: tuple[str, ...], folder: str) -> Iterator[str]:
        before = ""
        for index, word in enumerate(words):
            moved = rewrite_paths(word, self.mounts)
            flag, equals, value = moved.partition("=")
            if index == 0:
                yield moved
            elif moved.startswith("-") and equals:
                yield f"{flag}={self._value(flag, value, folder)}"
            else:
                yield self._value(before, moved, folder)
            before = word if word.startswith("-") else ""

    def _value(self, name: str, value: str, folder: str) -> str:
        """Return what a flag or variable is given, moved completely or each path in it."""
        lowered = name.lower()
        if _NO_PLACE.search(lowered) or not (self.all_paths or _WRITTEN.search(lowered)):
            return value
        if "\n" not in value and not _SCRIPT.fullmatch(name):
            if value.startswith("/"):
                parts = _LIST.split(value)
                return "".join(str(self._here(part)) if "/" in part else part for part in parts)
            if ".." in value.split("/") and "://" not in value:
                return str(self._move(posixpath.join(folder, value), written=value))
        return _PATH.sub(lambda match: str(self._here(match[0])), value)

    def _here(self, path: str) -> Path | str:
        first, _, inner = path.lstrip("/").partition("/")
        if Path(path).is_relative_to(self.run) and ".." not in path.split("/"):
            return path
        if path not in self.models and (not first or (first in _SYSTEM and ".." not in inner)):
            return path
        return self._move(path) if not _is_program(path) else path

    def _move(self, path: str, *, written: str | None = None) -> Path:
        here = below(self.root, path)
        self.moved[written or path] = here
        self.folders[here.parent] = None
        source = Path(path)
        if path in self.models:
            return here
        if _is_file(source):
            self.copies[here] = source
        elif _is_folder(source):
            self.folders[here] = None
        return here


def _is_program(path: str) -> bool:
    """Whether a path is a program of this machine, which is only read; it may need its folder."""
    place = Path(path)
    return _is_file(place) and (path.endswith(_PROGRAM) or os.access(place, os.X_OK))


def _is_file(path: Path) -> bool:
    try:
        return path.is_file() and path.stat().st_size <= _LARGEST_COPY
    except (OSError, ValueError):
        return False


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False
