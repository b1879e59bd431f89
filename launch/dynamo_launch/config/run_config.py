"""What one component is started with, and where each part of it was written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dynamo_conformance.manifest.node import NOWHERE, Mapping, Mark
from dynamo_launch.errors import Place, UsageError

if TYPE_CHECKING:
    from dynamo_conformance.manifest.node import Node


@dataclass(frozen=True, slots=True)
class ConfigSource:
    """A mapping of a config file: the file itself, a component, or its run config.

    Attributes:
        file: The file's name as the caller gave it.
        node: The mapping.
    """

    file: str
    node: Mapping = field(repr=False)

    @property
    def mark(self) -> Mark:
        """Where the mapping is."""
        return self.node.mark

    def at(self, mark: Mark) -> Place:
        """Return a place in the file."""
        return Place(self.file, mark)

    def error(self, mark: Mark, text: str) -> UsageError:
        """Return the error for something in the file."""
        return UsageError(text, at=self.at(mark))


@dataclass(frozen=True, slots=True)
class Setting:
    """One word of a run config.

    Attributes:
        text: The word.
        file: The file it was read from, or an empty string for the command line.
        mark: Where in that file.
    """

    text: str
    file: str = ""
    mark: Mark = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Option:
    """One key of `options:` with its value.

    Attributes:
        key: The key as written.
        value: The value; it knows its own mark.
        file: The file it was read from.
        mark: Where the key was written.
    """

    key: str
    value: Node
    file: str
    mark: Mark = field(default=NOWHERE, compare=False)

    @property
    def value_place(self) -> Place:
        """Where the value was written."""
        return Place(self.file, self.value.mark)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wiring:
    """Which component is meant, as one source says it.

    Attributes:
        input: Where requests come from: `http`, `text`, `dyn`, `dyn://namespace.component.endpoint`.
        output: What answers them: `dyn`, `dyn://namespace`, or an engine.
        task: The part it takes in a graph: frontend, agg, prefill, decode, encode.
        model: A model's name or folder.
        component: The dotted path of a developer's own module, instead of input and output.
    """

    input: Setting | None = None
    output: Setting | None = None
    task: Setting | None = None
    model: Setting | None = None
    component: Setting | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunConfig:
    """What one component of a config file is started with.

    Attributes:
        name: The component's name, or an empty string.
        wiring: Which component it is.
        command: A program of its own with its first words, instead of what the wiring means.
        args: The words after `command`, as they are.
        options: The component's own options, in the order in which they were written.
    """

    name: str = ""
    wiring: Wiring = field(default_factory=Wiring)
    command: tuple[Setting, ...] = ()
    args: tuple[Setting, ...] = ()
    options: tuple[Option, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigFile:
    """A config file: the components it describes.

    Attributes:
        file: Its name as the caller gave it.
        name: The graph's name, or an empty string.
        components: Its components; a file for one component holds one, which may have no name.
    """

    file: str
    name: str
    components: tuple[RunConfig, ...]
