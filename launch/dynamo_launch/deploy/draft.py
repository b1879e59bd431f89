"""One component while it is made: what the files say, where values come from, what is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dynamo_conformance.manifest.node import Mapping, Scalar, Sequence
from dynamo_conformance.manifest.whole import parse_whole
from dynamo_launch.deploy.trace import Origin

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.manifest.node import Mark, Node
    from dynamo_launch.config.complaint import Complaints
    from dynamo_launch.config.description import Described
    from dynamo_launch.config.runconfig import RunConfig
    from dynamo_launch.deploy.trace import Trace


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A value of a component, and where it stands.

    Attributes:
        key: The key that it stands under.
        node: The value.
        origin: Where it was written.
    """

    key: str
    node: Node
    origin: Origin

    @property
    def text(self) -> str:
        """The value as text, spelled as its author did."""
        return scalar_text(self.node) if isinstance(self.node, Scalar) else ""

    @property
    def whole(self) -> int:
        """The value as a whole number; 0 where it is none, of which the schema complains."""
        return parse_whole(self.text) or 0

    @property
    def is_true(self) -> bool:
        """Whether the value is `true`."""
        return isinstance(self.node, Scalar) and self.node.value is True

    def inner(self, key: str) -> Written | None:
        """Return the value under a key of this mapping, or None."""
        return next((one for one in self.fields() if one.key == key), None)

    def fields(self) -> Iterator[Written]:
        """Yield the values of this mapping."""
        for entry in self.node if isinstance(self.node, Mapping) else ():
            what = f"{self.origin.what}.{entry.key}"
            origin = Origin(self.origin.file, place(entry.value, entry.mark), what)
            yield Written(key=entry.key, node=entry.value, origin=origin)

    def items(self) -> Iterator[Written]:
        """Yield the values of this list."""
        for item in self.node if isinstance(self.node, Sequence) else ():
            origin = Origin(self.origin.file, item.mark, self.origin.what)
            yield Written(key=self.key, node=item, origin=origin)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A component while it is made.

    Attributes:
        described: What the files say of it.
        run: What it is started with.
        trace: Is told where values come from.
        complaints: Is told what is wrong.
    """

    described: Described
    run: RunConfig
    trace: Trace
    complaints: Complaints

    @property
    def name(self) -> Origin:
        """Where its name stands."""
        name = self.described.name
        return Origin(name.file, name.mark, "name")

    def written(self, key: str) -> Written | None:
        """Return what stands under a key of the component, or None."""
        value = self.described.value(key)
        if value is None:
            return None
        origin = Origin(value.file, place(value.node, value.mark), key)
        return Written(key=key, node=value.node, origin=origin)

    def copied(self, key: str) -> Scalar | None:
        """Return the value under a key as a node of the graph, or None."""
        found = self.written(key)
        if found is None or not isinstance(found.node, Scalar):
            return None
        return Scalar(found.node.value, self.trace.mark(found.origin), found.node.text)

    def error(self, origin: Origin, text: str) -> None:
        """Complain of what makes that nothing is written."""
        self.complaints.error(origin.file, origin.mark, text)

    def warn(self, origin: Origin, text: str) -> None:
        """Complain of what is worth a word."""
        self.complaints.warn(origin.file, origin.mark, text)

    def variables(self) -> dict[str, str]:
        """Return the environment variables that are written with their values."""
        found = self.written("environment")
        return {one.key: one.text for one in found.fields()} if found is not None else {}


def place(node: Node, key: Mark) -> Mark:
    """Return where a value is pointed at: at itself, or at its key when it has several lines."""
    return node.mark if isinstance(node, Scalar) else key


def scalar_text(node: Scalar) -> str:
    """Return a value as text: what is none is as it was written."""
    return node.value if isinstance(node.value, str) else node.text
