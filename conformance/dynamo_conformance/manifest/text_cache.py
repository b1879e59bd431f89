"""Answers that are kept for short texts: many rules and many manifests ask for the same ones."""

from __future__ import annotations

from functools import lru_cache, wraps
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

_Answer = TypeVar("_Answer")

_SHORT = 256
"""Longer texts are not repeated, and not worth keeping."""


def kept(function: Callable[[str], _Answer]) -> Callable[[str], _Answer]:
    """Return a pure function of a text that keeps its answers for the last short ones."""
    known = lru_cache(maxsize=4096)(function)

    @wraps(function)
    def answer(text: str) -> _Answer:
        return known(text) if len(text) <= _SHORT else function(text)

    return answer
