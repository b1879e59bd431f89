"""What an output is, the one thing that a target adds to `dynamo deploy`, and which there are.

A package of anybody's adds one through the entry point group `dynamo.deploy.outputs`: a name for
`--target`, and an `Output`.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Protocol, cast

from dynamo_conformance.manifest.suggest import did_you_mean
from dynamo_launch.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from dynamo_conformance.manifest.graph import Graph
    from dynamo_conformance.manifest.node import Mark
    from dynamo_launch.config.config_error import ConfigErrors
    from dynamo_launch.config.graph_config import ValueOrigin
    from dynamo_launch.deploy.source_map import SourceMap


GROUP: Final = "dynamo.deploy.outputs"
"""The entry point group."""

DEFAULT: Final = "k8s"

OWN: Final[Mapping[str, str]] = MappingProxyType({
    "k8s": "dynamo_launch.deploy.outputs.k8s:K8s",
    "compose": "dynamo_launch.deploy.outputs.compose:Compose",
    "slurm": "dynamo_launch.deploy.outputs.slurm:Slurm",
    "local": "dynamo_launch.deploy.outputs.local:Local",
})  # fmt: skip
"""What the entry points of this project say too: looking those up takes longer than the rest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be written.

    Attributes:
        graph: The graph; its nodes carry marks of the source map.
        source_map: Where each of its values comes from.
        files: The files that were read, without the folders of this machine.
        typed: The command that was typed, with those names.
        api_version: The version of Kubernetes objects.
    """

    graph: Graph
    source_map: SourceMap
    files: tuple[str, ...]
    typed: str
    api_version: str

    def origin(self, mark: Mark) -> ValueOrigin:
        """Return where a value that somebody wrote was written.

        Raises:
            LookupError: Nobody wrote it.
        """
        origin = self.source_map.of(mark)
        if origin is None:
            raise LookupError(f"nothing was written at {mark}")
        return origin


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

    def check(self, order: Order, errors: ConfigErrors) -> None:
        """Add an error for what this target cannot do."""

    def files(self, order: Order) -> Iterable[File]:
        """Return the files for a graph without config errors; always the same ones."""

    def kept(self, order: Order) -> Sequence[str]:
        """Return the names of files that are the user's to make in the folder, as of secrets."""

    def next_steps(self, order: Order, folder: str) -> Sequence[str]:
        """Return the commands that people type next."""


def load(name: str) -> Output:
    """Return the output called `name`.

    Raises:
        UsageError: There is none, or it cannot be loaded.
    """
    if name in OWN:
        module, _, attribute = OWN[name].partition(":")
        return cast("Output", getattr(import_module(module), attribute)())
    from importlib.metadata import entry_points

    others = {entry_point.name: entry_point for entry_point in entry_points(group=GROUP)}
    if name not in others:
        known = tuple(dict.fromkeys((*OWN, *sorted(others))))
        hint = did_you_mean(name, known) or f"; there are: {', '.join(known)}"
        raise UsageError(f'unknown target "{name}"{hint}')
    try:
        return cast("Output", others[name].load()())
    except (ImportError, AttributeError) as error:
        value = others[name].value
        raise UsageError(f"target {name}: {value} cannot be loaded: {error}") from error
