"""Debian file systems, each one tar file, and the base image for programs in Python."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import engine
from cache import Cache, key
from command import run
from pins import DEBIAN, PYTHON_PACKAGES

if TYPE_CHECKING:
    from pathlib import Path

MINIMAL = "minbase"
# Only the packages named and those they need, unpacked; nothing is set up by their scripts.
UNPACKED = "extract"
FILE = "rootfs.tar"
PYTHON_CHANGES = ("ENV LANG=C.UTF-8", 'CMD ["python3"]')
OPTIONS = (
    '--aptopt=Acquire::Languages "none"',
    # It is thrown away when the machine stops half way, so nothing needs to be safe on the disk.
    "--dpkgopt=force-unsafe-io",
    # Nobody reads a manual in an image.
    *(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("doc", "info", "locale", "man")),
)


def key_of(packages: tuple[str, ...], *, variant: str = MINIMAL) -> str:
    """What decides a file system; Debian's own updates do not, so an old one is used as it is."""
    return key(*_words(packages, variant))


def build(cache: Cache, name: str, packages: tuple[str, ...], *, variant: str = MINIMAL) -> Path:
    """The tar file of a file system with these packages."""

    def make(folder: Path) -> None:
        if not shutil.which("mmdebstrap"):
            engine.install(cache, "mmdebstrap")
        run(*_words(packages, variant), folder / FILE, log=cache.log(f"rootfs-{name}"))

    return cache.build(f"rootfs-{name}", key_of(packages, variant=variant), make) / FILE


def python_key() -> str:
    """What decides the base image."""
    return key(key_of(PYTHON_PACKAGES), *PYTHON_CHANGES)


def build_python(cache: Cache, tag: str) -> None:
    """Build the base image, Debian and its Python, and give it its name."""
    base = build(cache, "python", PYTHON_PACKAGES)
    changes = [word for change in PYTHON_CHANGES for word in ("--change", change)]
    run("docker", "import", *changes, base, tag, log=cache.log("python"))


def _words(packages: tuple[str, ...], variant: str) -> tuple[str, ...]:
    return (
        "mmdebstrap",
        f"--variant={variant}",
        f"--include={','.join(packages)}",
        *OPTIONS,
        DEBIAN,
    )
