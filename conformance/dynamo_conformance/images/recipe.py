"""Recipes: what goes into an image, this project's own packages and requirements among it."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from importlib.metadata import requires
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from dynamo_conformance.images.docker import ImageError

if TYPE_CHECKING:
    from collections.abc import Iterator

DISTRIBUTION = "dynamo-conformance"

ROOT = "/opt/dynamo-conformance"
"""The folder in an image that holds all that we put there."""

SITE_PACKAGES = f"{ROOT}/site-packages"
PROJECT = f"{ROOT}/project"
"""Where the packages of this project are, on Python's path before all others."""

_COMPILED = "__pycache__"
_EXECUTABLE = 0o111


@dataclass(frozen=True, slots=True)
class ImageSource:
    """A file or folder of this machine, and where it goes.

    Attributes:
        path: The file or folder; compiled Python in it is left out.
        to: Its absolute path in the image.
    """

    path: Path
    to: str

    def files(self) -> Iterator[tuple[Path, str]]:
        """Yield each file with its path in the image, in the order of names.

        Raises:
            ImageError: There is nothing at `path`.
        """
        if self.path.is_file():
            yield self.path, self.to
        elif self.path.is_dir():
            yield from _below(self.path, self.to)
        else:
            raise ImageError(f"{self.path} is to go into an image, but is not there")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What an image is made of.

    Attributes:
        name: The image's name, below `dynamo-conformance/`.
        requirements: Python packages, as pip takes them.
        overrides: Lines that override what those packages require, as uv takes them.
        sources: Files of this machine.
        search_path: Folders of the image in which its Python looks first, before our packages and
            before `requirements`.
        environment: Environment variables.
        start: A module that Python imports whenever it starts in the image, or nothing.
        lines: What else its Dockerfile says, after everything was copied.
    """

    name: str
    requirements: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()
    sources: tuple[ImageSource, ...] = ()
    search_path: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    start: str = ""
    lines: tuple[str, ...] = ()

    def python_path(self) -> tuple[str, ...]:
        """Return the folders of the image in which its Python looks for packages, in order."""
        return (*self.search_path, PROJECT, SITE_PACKAGES)


def packages(*names: str) -> tuple[ImageSource, ...]:
    """Return packages and modules of the running environment, to go where Python finds them.

    What is around them goes along as far as Python needs it: the `__init__.py` of `conformance` for
    `dynamo_conformance.manifest`.

    Raises:
        ImageError: There is no package of a name.
    """
    sources: dict[str, ImageSource] = {}
    for name in names:
        steps = name.split(".")
        for length in range(1, len(steps)):
            around = ".".join(steps[:length])
            to = f"{PROJECT}/{'/'.join(steps[:length])}/__init__.py"
            sources.setdefault(to, ImageSource(_origin(around), to))
        origin, to = _origin(name), f"{PROJECT}/{'/'.join(steps)}"
        is_package = origin.name == "__init__.py"
        source = ImageSource(origin.parent, to) if is_package else ImageSource(origin, f"{to}.py")
        sources[source.to] = source
    return tuple(sources.values())


def requirements(*names: str, extra: str) -> tuple[str, ...]:
    """Return the requirements called `names`, of the base install or an extra, as pip takes them.

    Raises:
        ImageError: One of them is not required; the installed metadata is another version's.
    """
    from packaging.requirements import Requirement

    required = {
        one.name: f"{one.name}{one.specifier}"
        for one in (Requirement(line) for line in requires(DISTRIBUTION) or ())
        if one.marker is None or one.marker.evaluate({"extra": extra})
    }
    missing = [name for name in names if name not in required]
    if missing:
        raise ImageError(
            f"{DISTRIBUTION}, as it is installed, does not require {', '.join(missing)}; "
            "install it again"
        )
    return tuple(required[name] for name in names)


def _origin(name: str) -> Path:
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise ImageError(f"no package {name} in this environment")
    return Path(spec.origin)


def digest(*parts: str | bytes) -> str:
    """Return the digest of `parts`, each of which counts by itself."""
    sha = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        sha.update(f"{len(data)}:".encode())
        sha.update(data)
    return sha.hexdigest()


def digest_of_sources(sources: tuple[ImageSource, ...]) -> str:
    """Return the digest of all files, with the paths they go to and whether they are programs."""
    parts: list[str | bytes] = []
    for source in sources:
        for path, to in source.files():
            parts += [to, "program" if is_program(path) else "", path.read_bytes()]
    return digest(*parts)


def is_program(path: Path) -> bool:
    """Whether a file may be executed."""
    return bool(path.stat().st_mode & _EXECUTABLE)


def _below(folder: Path, to: str) -> Iterator[tuple[Path, str]]:
    with os.scandir(folder) as listing:
        entries = sorted(listing, key=lambda one: one.name)
    for entry in entries:
        inner = f"{to}/{entry.name}"
        if entry.is_file():
            yield Path(entry.path), inner
        elif entry.is_dir() and entry.name != _COMPILED:
            yield from _below(Path(entry.path), inner)
