"""Command lines: which Dynamo module a container starts, and with which words.

People write them as an argument list, or as one script for a shell. Both are read into the same
`CommandLine`, so that a rule sees `python3 -m dynamo.vllm --model M` however it was written.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from itertools import dropwhile
from typing import TYPE_CHECKING

from conformance.manifest.graph import FRONTEND, WORKER_TYPES, Word

if TYPE_CHECKING:
    from collections.abc import Iterable

    from conformance.manifest.graph import Component, Container

FRONTEND_MODULE = "dynamo.frontend"
ENGINE_MODULES = {"dynamo.vllm": "vllm", "dynamo.sglang": "sglang", "dynamo.trtllm": "trtllm"}
WORKER_MODULES = (*ENGINE_MODULES, "dynamo.mocker")

_SHELLS = frozenset({"sh", "bash", "dash", "ash", "zsh"})
_PYTHON = re.compile(r"python(?:3(?:\.\d+)?)?$")
_BEFORE_A_PROGRAM = frozenset(
    {"exec", "env", "nohup", "time", "if", "then", "else", "do", "{", "!"}
)
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_HIDDEN = {ord(char): 0xE000 + place for place, char in enumerate(" ;&|\n'\"")}
"""What separates words and commands, as characters that nobody writes."""

_SHOWN = {hidden: shown for shown, hidden in _HIDDEN.items()}
_OPERATORS = re.compile(r"[;&|\n]+|\d?[<>].*")


@dataclass(frozen=True, slots=True)
class CommandLine:
    """A Dynamo module and the words it is given.

    Attributes:
        module: The module after `python3 -m`, such as `dynamo.vllm`.
        at: The word that names the module.
        words: What follows it.
        through_shell: Whether a shell reads the words first (and so expands `$NAME`).
    """

    module: str
    at: Word
    words: tuple[Word, ...]
    through_shell: bool

    @property
    def texts(self) -> list[str]:
        """The bare words."""
        return [word.text for word in self.words]


def argv(component: Component, container: Container) -> tuple[Word, ...]:
    """Return the words a container is started with, the operator's defaults filled in.

    A frontend without a command gets `python3`, and `-m dynamo.frontend` when it has no args
    either; other known types get `/bin/sh -c`.
    """
    command, args = container.command, container.args
    if command:
        return command + args
    if component.type == FRONTEND:
        return (Word("python3"), *(args or (Word("-m"), Word(FRONTEND_MODULE))))
    if component.type in WORKER_TYPES or component.type in (None, "planner"):
        return (Word("/bin/sh"), Word("-c"), *args)
    return args


def command_line(component: Component) -> CommandLine | None:
    """Return what the component's main container runs, or None when it is no Dynamo module."""
    if component.main is None:
        return None
    return find_module(argv(component, component.main))


def find_module(words: tuple[Word, ...]) -> CommandLine | None:
    """Return the first `python3 -m MODULE ...` in `words`, looking into shell scripts."""
    script = _shell_script(words)
    if script is not None:
        return _module_in(_split_script(script), through_shell=True)
    return _module_in(words, through_shell=False)


def programs(words: tuple[Word, ...]) -> tuple[tuple[Word, ...], ...]:
    """Return every command that is started: `words` itself, or each command of a shell's script."""
    script = _shell_script(words)
    if script is None:
        return (words,) if words else ()
    found: list[tuple[Word, ...]] = []
    rest = _split_script(script)
    while rest:
        command = _until_operator(rest)
        rest = rest[len(command) + 1 :]
        started = tuple(dropwhile(_stands_before_a_program, command))
        if started:
            found.append(started)
    return tuple(found)


def _stands_before_a_program(word: Word) -> bool:
    return word.text in _BEFORE_A_PROGRAM or _ASSIGNMENT.match(word.text) is not None


def _module_in(words: tuple[Word, ...], *, through_shell: bool) -> CommandLine | None:
    for index, word in enumerate(words[:-2]):
        is_python = _PYTHON.search(word.text.rpartition("/")[2]) is not None
        if is_python and words[index + 1].text == "-m":
            rest = words[index + 3 :]
            if through_shell:
                rest = _until_operator(rest)
            module = words[index + 2]
            return CommandLine(module.text, module, rest, through_shell)
    return None


def _shell_script(words: tuple[Word, ...]) -> Word | None:
    """Return the script of `sh -c SCRIPT`, or None when no shell is started."""
    if not words or words[0].text.rpartition("/")[2] not in _SHELLS:
        return None
    for index, word in enumerate(words[1:], start=1):
        if word.text.startswith("-") and word.text.endswith("c") and index + 1 < len(words):
            return words[index + 1]
    return None


def _split_script(script: Word) -> tuple[Word, ...]:
    """Split a shell script into words; arithmetic and command substitutions stay one word."""
    text = _protect(re.sub(r"\\\n", " ", script.text))
    lexer = shlex.shlex(text, posix=True, punctuation_chars=";&|\n")
    lexer.whitespace_split = True
    lexer.whitespace = " \t\r"
    try:
        pieces = list(lexer)
    except ValueError:  # An unclosed quote: the shell will say so; nothing to read here.
        return ()
    return tuple(Word(piece.translate(_SHOWN), script.mark) for piece in pieces)


def _protect(text: str) -> str:
    """Hide what stands inside `$(...)` and `$((...))`: it separates neither words nor commands."""
    out = []
    depth = 0
    for index, char in enumerate(text):
        if char == "(" and (depth or (index and text[index - 1] == "$")):
            depth += 1
        elif char == ")" and depth:
            depth -= 1
        out.append(char.translate(_HIDDEN) if depth else char)
    return "".join(out)


def _until_operator(words: Iterable[Word]) -> tuple[Word, ...]:
    found = []
    for word in words:
        if _OPERATORS.fullmatch(word.text):
            break
        found.append(word)
    return tuple(found)
