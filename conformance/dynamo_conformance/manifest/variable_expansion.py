"""`$(NAME)` in commands and values, as the kubelet expands it (and nothing more than it does)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class Reference(NamedTuple):
    """A `$(NAME)` in a text."""

    name: str

    def __str__(self) -> str:
        """Return the reference as it is written."""
        return f"$({self.name})"


def expand(text: str, env: Mapping[str, str]) -> str:
    """Return `text` with every `$(NAME)` of a known variable replaced.

    `$$` is one dollar sign; a reference to an unknown name stays as it is. A reference ends at the
    first closing bracket, so in `$(( 8 * $(N) ))` nothing is replaced: that is what the kubelet's
    own `expansion.Expand` does.
    """
    if "$" not in text:
        return text
    return "".join(
        env.get(piece.name, str(piece)) if isinstance(piece, Reference) else piece
        for piece in references(text)
    )


def references(text: str) -> Iterator[str | Reference]:
    """Yield the pieces of `text`: what stays, with `$$` as one dollar sign, and the references."""
    index = 0
    while index < len(text):
        char = text[index]
        following = text[index + 1] if index + 1 < len(text) else ""
        if char != "$" or not following:
            end = text.find("$", index + 1)
            yield text[index : end if end != -1 else None]
            index = end if end != -1 else len(text)
        elif following == "$":
            yield "$"
            index += 2
        elif following == "(" and (end := text.find(")", index)) != -1:
            yield Reference(text[index + 2 : end])
            index = end + 1
        else:
            yield char + following
            index += 2
