"""The base image for programs in Python: Debian, its Python, and nothing else big."""

from __future__ import annotations

import rootfs
from cache import Cache, key
from command import run
from pins import PYTHON_PACKAGES

CHANGES = ("ENV LANG=C.UTF-8", 'CMD ["python3"]')


def key_of() -> str:
    """What decides the image."""
    return key(rootfs.key_of(PYTHON_PACKAGES), *CHANGES)


def build(cache: Cache, tag: str) -> None:
    """Build the image and give it its name."""
    base = rootfs.build(cache, "python", PYTHON_PACKAGES)
    changes = [word for change in CHANGES for word in ("--change", change)]
    run("docker", "import", *changes, base, tag, log=cache.log("python"))
