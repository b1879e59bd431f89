"""Images by their content-keyed names: in the engine, else in the cache, else built."""

from __future__ import annotations

from typing import TYPE_CHECKING

from command import answer, run
from progress import step

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cache import Cache

FILE = "image.tar"


def loaded(tag: str) -> bool:
    """Whether the engine has the image."""
    return answer("docker", "image", "inspect", "--format", "{{.Id}}", tag) is not None


def there(cache: Cache, name: str, content_key: str, tag: str) -> bool:
    """Whether nothing is to be built for the image."""
    return loaded(tag) or cache.has(f"image-{name}", content_key)


def have(cache: Cache, name: str, content_key: str, tag: str, make: Callable[[Path], None]) -> None:
    """Have the image in the engine: it is there, or is loaded, or is built and kept for loading."""
    if loaded(tag):
        return

    def keep(folder: Path) -> None:
        make(folder)
        run("docker", "save", "--output", folder / FILE, tag, log=cache.log(f"save-{name}"))

    archive = cache.build(f"image-{name}", content_key, keep) / FILE
    if not loaded(tag):
        with step(f"loaded {tag}"):
            run("docker", "load", "--input", archive, log=cache.log(f"load-{name}"))
