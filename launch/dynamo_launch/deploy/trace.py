"""Where the values of a graph come from.

A graph may be made from two files, so its nodes carry numbers for marks, and the trace tells what
was written where.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import PurePath
from typing import TYPE_CHECKING

from dynamo_conformance.manifest.fields import entries
from dynamo_conformance.manifest.node import Mapping, Mark, Scalar, Sequence

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dynamo_conformance.manifest.node import Node


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value was written.

    Attributes:
        file: The file's name as the caller gave it.
        mark: Where in it.
        what: What its author called it: `replicas`, `options.router_mode`.
    """

    file: str
    mark: Mark
    what: str

    @property
    def place(self) -> str:
        """The file's own name and the line, for comments: no folder of this machine."""
        return f"{self.file_name}:{self.mark.line}"

    @property
    def file_name(self) -> str:
        """The file's own name."""
        return PurePath(self.file).name


@dataclass(slots=True)
class Trace:
    """The origins of all values of one graph, by the marks of its nodes."""

    _origins: list[Origin] = field(default_factory=list)

    def mark(self, origin: Origin) -> Mark:
        """Return a mark that no other node has."""
        self._origins.append(origin)
        return Mark(len(self._origins), 0)

    def text(self, value: str, origin: Origin) -> Scalar:
        """Return a text that was written, or comes from what was written, at `origin`."""
        return Scalar(value, self.mark(origin), value)

    def number(self, value: int, origin: Origin) -> Scalar:
        """Return a whole number."""
        return Scalar(value, self.mark(origin), str(value))

    def flag(self, origin: Origin) -> Scalar:
        """Return `true`."""
        return Scalar(value=True, mark=self.mark(origin), text="true")

    def texts(self, values: Iterable[str], origin: Origin) -> tuple[Scalar, ...]:
        """Return words that belong together; they share one mark."""
        mark = self.mark(origin)
        return tuple(Scalar(value, mark, value) for value in values)

    def of(self, mark: Mark) -> Origin | None:
        """Return where the value with a mark comes from; None when nobody wrote it."""
        is_ours = mark.column == 0 and 0 < mark.line <= len(self._origins)
        return self._origins[mark.line - 1] if is_ours else None


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
