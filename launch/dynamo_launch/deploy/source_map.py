"""The source map: where in the config files each value of a graph was written.

A graph may be made from two files, so its nodes carry numbers for marks, which the map resolves.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dynamo_conformance.manifest.fields import entries
from dynamo_conformance.manifest.node import Mapping, Mark, Scalar, Sequence

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dynamo_conformance.manifest.node import Node
    from dynamo_launch.config.graph_config import ValueOrigin


@dataclass(slots=True)
class SourceMap:
    """The origins of all values of one graph, by the marks of its nodes."""

    _origins: list[ValueOrigin] = field(default_factory=list)

    def mark(self, origin: ValueOrigin) -> Mark:
        """Return a mark that no other node has."""
        self._origins.append(origin)
        return Mark(len(self._origins), 0)

    def text(self, value: str, origin: ValueOrigin) -> Scalar:
        """Return a text that was written, or comes from what was written, at `origin`."""
        return Scalar(value, self.mark(origin), value)

    def number(self, value: int, origin: ValueOrigin) -> Scalar:
        """Return a whole number."""
        return Scalar(value, self.mark(origin), str(value))

    def texts(self, values: Iterable[str], origin: ValueOrigin) -> tuple[Scalar, ...]:
        """Return words that belong together; they share one mark."""
        mark = self.mark(origin)
        return tuple(Scalar(value, mark, value) for value in values)

    def of(self, mark: Mark) -> ValueOrigin | None:
        """Return where the value with a mark comes from; None when nobody wrote it."""
        is_known = mark.column == 0 and 0 < mark.line <= len(self._origins)
        return self._origins[mark.line - 1] if is_known else None


def mapping(**fields: Node | None) -> Mapping:
    """Return those of the fields that are there as a mapping."""
    return mapped({name: node for name, node in fields.items() if node is not None})


def mapped(fields: dict[str, Node]) -> Mapping:
    """Return `fields` as a mapping that stands nowhere itself."""
    return Mapping(entries(fields))


def listed(items: Iterable[Node]) -> Sequence:
    """Return `items` as a list that stands nowhere itself."""
    return Sequence(tuple(items))


def constant(value: str | int) -> Scalar:
    """Return a value that nobody wrote."""
    return Scalar(value, text=str(value))
