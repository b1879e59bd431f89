"""Words for a shell, some of which are only known when the script runs."""

from __future__ import annotations

import re
from shlex import quote
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

WIDTH: Final = 100

_OPEN, _CLOSE = "\x02", "\x03"
_LATER = re.compile(f"{_OPEN}([^{_CLOSE}]*){_CLOSE}")


def later(expression: str) -> str:
    """Return what stands in a text for an expression of the shell, such as `$PORT`."""
    return f"{_OPEN}{expression}{_CLOSE}"


def word(text: str) -> str:
    """Return a text as one word of a shell."""
    pieces = _LATER.split(text)
    if len(pieces) == 1:
        return quote(text)
    # Texts and expressions take turns; an assignment or arithmetic needs no quotes by itself.
    if len(pieces) == 3 and not pieces[0] and not pieces[2] and pieces[1].startswith("$(("):  # noqa: PLR2004
        return pieces[1]
    found = [
        (f'"{piece}"' if index % 2 else quote(piece)) for index, piece in enumerate(pieces) if piece
    ]
    return "".join(found)


def inside(text: str) -> str:
    """Return a text, one of names and numbers, as it stands between double quotes."""
    return _LATER.sub(r"\1", text)


def command(
    words: Iterable[str],
    *,
    env: Mapping[str, str] | None = None,
    before: Iterable[str] = (),
    indent: str = "",
) -> Iterator[str]:
    """Yield the lines of a command; each option stands on a line of its own.

    Args:
        words: The command's words.
        env: Its variables.
        before: Words of the shell between the two: what starts the command.
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
    for one in words:
        if rows and indent + len(rows[-1]) + len(one) + len("   \\") <= WIDTH:
            rows[-1] += f" {one}"
        else:
            rows.append(one)
    return rows


def _rows(words: Iterable[str]) -> list[str]:
    """Return the program in one row, and each option with what follows it in another."""
    rows: list[str] = []
    for one in words:
        if not rows or (one.startswith("--") and len(one) > len("--")):
            rows.append(one)
        else:
            rows[-1] += f" {one}"
    return rows
