"""Engine settings: what a command line and its environment give an engine.

Words that a shell or the kubelet fills in, values out of secrets and files that nobody has here are
unknown; a rule that depends on them has nothing to say.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from conformance.engines.parsing import unexpanded
from conformance.manifest.whole import parse_whole

if TYPE_CHECKING:
    from conformance.engines.arguments import Given
    from conformance.engines.role import Part
    from conformance.manifest.graph import EnvVar, Graph
    from conformance.manifest.node import Mark

_FILES = {"dynamo.vllm": ("--config",), "dynamo.sglang": ("--config", "--disagg-config")}
_TRTLLM_OVERRIDES = ("extra_engine_args", "override_engine_args")
_TRTLLM_DYNAMIC = "--trtllm."


class EngineSettings:
    """The settings of one component.

    Attributes:
        part: The component with its role and arguments.
    """

    def __init__(self, part: Part, graph: Graph) -> None:
        self.part = part
        self._graph_env = graph.env

    @property
    def module(self) -> str:
        """The module that the component runs, or an empty string."""
        return self.part.command.module if self.part.command is not None else ""

    @cached_property
    def hidden(self) -> bool:
        """Whether more flags may stand where nobody can read them here: a variable or a file."""
        if self.part.command is None or self.part.arguments is None:
            return True
        names = _FILES.get(self.module, ())
        if any(word.partition("=")[0] in names for word in self.part.command.texts):
            return True
        return any(unexpanded(word) for word in self.part.arguments.positionals)

    @cached_property
    def overridden(self) -> bool:
        """Whether a file or dotted flags of TensorRT-LLM may say otherwise than its own flags."""
        if self.module != "dynamo.trtllm" or self.part.command is None:
            return False
        dotted = any(word.startswith(_TRTLLM_DYNAMIC) for word in self.part.command.texts)
        return dotted or any(self.given(dest) for dest in _TRTLLM_OVERRIDES)

    def given(self, dest: str) -> bool:
        """Whether the command line or the environment gives the setting."""
        return self._use(dest) is not None or self.variable(dest) is not None

    def unknown(self, dest: str) -> bool:
        """Whether the value is one that cannot be known here."""
        if self.hidden:
            return True
        use = self._use(dest)
        if use is not None:
            return any(unexpanded(value) for value in use.values)
        found = self.variable(dest)
        return found is not None and (found.value is None or unexpanded(found.value))

    def text(self, dest: str) -> str | None:
        """Return the value, the module's default included; None when there is none or unknown."""
        return None if self.unknown(dest) else self.part.value(dest)

    def number(self, dest: str) -> int | None:
        """Return the value as a whole number; None when there is none, or unknown."""
        return parse_whole(self.text(dest))

    def switched(self, dest: str) -> bool:
        """Whether a switch is known to be on."""
        return self.text(dest) == "True"

    def mark(self, *dests: str) -> Mark:
        """Return where the first of `dests` that is given was written, else the module's word."""
        for dest in dests:
            use = self._use(dest)
            if use is not None:
                return self.use_mark(use)
            found = self.variable(dest)
            if found is not None:
                return found.mark
        command = self.part.command
        return command.at.mark if command is not None else self.part.component.mark

    def label(self, dest: str) -> str:
        """Return the name under which the setting was given, else its flag's first name."""
        use = self._use(dest)
        if use is not None:
            return use.spelling
        found = self.variable(dest)
        if found is not None:
            return found.name
        arguments = self.part.arguments
        flags = arguments.settings.get(dest, ()) if arguments is not None else ()
        return flags[0].names[0] if flags else dest

    def variable(self, dest: str) -> EnvVar | None:
        """Return the environment variable that gives the setting, or None."""
        arguments = self.part.arguments
        if arguments is None:
            return None
        for flag in arguments.settings.get(dest, ()):
            for name in (flag.env, *flag.older_env):
                found = self.environment(name) if name is not None else None
                if found is not None:
                    return found
        return None

    def environment(self, name: str) -> EnvVar | None:
        """Return a variable of the main container, the graph's beneath its own, or None."""
        main = self.part.component.main
        own = main.env if main is not None else ()
        found = [one for one in (*self._graph_env, *own) if one.name == name]
        return found[-1] if found else None

    def use_mark(self, use: Given) -> Mark:
        """Return where the value of one use of a flag was written, or the flag that has none."""
        command = self.part.command
        if command is None or use.index >= len(command.words):
            return self.part.component.mark
        is_whole = "=" in command.words[use.index].text or use.flag.takes == "none"
        at = use.index if is_whole else use.index + 1
        return command.words[min(at, len(command.words) - 1)].mark

    def _use(self, dest: str) -> Given | None:
        arguments = self.part.arguments
        uses = [use for use in arguments.given if use.flag.dest == dest] if arguments else []
        return uses[-1] if uses else None
