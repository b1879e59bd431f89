"""Blocks: what is made inside a page that people write."""

from __future__ import annotations


class BlockError(Exception):
    """A page without the markers that a block needs; one line says which."""


def has_block(text: str, name: str) -> bool:
    """Whether a page has a place for a block."""
    return _markers(name)[0] in text


def with_block(text: str, name: str, body: str, *, page: str) -> str:
    """Return a page with what stands between the markers of a block replaced.

    Raises:
        BlockError: The page has no such markers, or the end of them is missing.
    """
    begin, end = _markers(name)
    before, found, rest = text.partition(begin)
    _, ended, after = rest.partition(end)
    if not found or not ended:
        raise BlockError(f"{page}: write {begin} and {end} where the table is to stand")
    return f"{before}{begin}\n\n{body.strip()}\n\n{end}{after}"


def _markers(name: str) -> tuple[str, str]:
    return f"<!-- {name} -->", f"<!-- /{name} -->"
