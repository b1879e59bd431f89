"""Roles: what a component does in its graph, told by the command line it runs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from conformance.engines import catalog
from conformance.engines.commandline import FRONTEND_MODULE, WORKER_MODULES, command_line
from conformance.engines.config_file import with_config_file
from conformance.manifest.config_maps import files_of_main

if TYPE_CHECKING:
    from collections.abc import Mapping

    from conformance.engines.commandline import CommandLine
    from conformance.manifest.graph import Component, Graph


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
"""How roles were told before Dynamo 1.4; what is meant is clear, whether the release takes it."""

_MODES = {"pd": Role.AGG, "agg": Role.AGG, "null": Role.AGG}


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A component as its command line plays it.

    Attributes:
        component: The component.
        role: Its role, or None when its command line is no Dynamo module known here.
        command: Its command line, or None.
        arguments: The parsed words, lenient: values that a shell or kubelet fills in stay as is.
    """

    component: Component
    role: Role | None
    command: CommandLine | None
    arguments: catalog.Arguments | None

    def value(self, dest: str) -> str | None:
        """Return the text of an argument, or None when neither words nor environment give it."""
        if self.arguments is None or not self.arguments.known(dest):
            return None
        value = self.arguments.get(dest)
        if isinstance(value, tuple):
            return str(value[0]) if value else None
        return None if value is None else str(value)


def parts(graph: Graph) -> tuple[Part, ...]:
    """Return every component of the graph with the role its command line plays."""
    return tuple(part(component, graph) for component in graph.components)


def part(component: Component, graph: Graph) -> Part:
    """Return one component with the role its command line plays."""
    command = command_line(component)
    if command is not None and graph.config_maps:
        command = with_config_file(command, files_of_main(component, graph.config_maps))
    if command is None or command.module not in catalog.modules():
        role = Role.PLANNER if command and command.module in _PLANNER_MODULES else None
        return Part(component=component, role=role, command=command, arguments=None)
    arguments = catalog.load(command.module).parse_leniently(
        command.texts, env=environment(component, graph)
    )
    return Part(
        component=component,
        role=_role(command, arguments),
        command=command,
        arguments=arguments,
    )


def environment(component: Component, graph: Graph) -> Mapping[str, str]:
    """Return the plain values a component's environment holds: the graph's, then its own."""
    main = component.main
    own = main.env if main is not None else ()
    return {var.name: var.value for var in (*graph.env, *own) if var.value is not None}


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
    if mode is None:
        return Role.AGG
    text = str(mode)
    if text in _MODES:
        return _MODES[text]
    return Role(text) if text in set(Role) else None
