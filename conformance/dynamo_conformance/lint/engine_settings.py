"""Engine settings: what a command line, its environment and its config files give an engine.

Words that a shell or the kubelet fills in, values out of secrets and files that nobody has here are
unknown; a rule that depends on them has nothing to say. Of files, those are known that a ConfigMap
of the same manifest holds: `--config` of vLLM and SGLang is read with the command line, and here is
what TensorRT-LLM's `--extra-engine-args`, `--override-engine-args` and dotted flags say.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

from dynamo_conformance.engines import planner
from dynamo_conformance.engines.flag import parse_json
from dynamo_conformance.engines.parsing import unexpanded
from dynamo_conformance.engines.trtllm_options import BadOptionsError, option, options
from dynamo_conformance.manifest.config_maps import files_of_main
from dynamo_conformance.manifest.graph import EnvVar
from dynamo_conformance.manifest.quantity import parse_whole

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dynamo_conformance.engines.arguments import Given
    from dynamo_conformance.engines.flag import Json
    from dynamo_conformance.engines.role import Part
    from dynamo_conformance.engines.trtllm_options import Options
    from dynamo_conformance.manifest.graph import Graph
    from dynamo_conformance.manifest.node import Mark

_FILES = {"dynamo.vllm": ("--config",), "dynamo.sglang": ("--config", "--disagg-config")}
_FILE_DESTS = ("disagg_config",)
_TRTLLM = "dynamo.trtllm"
_TRTLLM_FILE = "extra_engine_args"
_TRTLLM_JSON = "override_engine_args"
_TRTLLM_DYNAMIC = "--trtllm."
_TRTLLM_OPTIONS = {
    "tensor_parallel_size": "tensor_parallel_size",
    "pipeline_parallel_size": "pipeline_parallel_size",
    "expert_parallel_size": "moe_expert_parallel_size",
    "enable_attention_dp": "enable_attention_dp",
    "max_batch_size": "max_batch_size",
    "max_num_tokens": "max_num_tokens",
    "max_seq_len": "max_seq_len",
    "max_beam_width": "max_beam_width",
}
"""TensorRT-LLM's options that flags of `dynamo.trtllm` give too, by the flag's dest."""
_TRTLLM_SPLITS = ("context_parallel_size", "gpus_per_node", "world_size")
"""Options that no flag gives, and by which other sizes say less."""


class EngineSettings:
    """The settings of one component.

    Attributes:
        part: The component with its role and arguments.
        graph_env: The environment that every component of the graph gets beneath its own.
    """

    def __init__(self, part: Part, graph: Graph) -> None:
        self.part = part
        self.graph_env = graph.env
        self._config_maps = graph.config_maps
        # Many rules ask for the same few.
        self._texts: dict[str, str | None] = {}

    @cached_property
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
        if any(self.variable(dest) is not None for dest in _FILE_DESTS):
            return True
        return self.part.hidden

    @cached_property
    def overridden(self) -> bool:
        """Whether options of TensorRT-LLM may split the model otherwise than its flags say."""
        if self.module != _TRTLLM or self.part.command is None:
            return False
        return self.options is None or any(split in self.options for split in _TRTLLM_SPLITS)

    @cached_property
    def options(self) -> Options | None:
        """What TensorRT-LLM is given beyond its flags; None when that cannot be known."""
        if self.module != _TRTLLM or self.part.arguments is None or self.hidden:
            return None
        name, override = self._own(_TRTLLM_FILE), self._own(_TRTLLM_JSON)
        dotted = self.part.arguments.dotted
        if name is None or override is None:
            return None
        if any(map(unexpanded, (name, override, *dotted.values()))):
            return None
        text = self.files.get(name)
        if name and text is None:
            return None
        try:
            return options(file=text, override=override, dotted=dotted)
        except BadOptionsError:
            return None

    def option(self, path: str) -> Json:
        """Return what TensorRT-LLM is given at a dotted path beyond its flags, or None."""
        return option(self.options, path) if self.options else None

    def option_mark(self, path: str) -> Mark:
        """Return the word that gives an option, or names the file that does."""
        words = self.part.command.words if self.part.command is not None else ()
        key = path.partition(".")[0]
        for word, value in pairwise(words):
            if word.text.startswith(_TRTLLM_DYNAMIC) and key in word.text.split("."):
                return value.mark
        return self.mark(_TRTLLM_JSON if self._in_json(key) else _TRTLLM_FILE)

    def option_label(self, path: str) -> str:
        """Return an option with the file that gives it."""
        name = self._own(_TRTLLM_FILE)
        key = path.partition(".")[0]
        in_file = bool(name) and not self._in_json(key) and not self._is_dotted(key)
        return f"{name}: {path}" if in_file else path

    def given(self, dest: str) -> bool:
        """Whether the command line, the environment or a file gives the setting."""
        written = self._use(dest) is not None or self.variable(dest) is not None
        return written or self._option_of(dest) is not None

    def unknown(self, dest: str) -> bool:
        """Whether the value is one that cannot be known here."""
        if self.hidden or (dest in _TRTLLM_OPTIONS and self._may_differ):
            return True
        if self._option_of(dest) is not None:
            return False
        use = self._use(dest)
        if use is not None:
            return any(unexpanded(value) for value in use.values)
        variable = self.variable(dest)
        return variable is not None and (variable.value is None or unexpanded(variable.value))

    def text(self, dest: str) -> str | None:
        """Return the value, the module's default included; None when there is none or unknown."""
        if dest not in self._texts:
            self._texts[dest] = self._text(dest)
        return self._texts[dest]

    def _text(self, dest: str) -> str | None:
        if self.unknown(dest):
            return None
        path = self._option_of(dest)
        return self.part.value(dest) if path is None else str(self.option(path))

    def number(self, dest: str) -> int | None:
        """Return the value as a whole number; None when there is none, or unknown."""
        return parse_whole(self.text(dest))

    def switched(self, dest: str) -> bool:
        """Whether a switch is known to be on."""
        return self.text(dest) == "True"

    def mark(self, *dests: str) -> Mark:
        """Return where the first of `dests` that is given was written, else the module's word."""
        for dest in dests:
            path = self._option_of(dest)
            if path is not None:
                return self.option_mark(path)
            use = self._use(dest)
            if use is not None:
                return self.use_mark(use)
            variable = self.variable(dest)
            if variable is not None:
                return variable.mark
        command = self.part.command
        return command.at.mark if command is not None else self.part.component.mark

    def label(self, dest: str) -> str:
        """Return the name under which the setting was given, else its flag's first name."""
        path = self._option_of(dest)
        if path is not None:
            return self.option_label(path)
        use = self._use(dest)
        if use is not None:
            file = self.file_of(use)
            return f"{file}: {use.spelling.lstrip('-')}" if file else use.spelling
        variable = self.variable(dest)
        if variable is not None:
            return variable.name
        arguments = self.part.arguments
        flags = arguments.settings.get(dest, ()) if arguments is not None else ()
        return flags[0].names[0] if flags else dest

    def variable(self, dest: str) -> EnvVar | None:
        """Return the environment variable that gives the setting, or None."""
        arguments = self.part.arguments
        if arguments is None or not self._variables:
            return None
        for flag in arguments.settings.get(dest, ()):
            for name in (flag.env, *flag.older_env):
                variable = self.environment(name) if name is not None else None
                if variable is not None:
                    return variable
        return None

    def environment(self, name: str) -> EnvVar | None:
        """Return a variable of the main container as the engine gets it, or None.

        A script's own come before the container's, and these before the graph's; a value that is
        not known here is None, or has a `$` in it.
        """
        return self._variables.get(name)

    @property
    def variables(self) -> Iterable[str]:
        """The names of the variables that are known to be there."""
        return self._variables.keys()

    @cached_property
    def _variables(self) -> dict[str, EnvVar]:
        main, command = self.part.component.main, self.part.command
        own = main.env if main is not None else ()
        variables = {item.name: item for item in (*self.graph_env, *own)}
        if main is not None:
            expanded = dict(self.part.environment.known)
            for name, variable in variables.items():
                variables[name] = replace(variable, value=expanded.get(name, variable.value))
            mark = main.node.key_mark("envFrom")
            for name in expanded.keys() - variables.keys():
                variables[name] = EnvVar(name=name, value=expanded[name], mark=mark)
        script = command.environment if command is not None else ()
        return variables | {item.name: item for item in script}

    def use_mark(self, use: Given) -> Mark:
        """Return where the value of one use of a flag was written, or the flag that has none."""
        command = self.part.command
        if command is None or use.index >= len(command.words):
            return self.part.component.mark
        is_whole = "=" in command.words[use.index].text or use.flag.takes == "none"
        at = use.index if is_whole else use.index + 1
        return command.words[min(at, len(command.words) - 1)].mark

    def file_of(self, use: Given) -> str:
        """Return the config file that a use of a flag was read from, or an empty string."""
        words = self.part.command.words if self.part.command is not None else ()
        return words[use.index].file if use.index < len(words) else ""

    @cached_property
    def files(self) -> dict[str, str]:
        """The texts of the files that a ConfigMap of the same manifest mounts, by path."""
        return files_of_main(self.part.component, self._config_maps)

    @property
    def _may_differ(self) -> bool:
        return self.module == _TRTLLM and self.options is None

    def _own(self, dest: str) -> str | None:
        """Return what the flag itself or its variable gives; None when that is elsewhere."""
        variable = self.variable(dest)
        if self._use(dest) is None and variable is not None and variable.value is None:
            return None
        return self.part.value(dest) or ""

    def _option_of(self, dest: str) -> str | None:
        """Return the option of TensorRT-LLM that gives the setting in place of its flag."""
        path = _TRTLLM_OPTIONS.get(dest)
        return path if path is not None and self.option(path) is not None else None

    def _in_json(self, key: str) -> bool:
        try:
            given = parse_json(self._own(_TRTLLM_JSON) or "null")
        except ValueError:
            return False
        return isinstance(given, dict) and key in given

    def _is_dotted(self, key: str) -> bool:
        dotted = self.part.arguments.dotted if self.part.arguments is not None else {}
        return any(path.partition(".")[0] == key for path in dotted)

    def _use(self, dest: str) -> Given | None:
        return self._uses.get(dest)

    @cached_property
    def _uses(self) -> dict[str, Given]:
        """The last use of each flag, by its dest."""
        arguments = self.part.arguments
        return {use.flag.dest: use for use in arguments.given} if arguments else {}


def planner_configs(
    components: Iterable[EngineSettings],
) -> Iterator[tuple[planner.Entries | str, Mark]]:
    """Yield what the `--config` of each planner holds, or why it holds nothing, with its place.

    Components that are no planner, or whose config is not in the file, are passed over.
    """
    for settings in components:
        value = settings.text("config") if settings.module == planner.MODULE else None
        entries = planner.read(value, settings.files) if value else None
        if entries is not None:
            yield entries, settings.mark("config")
