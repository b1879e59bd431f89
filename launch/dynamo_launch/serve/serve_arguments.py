"""The words after `dynamo serve`, split into serve's own and the component's.

Serve's own words are found by their spelling alone, wherever they stand before `--`; what the
others mean only the component's flag catalog can decide, so they are kept in order.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from dynamo_launch.config.run_config import Setting, Wiring
from dynamo_launch.config.wiring import split_side, wire
from dynamo_launch.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

VALUE_FLAGS: Final = {
    "--engine": "engine",
    "--task": "task",
    "--component": "component",
    "-f": "file",
    "-c": "file",
    "--file": "file",
}
DRY_RUN: Final = "--dry-run"
HELP_FLAGS: Final = ("-h", "--help")
OWN_FLAGS: Final = (*VALUE_FLAGS, DRY_RUN, *HELP_FLAGS)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeArguments:
    """What was typed.

    Attributes:
        wiring: Which component the words mean, as far as serve's own words name it.
        file: The config file, or None.
        rest: The other words before `--`, in order: NAME, MODEL, the component's flags.
        extra: The words after `--`.
        dry_run: Only print the command.
        help: Only print the help.
    """

    wiring: Wiring = field(default_factory=Wiring)
    file: str | None = None
    rest: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    dry_run: bool = False
    help: bool = False


@dataclass(slots=True)
class _Cursor:
    """Where the reading is."""

    words: Sequence[str]
    at: int = 0
    rest: list[str] = field(default_factory=list)

    def take(self) -> str:
        self.at += 1
        return self.words[self.at - 1]


def split_words(words: Sequence[str]) -> ServeArguments:
    """Return `words` split.

    Raises:
        UsageError: One of serve's own words is unknown, contradicts another, or has no value.
    """
    end = words.index("--") if "--" in words else len(words)
    cursor = _Cursor(words[:end])
    arguments = ServeArguments(extra=tuple(words[end + 1 :]))
    while cursor.at < end:
        arguments = _read(cursor, arguments)
    return replace(arguments, rest=tuple(cursor.rest))


def _read(cursor: _Cursor, arguments: ServeArguments) -> ServeArguments:
    """Return `arguments` with the next word and its value added."""
    word = cursor.take()
    if word in HELP_FLAGS:
        return replace(arguments, help=True)
    if word == DRY_RUN:
        return replace(arguments, dry_run=True)
    side = split_side(word)
    if side is not None:
        return replace(arguments, wiring=wire(arguments.wiring, side[0], Setting(side[1])))
    flag, has_value, value = word.partition("=")
    if flag not in VALUE_FLAGS:
        cursor.rest.append(word)
        return arguments
    if not has_value:
        if cursor.at >= len(cursor.words):
            raise UsageError(f"{flag} has no value; write {flag} {_EXAMPLES[flag]}")
        value = cursor.take()
    if VALUE_FLAGS[flag] == "file":
        return replace(arguments, file=_one_file(arguments.file, value))
    return replace(arguments, wiring=wire(arguments.wiring, VALUE_FLAGS[flag], Setting(value)))


def _one_file(before: str | None, value: str) -> str:
    if before is not None and before != value:
        raise UsageError(f"two config files, {before} and {value}; serve reads one")
    return value


_EXAMPLES: Final = {
    "--engine": "vllm",
    "--task": "prefill",
    "--component": "components.worker",
    "-f": "config.yaml",
    "-c": "config.yaml",
    "--file": "config.yaml",
}
