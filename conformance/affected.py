"""Affected examples: which of them a change can have broken.

An example is its manifest, the script of the same name, the components beside them, and the files
that any of these name. A change of the suite itself concerns every example.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Set as AbstractSet

LAUNCH, COMPONENTS = "launch", "components"

_SUITE = Path(__file__).resolve().parent
_WORD = re.compile(r"[\w./-]+\.\w+")


def is_affected(path: Path, changed: AbstractSet[Path]) -> bool:
    """Whether a manifest or a script, or anything its example is made of, is among `changed`.

    Args:
        path: The manifest or the script.
        changed: Real paths of the files that changed.
    """
    if any(one.is_relative_to(_SUITE) for one in changed):
        return True
    files = set(_files_of(path.resolve()))
    return not files.isdisjoint(changed)


def _files_of(path: Path) -> Iterator[Path]:
    """Yield every file that an example is made of, as real paths."""
    folder = next((one for one in path.parents if one.name == LAUNCH), None)
    own = [path]
    if folder is not None:
        own += sorted(folder.rglob(f"{path.stem}.*"))
        own += [one for one in (folder.parent / COMPONENTS).rglob("*") if one.is_file()]
    for one in own:
        yield one.resolve()
        yield from _named_in(one, folder.parent if folder is not None else path.parent)


def _named_in(path: Path, example: Path) -> Iterator[Path]:
    """Yield the files that a text names, beside itself or from the example's folder."""
    text = path.read_text(encoding="utf-8", errors="replace")
    for word in set(_WORD.findall(text)):
        for base in (path.parent, example):
            named = base / word
            if named.is_file():
                yield named.resolve()
