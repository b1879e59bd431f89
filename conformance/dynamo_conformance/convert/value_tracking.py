"""Numbers for all that an author wrote, so that a converted tree shows what became of each value.

Marks would not do: what an alias stands for has one mark in several places.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dynamo_conformance.manifest.node import NOWHERE, Entry, Mapping, Mark, Scalar, Sequence

if TYPE_CHECKING:
    from dynamo_conformance.manifest.node import Node, Path


@dataclass(frozen=True, slots=True)
class ValueOrigin:
    """One key or value as its author wrote it.

    Attributes:
        number: Its own number, in the order of the document.
        end: The number after the last one inside it.
        path: Where it is; a key has its value's path.
        mark: Where it was written.
        begin: Where its line of the manifest begins: at its key, or at its dash.
        node: The value, numbered; None for a key.
        written: The value as it was written; None for a key.
    """

    number: int
    end: int
    path: Path
    mark: Mark
    begin: Mark
    node: Node | None = None
    written: Node | None = None


class Numbering:
    """The numbered copy of a tree, and what each number stands for.

    Attributes:
        root: The copy; the line of each mark is a number.
        origins: What each number stands for, beginning with 1.
    """

    def __init__(self, root: Mapping) -> None:
        self.origins: dict[int, ValueOrigin] = {}
        self._next = 1
        numbered = self._value(root, (), root.mark)
        assert isinstance(numbered, Mapping)  # noqa: S101 - a copy is of the same kind
        self.root = numbered

    def origin(self, mark: Mark) -> ValueOrigin | None:
        """Return what a mark of the numbered tree stands for."""
        return self.origins.get(mark.line)

    def restored(self, node: Node) -> Node:
        """Return a numbered tree with the marks that its author wrote it at."""
        mark = self._true(node.mark)
        if isinstance(node, Mapping):
            entries = {
                item.key: Entry(item.key, self.restored(item.value), self._true(item.mark))
                for item in node
            }
            return Mapping(entries, mark)
        if isinstance(node, Sequence):
            return Sequence(tuple(self.restored(item) for item in node), mark)
        return replace(node, mark=mark)

    def _true(self, mark: Mark) -> Mark:
        origin = self.origin(mark)
        return origin.mark if origin is not None else NOWHERE

    def _value(self, node: Node, path: Path, begin: Mark) -> Node:
        number = self._taken()
        mark = Mark(number, 0)
        numbered: Node
        if isinstance(node, Mapping):
            entries = {item.key: self._entry(item, path) for item in node}
            numbered = Mapping(entries, mark)
        elif isinstance(node, Sequence):
            items = [
                self._value(item, (*path, index), _dash(node, item))
                for index, item in enumerate(node)
            ]
            numbered = Sequence(tuple(items), mark)
        else:
            numbered = Scalar(node.value, mark, node.text)
        origin = ValueOrigin(number, self._next, path, node.mark, begin, numbered, node)
        self.origins[number] = origin
        return numbered

    def _entry(self, entry: Entry, path: Path) -> Entry:
        number = self._taken()
        inner = (*path, entry.key)
        value = self._value(entry.value, inner, entry.mark)
        self.origins[number] = ValueOrigin(number, self._next, inner, entry.mark, entry.mark)
        return Entry(entry.key, value, Mark(number, 0))

    def _taken(self) -> int:
        self._next += 1
        return self._next - 1


def _dash(node: Sequence, item: Node) -> Mark:
    """Return where the dash of an item stands; an anchor (&name) may stand before the first one."""
    column = node.mark.column
    return Mark(item.mark.line, column if column < item.mark.column else item.mark.column - 2)
