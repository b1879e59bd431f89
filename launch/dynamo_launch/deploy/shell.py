"""Words for a shell: what a user wrote is quoted, expressions are the shell's own."""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING, Final

from dynamo_launch.deploy.text import Expression, Text, literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

WIDTH: Final = 100


def word(text: Text | str) -> str:
    """Return a text as one word of a shell."""
    pieces = literal(text).pieces if isinstance(text, str) else text.pieces
    match pieces:
        case (Expression(code),) if code.startswith("$(("):
            return code  # Arithmetic needs no quotes by itself.
        case _:
            quoted = (
                f'"{one.code}"' if isinstance(one, Expression) else quote(one)
                for one in pieces
                if one != ""
            )
            return "".join(quoted) or "''"


def comment(text: str) -> str:
    """Return a text as it stands in a comment: on one line, without characters that end it.

    Terminals, editors and shells take several characters for the end of a line.
    """
    return "".join(char if char.isprintable() else "?" for char in text)


def command(
    words: Iterable[Text | str],
    *,
    env: Mapping[str, Text] | None = None,
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
