"""What one component is started with, and where each part of it was written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dynamo_conformance.manifest.node import NOWHERE, Mapping, Mark

if TYPE_CHECKING:
    from dynamo_conformance.manifest.node import Node


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

    @property
    def where(self) -> str:
        """`file:line:col: `, ready to stand in front of a message; empty for the command line."""
        return place(self.file, self.mark)


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
    def where(self) -> str:
        """`file:line:col: ` of the key."""
        return place(self.file, self.mark)

    @property
    def value_where(self) -> str:
        """`file:line:col: ` of the value."""
        return place(self.file, self.value.mark)


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
        node: The mapping it was read from, deployment keys included.
    """

    name: str = ""
    wiring: Wiring = field(default_factory=Wiring)
    command: tuple[Setting, ...] = ()
    args: tuple[Setting, ...] = ()
    options: tuple[Option, ...] = ()
    node: Mapping = field(default_factory=Mapping, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigFile:
    """A config file: the components it describes.

    Attributes:
        file: Its name as the caller gave it.
        name: The graph's name, or an empty string.
        components: Its components; a file for one component holds one, which may have no name.
        root: The whole file, deployment keys included.
    """

    file: str
    name: str
    components: tuple[RunConfig, ...]
    root: Mapping = field(compare=False, repr=False)


def place(file: str, mark: Mark) -> str:
    """Return `file:line:col: `, or an empty string when it was written in no file."""
    return f"{file}:{mark.line}:{mark.column}: " if file else ""
