"""What an output is: the one thing that a target adds to `dynamo deploy`.

A package of anybody's adds one through the entry point group `dynamo.deploy.outputs`: a name for
`--target`, and an `Output`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dynamo_conformance.manifest.graph import Graph
    from dynamo_launch.config.complaint import Complaints
    from dynamo_launch.deploy.trace import Trace


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be written.

    Attributes:
        graph: The graph; its nodes carry marks of the trace.
        trace: Where each value of it comes from.
        files: The files that were read, without the folders of this machine.
        typed: The command that was typed, with those names.
        api_version: The version of Kubernetes objects.
    """

    graph: Graph
    trace: Trace
    files: tuple[str, ...]
    typed: str
    api_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file to be written.

    Attributes:
        name: Its name in the folder.
        text: Its text.
        is_executable: Whether it is a program.
        is_private: Whether it holds a secret, and only its owner may read it.
    """

    name: str
    text: str
    is_executable: bool = False
    is_private: bool = False


class Output(Protocol):
    """Writes graphs for one target. It talks to nothing and looks at nothing of this machine."""

    summary: str
    """Its line in the help."""

    def check(self, order: Order, complaints: Complaints) -> None:
        """Complain of what this target cannot do."""

    def files(self, order: Order) -> Iterable[File]:
        """Return the files for a graph that there was no complaint of; always the same ones."""

    def kept(self, order: Order) -> Sequence[str]:
        """Return the names of files that are the user's to make in the folder, as of secrets."""

    def next_steps(self, order: Order, folder: str) -> Sequence[str]:
        """Return the commands that people type next."""
