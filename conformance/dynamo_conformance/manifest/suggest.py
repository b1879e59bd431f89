"""The nearest right word, for errors that tell people what to write instead."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


LIKENESS = 0.66
"""How much alike two words must be, from 0 to 1, for one to be meant by the other."""


def nearest(word: str, known: Iterable[str], *, likeness: float = LIKENESS) -> str | None:
    """Return the known word that looks most like `word`, or None when none is close.

    Case and the difference between `-` and `_` do not count, so `ReplicaS` finds `replicas`.
    """
    from difflib import get_close_matches

    folded: dict[str, str] = {}
    for candidate in known:
        folded.setdefault(_fold(candidate), candidate)
    if _fold(word) in folded:
        return folded[_fold(word)]
    matches = get_close_matches(_fold(word), folded, n=1, cutoff=likeness)
    return folded[matches[0]] if matches else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean "X"?` for the nearest known word, or an empty string."""
    suggestion = nearest(word, known)
    return f'; did you mean "{suggestion}"?' if suggestion is not None else ""


def _fold(word: str) -> str:
    return word.lower().replace("_", "-")
