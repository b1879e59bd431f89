"""Roles: what a component does in its graph, by the command line it runs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from dynamo_conformance.engines import catalog
from dynamo_conformance.engines.commandline import (
    FRONTEND_MODULE,
    WORKER_MODULES,
    command_line,
    environment_of,
)
from dynamo_conformance.engines.config_file import with_config_file
from dynamo_conformance.engines.parsing import unexpanded
from dynamo_conformance.engines.shell import ContainerEnvironment
from dynamo_conformance.manifest.config_maps import files_of_main

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dynamo_conformance.engines.commandline import CommandLine
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
"""How roles were given before Dynamo 1.4; what is meant is clear, whether the release takes it."""

_PROMISED = {"prefill": Role.PREFILL, "decode": Role.DECODE}
_MODES = {"pd": Role.AGG, "agg": Role.AGG, "null": Role.AGG}


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
    """

    component: Component
    role: Role | None
    command: CommandLine | None
    arguments: catalog.Arguments | None
    environment: ContainerEnvironment

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


def parts(graph: Graph) -> tuple[Part, ...]:
    """Return every component of the graph with the role of its command line."""
    return tuple(part(component, graph) for component in graph.components)


def part(component: Component, graph: Graph) -> Part:
    """Return one component with the role of its command line."""
    main = component.main
    environment = (
        environment_of(main, graph.env, graph.config_maps) if main else ContainerEnvironment()
    )
    command = command_line(component, environment)
    if command is not None and graph.config_maps:
        command = with_config_file(command, files_of_main(component, graph.config_maps))
    if command is None or command.module not in catalog.modules():
        role = Role.PLANNER if command and command.module in _PLANNER_MODULES else None
        return Part(
            component=component,
            role=role,
            command=command,
            arguments=None,
            environment=environment,
        )
    arguments = catalog.load(command.module).parse_leniently(
        command.texts, env=_variables(environment, command)
    )
    return Part(
        component=component,
        role=_role(command, arguments),
        command=command,
        arguments=arguments,
        environment=environment,
    )


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


def _role(command: CommandLine, arguments: catalog.Arguments) -> Role | None:
    if command.module == FRONTEND_MODULE:
        return Role.FRONTEND
    if command.module in _PLANNER_MODULES:
        return Role.PLANNER
    if command.module not in WORKER_MODULES:
        return None
    for word in command.texts:
        if word in _OLD_FLAGS:
            return _OLD_FLAGS[word]
    mode = arguments.get("disaggregation_mode")
    text = str(mode)
    given = arguments.explicit("disaggregation_mode") and not command.one_of_several
    if unexpanded(text) or (_hides(command, arguments) and not given):
        return None
    if mode is None:
        return Role.AGG
    if text in _MODES:
        return _MODES[text]
    return Role(text) if text in set(Role) else None
