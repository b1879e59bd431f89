"""Values that remember where they were written.

A manifest is read into a tree of `Mapping`, `Sequence` and `Scalar`. Each node carries the `Mark`
of its first character, so a tree that was rearranged (v1alpha1 into v1beta1) still points at the
source. Marks take no part in equality: two trees are equal when they say the same.

Nodes never change. Their fields are final to the type checker, not frozen when they are made: there
are hundreds in each manifest, and a frozen one takes three times as long to make.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

Plain: TypeAlias = "bool | int | float | str | list[Plain] | dict[str, Plain] | None"
Path: TypeAlias = "tuple[str | int, ...]"


class PathKey(str):
    """A step of a path that is the key of a map, which an operator's messages put in brackets."""

    __slots__ = ()


class Mark(NamedTuple):
    """A place in a file; line and column count from 1."""

    line: int
    column: int


NOWHERE = Mark(0, 0)
"""The mark of a value that nobody wrote (a default, or an object that came from an API)."""


@dataclass(slots=True, unsafe_hash=True)
class Scalar:
    """One value; `text` is how it was written, which matters where quotes decide the type."""

    value: Final[bool | int | float | str | None]
    mark: Final[Mark] = field(default=NOWHERE, compare=False)
    text: Final[str] = field(default="", compare=False)

    def plain(self) -> Plain:
        """Return the bare value."""
        return self.value


@dataclass(slots=True, unsafe_hash=True)
class Sequence:
    """A list of nodes."""

    items: Final[tuple[Node, ...]] = ()
    mark: Final[Mark] = field(default=NOWHERE, compare=False)

    def plain(self) -> Plain:
        """Return a list of bare values."""
        return [item.plain() for item in self.items]

    def __iter__(self) -> Iterator[Node]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)


@dataclass(slots=True, unsafe_hash=True)
class Entry:
    """One key of a mapping with its value; the mark is the key's."""

    key: Final[str]
    value: Final[Node]
    mark: Final[Mark] = field(default=NOWHERE, compare=False)


@dataclass(slots=True, unsafe_hash=True)
class Mapping:
    """Keys and values in the order in which they were written; equality ignores that order."""

    entries: Final[dict[str, Entry]] = field(default_factory=dict)
    mark: Final[Mark] = field(default=NOWHERE, compare=False)

    def plain(self) -> Plain:
        """Return a dict of bare values."""
        return {key: entry.value.plain() for key, entry in self.entries.items()}

    def get(self, key: str) -> Node | None:
        """Return the value under `key`, or None when the key is absent."""
        entry = self.entries.get(key)
        return entry.value if entry is not None else None

    def mapping(self, key: str) -> Mapping | None:
        """Return the mapping under `key`, or None when it is absent or something else."""
        value = self.get(key)
        return value if isinstance(value, Mapping) else None

    def sequence(self, key: str) -> tuple[Node, ...]:
        """Return the items of the list under `key`, or nothing when it is absent or no list."""
        value = self.get(key)
        return value.items if isinstance(value, Sequence) else ()

    def mappings(self, key: str) -> tuple[Mapping, ...]:
        """Return the mappings in the list under `key`."""
        return tuple(item for item in self.sequence(key) if isinstance(item, Mapping))

    def string(self, key: str) -> str | None:
        """Return the string under `key`, or None when it is absent or no string."""
        value = self.get(key)
        return value.value if isinstance(value, Scalar) and isinstance(value.value, str) else None

    def integer(self, key: str) -> int | None:
        """Return the integer under `key`, or None when it is absent or no integer."""
        value = self.get(key)
        if isinstance(value, Scalar) and isinstance(value.value, int):
            return None if isinstance(value.value, bool) else value.value
        return None

    def key_mark(self, key: str) -> Mark:
        """Return where `key` was written, or the mapping's own mark when it was not."""
        entry = self.entries.get(key)
        return entry.mark if entry is not None else self.mark

    def replaced(self, key: str, value: Node | None) -> Mapping:
        """Return a copy in which `key` holds `value`, or is gone when `value` is None."""
        entries = dict(self.entries)
        if value is None:
            entries.pop(key, None)
        else:
            old = entries.get(key)
            entries[key] = Entry(key, value, old.mark if old is not None else value.mark)
        return Mapping(entries, self.mark)

    def __contains__(self, key: object) -> bool:
        return key in self.entries

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries.values())

    def __len__(self) -> int:
        return len(self.entries)


Node: TypeAlias = Scalar | Sequence | Mapping


def from_plain(value: Plain, *, mark: Mark = NOWHERE) -> Node:
    """Return `value` as a node; every part of it carries `mark`."""
    if isinstance(value, dict):
        return Mapping(
            {key: Entry(key, from_plain(item, mark=mark), mark) for key, item in value.items()},
            mark,
        )
    if isinstance(value, list):
        return Sequence(tuple(from_plain(item, mark=mark) for item in value), mark)
    return Scalar(value, mark, "" if value is None else str(value))


def path_text(path: Path) -> str:
    """Return `path` the way the Kubernetes API writes it: `spec.components[0].podTemplate`."""
    text = ""
    for step in path:
        if isinstance(step, int | PathKey):
            text += f"[{step}]"
        else:
            text += f".{step}" if text else step
    return text


def walk(node: Node, path: Path = ()) -> Iterator[tuple[Path, Node]]:
    """Yield every node below `node`, itself first, with its path."""
    waiting: list[tuple[Path, Node]] = [(path, node)]
    while waiting:
        at, inner = waiting.pop()
        yield at, inner
        if isinstance(inner, Mapping):
            waiting += [((*at, key), inner.entries[key].value) for key in reversed(inner.entries)]
        elif isinstance(inner, Sequence):
            last = len(inner) - 1
            waiting += [((*at, last - back), item) for back, item in enumerate(inner.items[::-1])]


def find(node: Node, path: Path) -> Node | None:
    """Return the node at `path` below `node`, or None when nothing is there."""
    current: Node | None = node
    for step in path:
        if isinstance(current, Mapping) and isinstance(step, str):
            current = current.get(step)
        elif isinstance(current, Sequence) and isinstance(step, int) and step < len(current):
            current = current.items[step]
        else:
            return None
    return current


DEEPEST = 150
"""More levels than any object has that an API server takes."""


def depth(value: Plain) -> int:
    """Return how many mappings and lists stand inside each other, without recursion."""
    deepest, waiting = 0, [(0, value)]
    while waiting:
        above, value = waiting.pop()
        if isinstance(value, dict | list):
            deepest = max(deepest, above + 1)
            inner = value.values() if isinstance(value, dict) else value
            waiting += [(above + 1, item) for item in inner]
    return deepest
