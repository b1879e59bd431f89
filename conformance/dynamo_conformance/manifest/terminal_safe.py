"""What terminals and CI runners obey, made harmless in what is shown to people."""

from __future__ import annotations

import re

_COMMAND = re.compile(r"##(?=\w*\[)")
"""Runners of GitHub and Azure take `##[` and `##vso[` for a command anywhere in a line."""
_FIRST = re.compile(r"^(\s*):(?=:)")
"""Runners of GitHub take `::` for one at the start of a line."""


def printable(text: str) -> str:
    """Return `text` for a place inside of a line."""
    if not text.isprintable():
        text = "".join(char if char.isprintable() or char == "\t" else "\ufffd" for char in text)
    return _COMMAND.sub("# #", text)


def shown(text: str) -> str:
    """Return `text` as one line that nothing obeys, whatever names and words are in it."""
    return _FIRST.sub(r"\1: ", printable(text))


def shown_lines(text: str) -> str:
    """Return `text` with each of its lines as `shown`."""
    return "\n".join(shown(line) for line in text.split("\n"))
