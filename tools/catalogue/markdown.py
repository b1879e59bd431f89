"""Markdown: tables and the text in them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; columns that hold nothing in any row are left out."""
    found = list(rows)
    kept = [at for at in range(len(header)) if any(row[at] for row in found)]
    lines = [[header[at] for at in kept], ["---"] * len(kept)]
    lines += [[row[at].replace("|", "\\|") for at in kept] for row in found]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def link(text: str, target: Path, *, page: Path) -> str:
    """Return a link from a page to a file."""
    return f"[{text}]({relative(target, page)})"


def image(description: str, target: Path, *, page: Path) -> str:
    """Return an image with what it shows in words."""
    said = description.replace("[", "(").replace("]", ")")
    return f"![{said}]({relative(target, page)})"


def relative(target: Path, page: Path) -> str:
    """Return the way from a page to a file."""
    return os.path.relpath(target, page.parent).replace(os.sep, "/")
