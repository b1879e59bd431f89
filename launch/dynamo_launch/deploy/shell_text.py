"""Texts for shell scripts, of which a part may be known only when the script runs, such as a port.

What a user wrote is plain text in every case: an `Expression` is a type of its own, so no character
that somebody writes can become one.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from shlex import quote
from typing import TYPE_CHECKING, Final

from dynamo_conformance.manifest.variable_expansion import references

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

WIDTH: Final = 100
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
    text: ShellText


@dataclass(frozen=True, slots=True)
class ShellText:
    """Characters and expressions, in the order in which they stand."""

    pieces: tuple[str | Expression, ...] = ()

    @property
    def plain(self) -> str:
        """The text with one character in the place of each expression, to be searched."""
        return "".join(piece if isinstance(piece, str) else _HOLE for piece in self.pieces)

    def edited(self, edits: Iterable[Edit]) -> ShellText:
        """Return the text with other parts in it; places are those in `plain`, none overlaps."""
        done: list[str | Expression] = []
        at = 0
        for edit in sorted(edits, key=lambda edit: edit.start):
            done += self._between(at, edit.start)
            done += edit.text.pieces
            at = edit.end
        return ShellText(tuple(_joined((*done, *self._between(at, len(self.plain))))))

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
    for is_text, group in groupby(pieces, key=lambda piece: isinstance(piece, str)):
        if not is_text:
            yield from group
        elif text := "".join(map(str, group)):
            yield text


def literal(text: str) -> ShellText:
    """Return what somebody wrote."""
    return ShellText((text,))


def expression(code: str) -> ShellText:
    """Return an expression of the shell."""
    return ShellText((Expression(code),))


def expanded(text: str, env: Mapping[str, ShellText]) -> ShellText:
    """Return `text` with every `$(NAME)` of a known variable replaced, as the kubelet does it."""
    pieces: list[str | Expression] = []
    for piece in references(text):
        if isinstance(piece, str):
            pieces.append(piece)
        else:
            pieces += env.get(piece.name, literal(str(piece))).pieces
    return ShellText(tuple(_joined(pieces)))


def word(text: ShellText | str) -> str:
    """Return a text as one word of a shell."""
    pieces = literal(text).pieces if isinstance(text, str) else text.pieces
    match pieces:
        case (Expression(code),) if code.startswith("$(("):
            return code  # Arithmetic needs no quotes by itself.
        case _:
            quoted = (
                f'"{piece.code}"' if isinstance(piece, Expression) else quote(piece)
                for piece in pieces
                if piece != ""
            )
            return "".join(quoted) or "''"


def comment(text: str) -> str:
    """Return a text as it stands in a comment: on one line, without characters that end it.

    Terminals, editors and shells take several characters for the end of a line.
    """
    return "".join(char if char.isprintable() else "?" for char in text)


def command(
    words: Iterable[ShellText | str],
    *,
    env: Mapping[str, ShellText] | None = None,
    before: Iterable[str] = (),
    indent: str = "",
) -> Iterator[str]:
    """Yield the lines of a command; each option stands on a line of its own.

    Args:
        words: The command's words.
        env: Its variables; their names are checked where they are read.
        before: Code of the shell between the two: what starts the command.
        indent: What every line begins with.
    """
    given = [f"{name}={word(value)}" for name, value in (env or {}).items()]
    rows = [*_filled(given, len(indent)), *_rows((*before, *map(word, words)))]
    flat = f"{indent}{' '.join(rows)}"
    if len(flat) <= WIDTH:
        yield flat
        return
    last = len(rows) - 1
    for number, row in enumerate(rows):
        deeper = "  " if number else ""
        yield f"{indent}{deeper}{row}" + (" \\" if number < last else "")


def _filled(words: Iterable[str], indent: int) -> list[str]:
    """Return words in as few rows as hold them."""
    rows: list[str] = []
    for text in words:
        if rows and indent + len(rows[-1]) + len(text) + len("   \\") <= WIDTH:
            rows[-1] += f" {text}"
        else:
            rows.append(text)
    return rows


def _rows(words: Iterable[str]) -> list[str]:
    """Return the program in one row, and each option with what follows it in another."""
    rows: list[str] = []
    for text in words:
        if not rows or (text.startswith("--") and len(text) > len("--")):
            rows.append(text)
        else:
            rows[-1] += f" {text}"
    return rows
