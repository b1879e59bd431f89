"""Roles: what a component does in its graph, by the command line it runs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from dynamo_conformance.engines import catalog, releases
from dynamo_conformance.engines.commandline import (
    FRONTEND_MODULE,
    WORKER_MODULES,
    command_line,
    environment_of,
)
from dynamo_conformance.engines.config_file import with_config_file
from dynamo_conformance.engines.image_release import Fit, release_of
from dynamo_conformance.engines.parsing import unexpanded
from dynamo_conformance.engines.releases import NEWEST
from dynamo_conformance.engines.shell import ContainerEnvironment
from dynamo_conformance.manifest.config_maps import files_of_main

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dynamo_conformance.engines.commandline import CommandLine
    from dynamo_conformance.engines.image_release import ComponentRelease
    from dynamo_conformance.engines.releases import Release, RoleWays, Ways
    from dynamo_conformance.manifest.graph import Component, Graph


class Role(StrEnum):
    """What a component does."""

    FRONTEND = "frontend"
    AGG = "agg"
    PREFILL = "prefill"
    DECODE = "decode"
    ENCODE = "encode"
    PLANNER = "planner"


COMPONENTS = {
    Role.AGG: "backend",
    Role.PREFILL: "prefill",
    Role.DECODE: "backend",
    Role.ENCODE: "encode",
}
"""The Dynamo component that workers of a role register as, with every engine."""

_PLANNER_MODULES = frozenset({"dynamo.planner", "dynamo.global_planner"})
_OLD_FLAGS = {"--is-prefill-worker": Role.PREFILL, "--is-decode-worker": Role.DECODE}
_MODE, _MODE_FLAG = "disaggregation_mode", "--disaggregation-mode"
_MODES = {"pd": Role.AGG, "agg": Role.AGG, "null": Role.AGG, "prefill_and_decode": Role.AGG}
"""How roles were or are given; what is meant is clear, whether the release takes it or not."""

_PROMISED = {"prefill": Role.PREFILL, "decode": Role.DECODE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A component with the role of its command line.

    Attributes:
        component: The component.
        role: Its role, or None when its command line is no Dynamo module known here, or may give
            it another one by words that are not known.
        command: Its command line, or None.
        arguments: The parsed words, lenient: values that a shell or kubelet fills in stay as is.
        environment: The variables of the main container, as far as the manifest gives them.
        release: The release by which all that is read.
    """

    component: Component
    role: Role | None
    command: CommandLine | None
    arguments: catalog.Arguments | None
    environment: ContainerEnvironment
    release: ComponentRelease

    @property
    def ways(self) -> Ways:
        """How the component's release does things."""
        return releases.ways(self.release.known)

    @property
    def catalog(self) -> catalog.Catalog | None:
        """What the component's module takes in its release, or None where nobody knows."""
        release = str(self.release.known)
        if self.command is None or self.command.module not in catalog.modules(release=release):
            return None
        return catalog.load(self.command.module, release=release)

    @property
    def program(self) -> str:
        """The component's module, with its release where that is not the newest."""
        module = self.command.module if self.command is not None else ""
        known = self.release.known
        return module if known == NEWEST else f"{module} of Dynamo {known}"

    @property
    def roles(self) -> RoleWays | None:
        """How the component's module is told its role, or None when it has none."""
        return self.ways.roles.get(self.command.module) if self.command is not None else None

    @property
    def hidden(self) -> bool:
        """Whether more flags may stand in words that are not known here."""
        if self.command is None or self.arguments is None:
            return True
        return _hides(self.command, self.arguments)

    @property
    def likely_role(self) -> Role | None:
        """The role; where it is not known, the one that a worker's type promises."""
        if self.role is not None or self.command is None:
            return self.role
        if self.command.module not in WORKER_MODULES:
            return None
        return _PROMISED.get(self.component.type or "", Role.AGG)

    @property
    def may_work(self) -> bool:
        """Whether it is a worker, or may be one for all that is known."""
        return self.likely_role not in (None, Role.FRONTEND) or self.component.is_worker

    def value(self, dest: str) -> str | None:
        """Return the text of an argument, or None when neither words nor environment give it."""
        if self.arguments is None or not self.arguments.known(dest):
            return None
        value = self.arguments.get(dest)
        if isinstance(value, tuple):
            return str(value[0]) if value else None
        return None if value is None else str(value)


def parts(graph: Graph, default: Release = NEWEST) -> tuple[Part, ...]:
    """Return every component of the graph with the role of its command line.

    Args:
        graph: The graph.
        default: The release of components that say none.
    """
    read = tuple(part(component, graph, default) for component in graph.components)
    prefilling = {part.command.module for part in read if part.command and _prefills(part)}
    return tuple(
        replace(part, role=Role.DECODE)
        if part.command is not None and part.command.module in prefilling and _may_decode(part)
        else part
        for part in read
    )


def _prefills(part: Part) -> bool:
    return part.role is Role.PREFILL


def _may_decode(part: Part) -> bool:
    """Whether a worker says no role, in a release where that is how decode workers are told."""
    return part.role is Role.AGG and part.roles is not None and part.roles.decode_unsaid


def part(component: Component, graph: Graph, default: Release = NEWEST) -> Part:
    """Return one component with the role of its command line, whatever the others do."""
    main = component.main
    environment = (
        environment_of(main, graph.env, graph.config_maps) if main else ContainerEnvironment()
    )
    command = command_line(component, environment)
    read = Part(
        component=component,
        role=None,
        command=command,
        arguments=None,
        environment=environment,
        release=release_of(component, default),
    )
    known = read.catalog
    if command is not None and known is not None and graph.config_maps:
        files = files_of_main(component, graph.config_maps)
        command = with_config_file(command, files, str(read.release.known))
        read = replace(read, command=command)
    if command is None or known is None or read.release.fit is Fit.NONE:
        is_planner = command is not None and command.module in _PLANNER_MODULES
        return replace(read, role=Role.PLANNER) if is_planner else read
    arguments = known.parse_leniently(command.texts, env=_variables(environment, command))
    role = _role(command, arguments, read.roles)
    if role is Role.AGG and read.roles is not None and read.roles.decode_unsaid:
        role = Role.DECODE if component.type == Role.DECODE else role
    return replace(read, arguments=arguments, role=role)


def _variables(environment: ContainerEnvironment, command: CommandLine) -> Mapping[str, str]:
    """Return the variables of a module; a value that is not known is written `$NAME`."""
    unknown = {name: f"${name}" for name in (*environment.unknown, *environment.single)}
    script = {
        variable.name: f"${variable.name}" if variable.value is None else variable.value
        for variable in command.environment
    }
    return unknown | dict(environment.known) | script


def _hides(command: CommandLine, arguments: catalog.Arguments) -> bool:
    return arguments.open or not command.complete


def _role(command: CommandLine, arguments: catalog.Arguments, ways: RoleWays | None) -> Role | None:
    if command.module == FRONTEND_MODULE:
        return Role.FRONTEND
    if command.module in _PLANNER_MODULES:
        return Role.PLANNER
    if command.module not in WORKER_MODULES or ways is None:
        return None
    old = next((_OLD_FLAGS[word] for word in command.texts if word in _OLD_FLAGS), None)
    return _by_mode(command, arguments, ways) if old is None else old


def _by_mode(command: CommandLine, arguments: catalog.Arguments, ways: RoleWays) -> Role | None:
    """Return the role that the mode gives, or that a worker without one has."""
    if arguments.known(_MODE):
        mode, given = arguments.get(_MODE), arguments.explicit(_MODE)
    else:
        mode = _word_after(command.texts, _MODE_FLAG)
        given = mode is not None
    text = str(mode)
    given = given and not command.one_of_several
    if unexpanded(text) or (_hides(command, arguments) and not given):
        return None
    if mode is None:
        return Role(ways.default)
    words = _MODES | {word: Role(role) for word, role in ways.words.items()}
    return words.get(text) or (Role(text) if text in set(Role) else None)


def _word_after(texts: Sequence[str], flag: str) -> str | None:
    """Return what a flag is given that the module's parser may not know."""
    for index, text in enumerate(texts):
        name, equals, value = text.partition("=")
        if name == flag:
            return value if equals else next(iter(texts[index + 1 :]), None)
    return None
