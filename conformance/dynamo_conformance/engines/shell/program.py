"""Command lines of shells, and what their scripts start."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dynamo_conformance.engines.shell.word import ShellText

SHELLS = frozenset({"sh", "bash", "dash", "ash", "zsh", "ksh"})


class StartedProgram(NamedTuple):
    """A program that a script starts.

    Attributes:
        words: Its name and its words.
        certain: Whether it is started whatever else happens.
        background: Whether the script goes on at once.
        environment: What the script sets or changes of its environment.
        folder: Where `cd` went before, or None; `..` and the like as written.
    """

    words: tuple[ShellText, ...]
    certain: bool
    background: bool
    environment: tuple[tuple[str, ShellText], ...]
    folder: ShellText | None


class ContainerEnvironment(NamedTuple):
    """What surrounds a shell: the container's environment.

    Attributes:
        known: Variables with their values.
        unknown: Variables whose values are not known here, and may hold white space.
        single: Variables whose values are not known here, and are one word.
        open: Whether there may be any other variable.
    """

    known: tuple[tuple[str, str], ...] = ()
    unknown: frozenset[str] = frozenset()
    single: frozenset[str] = frozenset()
    open: bool = False


def is_shell(words: Sequence[str]) -> bool:
    """Whether a command line starts a shell."""
    return bool(words) and words[0].rpartition("/")[2] in SHELLS


def script_at(words: Sequence[str]) -> int | None:
    """Return which of a shell's words is the script of `-c`, or None when there is none."""
    has_script = False
    at = 1
    while at < len(words):
        word = words[at]
        if word in ("--", "-"):
            at += 1
            break
        if word.startswith("--"):
            at += 2 if word in ("--rcfile", "--init-file") else 1
            continue
        if len(word) < 2 or word[0] not in "-+":  # noqa: PLR2004 - a sign and a letter
            break
        has_script |= word[0] == "-" and "c" in word
        at += 1 + len(re.findall("[oO]", word))
    return at if has_script and at < len(words) else None
