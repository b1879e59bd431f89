"""A command is a list of words, and no shell splits them.

The first word is the program. `command: ["dynamo run"]` asks for a program whose name has a space
in it; there is none, and the container never starts (`executable file not found`). A shell in turn
takes one word for its script: of `["sh", "-c", "python3", "-m", "dynamo.vllm"]` it runs `python3`.

Fix: write each word as an item of its own, or start a shell with one script:
`["/bin/sh", "-c", "..."]`.

PASS:
    command: [python3, -m, dynamo.vllm]

FAIL:
    command: ["python3 -m dynamo.vllm"]
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dynamo_conformance.engines.commandline import argv
from dynamo_conformance.engines.image_release import release_of
from dynamo_conformance.engines.shell.program import is_shell, script_at
from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.rule import Problem
from dynamo_conformance.manifest.graph import FRONTEND, MAIN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.lint.rule import Subject
    from dynamo_conformance.manifest.graph import Component, Container, Word

SEVERITY = Severity.ERROR

_KNOWN = re.compile(r"(?:python[\d.]*|dynamo|env|exec|nice|numactl|mpirun|ba?sh|sh|tini|uv)$")
_SHOWN = 4
_MODULE = re.compile(r"-m\s+\S")


def check(subject: Subject) -> Iterator[Problem]:
    """Yield each program that is written together with its words."""
    for component in subject.graph.components:
        for container in component.containers:
            yield from _program(container)
            yield from _module(component, container)
            is_main = container.name == MAIN
            words = argv(component, container) if is_main else container.command + container.args
            # Operators of earlier releases put the words into one script.
            if not is_main or release_of(component, subject.release).is_studied:
                yield from _behind_script(words)


def _program(container: Container) -> Iterator[Problem]:
    for word in container.command[:1]:
        if _joined(word):
            split = ", ".join(_first(word.text.split()))
            message = f'no program is called "{_short(word)}", and no shell splits it'
            yield Problem(word.mark, f"{message}; write [{split}] as words of their own")


def _behind_script(words: tuple[Word, ...]) -> Iterator[Problem]:
    """Yield the script of a shell when flags that stand behind it reach no program."""
    texts = [word.text for word in words]
    at = script_at(texts) if is_shell(texts) else None
    # A script with a `$` may use them, as "$@"; one word more is a name for the shell itself.
    if at is None or "$" in texts[at] or not any(text.startswith("-") for text in texts[at + 1 :]):
        return
    message = f'the shell runs "{_short(words[at])}" alone: what follows is its own $0, $1, ...'
    yield Problem(words[at].mark, f"{message}; write one script, or leave out the shell")


def _joined(word: Word) -> bool:
    """Return whether the word is no path that could have a space in it."""
    pieces = word.text.split()
    if len(pieces) < 2 or "$(" in word.text:  # noqa: PLR2004 - a program and a word
        return False
    names_a_path = "/" in word.text
    has_option = any(piece.startswith("-") for piece in pieces[1:])
    known = _KNOWN.match(pieces[0].rpartition("/")[2]) is not None
    return not names_a_path or has_option or known


def _module(component: Component, container: Container) -> Iterator[Problem]:
    """Yield the first word after python when it holds `-m` and the module together."""
    is_main_frontend = component.type == FRONTEND and container.name == MAIN
    words = container.command + container.args
    program = words[0].text.rpartition("/")[2] if container.command else ""
    first = 1 if container.command else 0
    if not (program.startswith("python") or (is_main_frontend and not container.command)):
        return
    for word in words[first : first + 1]:
        if _MODULE.match(word.text):
            message = f'python takes "{_short(word)}" as one word, and finds no such module'
            yield Problem(word.mark, f"{message}; write -m and the module as words of their own")


def _first(pieces: list[str]) -> list[str]:
    return pieces if len(pieces) <= _SHOWN else [*pieces[:_SHOWN], "..."]


def _short(word: Word) -> str:
    text = " ".join(word.text.split())
    return text if len(text) <= 40 else f"{text[:37]}..."  # noqa: PLR2004 - fits a line
