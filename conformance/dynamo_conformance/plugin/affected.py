"""Affected examples: which of them a change can have broken.

An example is its manifest, the script of the same name, the components beside them, and the files
that any of these name. A change of the suite itself concerns every example.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dynamo_conformance.ledger.content import LAUNCH, components_of, engine_folder, named_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Set as AbstractSet

_SUITE = Path(__file__).resolve().parent


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
    folder = engine_folder(path)
    own = [path]
    if folder != path.parent:
        own += sorted((folder / LAUNCH).rglob(f"{path.stem}.*"))
        own += components_of(folder)
    for one in own:
        yield one.resolve()
        for named in named_in(one, folder):
            yield named.resolve()
