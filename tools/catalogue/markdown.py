"""Markdown: tables, links, and the blocks that are made inside a page that people write."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path


class BlockError(Exception):
    """A page without the markers that a block needs; one line says which."""


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; columns that hold nothing in any row are left out."""
    all_rows = list(rows)
    kept = [at for at in range(len(header)) if any(row[at] for row in all_rows)]
    lines = [[header[at] for at in kept], ["---"] * len(kept)]
    lines += [[row[at].replace("|", "\\|") for at in kept] for row in all_rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def link(text: str, target: Path, *, page: Path) -> str:
    """Return a link from a page to a file."""
    return f"[{text}]({relative(target, page)})"


def image(description: str, target: Path, *, page: Path) -> str:
    """Return an image with what it shows in words."""
    words = description.replace("[", "(").replace("]", ")")
    return f"![{words}]({relative(target, page)})"


def relative(target: Path, page: Path) -> str:
    """Return the way from a page to a file."""
    return os.path.relpath(target, page.parent).replace(os.sep, "/")


def has_block(text: str, name: str) -> bool:
    """Whether a page has a place for a block."""
    return _markers(name)[0] in text


def with_block(text: str, name: str, body: str, *, page: str) -> str:
    """Return a page with what stands between the markers of a block replaced.

    Raises:
        BlockError: The page has no such markers, or the end of them is missing.
    """
    begin, end = _markers(name)
    before, opened, rest = text.partition(begin)
    _, ended, after = rest.partition(end)
    if not opened or not ended:
        raise BlockError(f"{page}: write {begin} and {end} where the table is to stand")
    return f"{before}{begin}\n\n{body.strip()}\n\n{end}{after}"


def _markers(name: str) -> tuple[str, str]:
    return f"<!-- {name} -->", f"<!-- /{name} -->"
