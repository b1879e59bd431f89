"""What a shell holds at one place of its script, and what is left of that where ways meet."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from dynamo_conformance.engines.shell.word import (
    MAX_TEXT,
    MAX_WORDS,
    ShellText,
    Unknowable,
    Variables,
    unknown,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tree_sitter import Node

    from dynamo_conformance.engines.shell.word import Value


Status = bool | None
"""Whether a command succeeds; None when that is not known."""


@dataclass(slots=True, eq=False)
class State:
    """What a shell holds at one place of its script."""

    variables: Variables
    functions: dict[str, Node] = field(default_factory=dict)
    certain: bool = True
    background: bool = False
    ended: bool = False
    exports_all: bool = False
    folder: ShellText | None = None

    def copy(self) -> State:
        """Return a state that can go another way."""
        variables = replace(self.variables, values=dict(self.variables.values))
        return replace(self, variables=variables, functions=dict(self.functions))

    def become(self, other: State) -> None:
        """Go on as `other`."""
        self.variables, self.functions = other.variables, other.functions
        self.certain, self.ended = other.certain, other.ended
        self.exports_all, self.folder = other.exports_all, other.folder

    def join(self, ways: Sequence[State]) -> None:
        """Go on after one of several ways; whatever they leave different is not known."""
        left = [way for way in ways if not way.ended]
        if not left:
            self.ended = True
            return
        first, *others = left
        for other in others:
            first.merge(other)
        if others:
            first.certain = self.certain and len(left) == len(ways)
        self.become(first)

    def merge(self, other: State) -> None:
        """Forget what is not the same in `other`."""
        mine, theirs = self.variables, other.variables
        for name in {**mine.values, **theirs.values}:
            if (
                _absent(mine, name)
                or _absent(theirs, name)
                or (mine.values[name] != theirs.values[name])
            ):
                mine.values[name] = forgotten(name, mine.values.get(name), theirs.values.get(name))
        if mine.positional != theirs.positional:
            mine.positional = None
        mine.exported |= theirs.exported
        mine.open |= theirs.open
        mine.splits &= theirs.splits
        self.exports_all |= other.exports_all
        self.functions |= other.functions
        if self.folder != other.folder:
            self.folder = ShellText("$PWD", known=False)

    def forget(self) -> None:
        """Know nothing of any variable any more: something that cannot be read has run."""
        for name, value in self.variables.values.items():
            self.variables.values[name] = forgotten(name, value)
        self.variables.open = True
        self.variables.positional = None
        self.variables.splits = False


def _absent(variables: Variables, name: str) -> bool:
    return name not in variables.values


def forgotten(name: str, *values: Value) -> Value:
    """Return what stands for a variable that had one of these values, or another one."""
    if any(isinstance(value, tuple) for value in values):
        return (ShellText(f"${{{name}[@]}}", known=False, many=True),)
    return unknown(name, many=True)


def split(state: State, status: Status) -> tuple[State | None, State | None]:
    """Return the ways on after a command: where it succeeded, and where it did not."""
    if state.ended:
        return None, None
    if status is not None:
        return (state, None) if status else (None, state)
    other = state.copy()
    state.certain = other.certain = False
    return state, other


def joined(one: State | None, other: State | None) -> State | None:
    """Return the state in which two ways meet; None stands for a way that nobody can take."""
    if one is not None and other is not None:
        one.merge(other)
    return one or other


def scalar(value: Value) -> ShellText | None:
    """Return what a variable is where one text is asked for: of an array the first."""
    if isinstance(value, tuple):
        return value[0] if value else None
    return value


def added(before: Value, more: Value) -> Value:
    """Return what `A+=more` makes of a variable."""
    if isinstance(more, tuple):
        if before is None:
            return more
        items = (*(before if isinstance(before, tuple) else (before,)), *more)
        if len(items) > MAX_WORDS:
            raise Unknowable
        return items
    if isinstance(before, tuple):
        return (ShellText("${A[@]}", known=False, many=True),)
    if before is None or more is None:
        return more
    text = before.text + more.text
    if len(text) > MAX_TEXT:
        raise Unknowable
    is_known = before.known and more.known
    may_split = before.many or more.many or before.blank or more.blank
    # What is known is split where it is used; beside what is not, its blanks are all that tells.
    may_split |= not is_known and any(
        part.known and any(map(str.isspace, part.text)) for part in (before, more)
    )
    return ShellText(text, is_known, many=may_split)
