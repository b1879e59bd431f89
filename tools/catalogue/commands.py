"""Commands: what a README has people type, and which row of the ledger proves that it works."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dynamo_conformance.ledger.row import NOT_RUN, Gap, Level
from dynamo_conformance.ledger.tree import README

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dynamo_conformance.ledger.ledger import Ledger
    from dynamo_conformance.ledger.row import Row
    from dynamo_conformance.ledger.tree import Form, Tree

_FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_CONTINUED = re.compile(r"\s*\\\n\s*")
_PROGRAMS = (
    "dynamo ",
    "pytest ",
    "kubectl ",
    "docker ",
    r"[\w./-]+/launch/local/",
    "python3 ",
    "pip ",
    "curl ",
)
_CODE = re.compile(rf"`((?:{'|'.join(_PROGRAMS)})[^`]+)`")

_LEVELS = (
    (re.compile(r"kubectl (apply|create|delete)\b"), Level.KIND),
    (re.compile(r"docker compose\b"), Level.COMPOSE),
    (re.compile(r"dynamo up\b"), Level.LOCAL),
    (re.compile(r"dynamo (lint|convert)\b"), Level.LINT),
    (re.compile(r"(bash )?[\w./-]+\.sh\b"), Level.SCRIPT),
)
"""At which level a command's files are proven, by how the command begins."""


@dataclass(frozen=True, slots=True)
class Use:
    """A command that uses a file of an example.

    Attributes:
        command: The command.
        form: The file.
        level: The level at which a run does the same.
    """

    command: str
    form: Form
    level: Level


def commands(text: str) -> tuple[str, ...]:
    """Return the commands of a page: lines of plain code blocks, and code in the text."""
    pieces: list[str] = []
    for language, block in _FENCE.findall(text):
        if not language:
            lines = _CONTINUED.sub(" ", block).strip().splitlines()
            pieces += [line.strip() for line in lines]
    pieces += _CODE.findall(_FENCE.sub("", text))
    return tuple(dict.fromkeys(pieces))


def uses(command: str, tree: Tree) -> tuple[Use, ...]:
    """Return what a command, typed in the folder above the tree, uses from the tree."""
    level = next((level for begin, level in _LEVELS if begin.match(command)), None)
    if level is None:
        return ()
    paths = [path for word in _words(command) for path in [tree.root.parent / word]]
    return tuple(
        Use(command, form, level)
        for form in tree.forms
        if level in form.kind.levels and any(_holds(path, form.path) for path in paths)
    )


def unproven_commands(page: Path, tree: Tree, ledger: Ledger) -> tuple[str, ...]:
    """Return the commands of a page that no run has carried out, or that name no file, as lines.

    A reason other than that nobody tried is an answer. At a level that nothing of the tree has been
    taken to, no command needs a proof.
    """
    taken = {level for levels in ledger.rows.values() for level in levels}
    taken = {level for level in taken if any(ledger.proof(file, level) for file in ledger.rows)}
    lines = _unproven(page, tree, ledger, taken)
    return tuple(dict.fromkeys(lines))


def pages_of(tree: Tree) -> tuple[Path, ...]:
    """Return the READMEs of a tree's engines, and the one above the tree."""
    pages = (tree.root.parent / README, *(engine.path / README for engine in tree.engines))
    return tuple(path for path in pages if path.is_file())


def _unproven(page: Path, tree: Tree, ledger: Ledger, taken: set[Level]) -> Iterator[str]:
    where = page.relative_to(tree.root.parent)
    for command in commands(page.read_text(encoding="utf-8")):
        for name in _words(command):
            if name.startswith(f"{tree.root.name}/") and not (tree.root.parent / name).exists():
                yield f"{where}: `{command}` names {name}, which is not there"
        never = [
            use
            for use in uses(command, tree)
            if use.level in taken and _never(ledger.row(use.form.key, use.level))
        ]
        if never:
            more = f" and {len(never) - 1} more" if len(never) > 1 else ""
            what = f"{never[0].form.key}{more} at {never[0].level}"
            yield f"{where}: `{command}` is not what was run: no proof of {what}"


def _never(row: Row | None) -> bool:
    """Whether nobody has tried to prove something."""
    return row is None or (isinstance(row, Gap) and row.why.startswith(NOT_RUN))


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:
        return command.split()


def _holds(path: Path, file: Path) -> bool:
    return path == file or path in file.parents
