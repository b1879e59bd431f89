"""Conditions: what `test`, `[` and `[[` say of words that are known."""

from __future__ import annotations

import operator
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from dynamo_conformance.engines.shell.state import Status
    from dynamo_conformance.engines.shell.word import ShellText


def pieces(text: str) -> list[str]:
    """Return the words of a test as they are written."""
    return [piece[0] for piece in re.finditer(_PIECE, text)]


_PIECE = re.compile(
    r"""(?:"(?:\\.|[^"\\])*"|'[^']*'|\$\([^()]*\)|\$\{[^}]*\}|\\.|[^\s"'])+""", re.DOTALL
)


def judged(words: Sequence[ShellText]) -> Status:
    """Return what a test of plain words says, or None."""
    texts = [word.text for word in words]
    if any(word.many or not word.known for word in words):
        return None
    if texts[:1] == ["!"]:
        status = judged(words[1:])
        return None if status is None else not status
    match texts:
        case [] | [_]:
            return bool(texts and texts[0])
        case ["-n" | "-z" as sign, one]:
            return bool(one) == (sign == "-n")
        case [one, "=" | "==" | "!=" as sign, other]:
            return (one == other) == (sign != "!=")
        case [one, sign, other] if sign in _COMPARES and _WHOLE.fullmatch(f"{one} {other}"):
            return _COMPARES[sign](int(one), int(other))
    return None


_WHOLE = re.compile(r"-?[0-9]{1,15} -?[0-9]{1,15}")
_COMPARES: Mapping[str, Callable[[int, int], bool]] = {
    "-eq": operator.eq, "-ne": operator.ne, "-gt": operator.gt,
    "-lt": operator.lt, "-ge": operator.ge, "-le": operator.le,
}  # fmt: skip
