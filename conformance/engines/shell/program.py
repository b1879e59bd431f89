"""Command lines of shells, and what their scripts start."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from conformance.engines.shell.word import Text, Value

SHELLS = frozenset({"sh", "bash", "dash", "ash", "zsh", "ksh"})


class Program(NamedTuple):
    """A program that a script starts.

    Attributes:
        words: Its name and its words.
        certain: Whether it is started whatever else happens.
        background: Whether the script goes on at once.
        environment: What the script sets or changes of its environment.
        folder: Where `cd` went before, or None; `..` and the like as written.
    """

    words: tuple[Text, ...]
    certain: bool
    background: bool
    environment: tuple[tuple[str, Text], ...]
    folder: Text | None


class Outer(NamedTuple):
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


def unwrapped(words: list[Text], given: list[tuple[str, Value]]) -> tuple[list[Text], bool]:
    """Return the command behind `exec`, `env` and the like, and whether it takes the shell's place.

    Variables that they set are added to `given`.
    """
    from conformance.engines.shell.word import Text

    replaces = False
    while words and words[0].known and not words[0].many and words[0].text in _BEFORE:
        name, *rest = words
        replaces |= name.text == "exec"
        while (
            rest
            and not rest[0].many
            and (rest[0].text.startswith("-") or (name.text == "env" and "=" in rest[0].text))
        ):
            first, *rest = rest
            key, equals, value = first.text.partition("=")
            if name.text == "env" and equals and not first.text.startswith("-"):
                given.append((key, Text(value, first.known, many=not first.known)))
            elif first.text in ("-u", "-a", "-n", "--unset", "-C") and rest:
                if first.text in ("-u", "--unset"):
                    given.append((rest[0].text, None))
                rest = rest[1:]
            elif name.text == "command" and first.text in ("-v", "-V"):
                return [Text(":")], False
        words = rest
    return words, replaces and bool(words)


_BEFORE = frozenset({"exec", "env", "nohup", "time", "command", "builtin", "/usr/bin/env"})
