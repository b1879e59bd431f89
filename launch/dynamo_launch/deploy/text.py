"""Texts of which a part is known only when a script runs, such as a port or the leader's address.

What a user wrote is plain text in every case: an `Expression` is a type of its own, so no character
that somebody writes can become one.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Final

from dynamo_conformance.manifest.expand import references

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_HOLE: Final = "\ufffc"


@dataclass(frozen=True, slots=True)
class Expression:
    """What the shell puts in place, such as `$PORT` or `$((PORT + 1))`."""

    code: str


@dataclass(frozen=True, slots=True)
class Edit:
    """A part of a text, and what takes its place."""

    start: int
    end: int
    text: Text


@dataclass(frozen=True, slots=True)
class Text:
    """Characters and expressions, in the order in which they stand."""

    pieces: tuple[str | Expression, ...] = ()

    @property
    def plain(self) -> str:
        """The text with one character in the place of each expression, to be searched."""
        return "".join(one if isinstance(one, str) else _HOLE for one in self.pieces)

    def edited(self, edits: Iterable[Edit]) -> Text:
        """Return the text with other parts in it; places are those in `plain`, none overlaps."""
        done: list[str | Expression] = []
        at = 0
        for edit in sorted(edits, key=lambda one: one.start):
            done += self._between(at, edit.start)
            done += edit.text.pieces
            at = edit.end
        return Text(tuple(_joined((*done, *self._between(at, len(self.plain))))))

    def _between(self, start: int, end: int) -> list[str | Expression]:
        inside: list[str | Expression] = []
        at = 0
        for piece in self.pieces:
            size = len(piece) if isinstance(piece, str) else 1
            if isinstance(piece, str):
                inside.append(piece[max(start - at, 0) : max(end - at, 0)])
            elif start <= at < end:
                inside.append(piece)
            at += size
        return inside


def _joined(pieces: Iterable[str | Expression]) -> Iterator[str | Expression]:
    """Yield pieces, neighbouring characters in one."""
    for is_text, group in groupby(pieces, key=lambda one: isinstance(one, str)):
        if not is_text:
            yield from group
        elif text := "".join(map(str, group)):
            yield text


def literal(text: str) -> Text:
    """Return what somebody wrote."""
    return Text((text,))


def expression(code: str) -> Text:
    """Return an expression of the shell."""
    return Text((Expression(code),))


def expanded(text: str, env: Mapping[str, Text]) -> Text:
    """Return `text` with every `$(NAME)` of a known variable replaced, as the kubelet does it."""
    pieces: list[str | Expression] = []
    for piece in references(text):
        if isinstance(piece, str):
            pieces.append(piece)
        else:
            pieces += env.get(piece.name, literal(str(piece))).pieces
    return Text(tuple(_joined(pieces)))
