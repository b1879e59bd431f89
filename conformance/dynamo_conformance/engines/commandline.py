"""Command lines: which Dynamo module a container starts, and with which words.

People write them as an argument list, or as a script for a shell. Both are read into the same
`CommandLine`, so that a rule sees `python3 -m dynamo.vllm --model M` however it was written. What
the kubelet and the shell fill in is filled in as far as the manifest gives it; a word with a part
that nobody can know here keeps its `$` (`parsing.unexpanded`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dynamo_conformance.engines import shell
from dynamo_conformance.engines.parsing import unexpanded
from dynamo_conformance.engines.shell import ContainerEnvironment
from dynamo_conformance.manifest.config_maps import given_variables, referenced_value
from dynamo_conformance.manifest.graph import FRONTEND, MAIN, WORKER_TYPES, EnvVar, Word
from dynamo_conformance.manifest.variable_expansion import expand

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dynamo_conformance.engines.shell import StartedProgram
    from dynamo_conformance.engines.shell.word import ShellText
    from dynamo_conformance.manifest.config_maps import ConfigMaps
    from dynamo_conformance.manifest.graph import Component, Container
    from dynamo_conformance.manifest.node import Mark

FRONTEND_MODULE = "dynamo.frontend"
ENGINE_MODULES = {"dynamo.vllm": "vllm", "dynamo.sglang": "sglang", "dynamo.trtllm": "trtllm"}
WORKER_MODULES = (*ENGINE_MODULES, "dynamo.mocker")

_PYTHON = re.compile(r"(?:.*/)?python(?:3(?:\.\d+)?)?", re.DOTALL)
_PYTHON_OPTION = re.compile(r"-[bBdEiIOPqRsSuvx]+")
_PYTHON_SETTING = ("-W", "-X")
_DYNAMO = "dynamo."
_SAY_ONLY = frozenset({"echo", "printf", ":", "export", "set", "trap"})
_REFERENCE = re.compile(r"\$\(([^()\s]+)\)")
_NEGATIVE_NUMBER = re.compile(r"-\d+|-\d*\.\d+")
_NOTHING = ContainerEnvironment()


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandLine:
    """A Dynamo module and the words it is given.

    Attributes:
        module: The module after `python3 -m`, such as `dynamo.vllm`.
        at: The word that names the module.
        words: What follows it.
        through_shell: Whether a shell reads the words first (and so expands `$NAME`).
        one_of_several: Whether a condition that is not known decides between it and another one.
        environment: The variables that the script sets for it; no value is one that is not known.
        folder: Where it runs, when the script changes the folder, or None.
    """

    module: str
    at: Word
    words: tuple[Word, ...]
    through_shell: bool
    one_of_several: bool = False
    environment: tuple[EnvVar, ...] = ()
    folder: str | None = None

    @property
    def texts(self) -> list[str]:
        """The bare words."""
        return [word.text for word in self.words]

    @property
    def complete(self) -> bool:
        """Whether these are all words there are: none of them may be several, or none."""
        return not self.one_of_several and not any(word.many for word in self.words)

    def is_certain(self, index: int) -> bool:
        """Whether it is known what a word is for: a flag, or not behind words that are not known.

        Args:
            index: Which word; their number stands for one that is missing.
        """
        if index >= len(self.words):
            return self.complete
        for word in self.words[index::-1]:
            if word.many:
                return False
            if word.text.startswith("-") and not _NEGATIVE_NUMBER.fullmatch(word.text):
                break
        return True


def argv(component: Component, container: Container) -> tuple[Word, ...]:
    """Return the words a container is started with, the operator's defaults filled in.

    A frontend without a command gets `python3`, and `-m dynamo.frontend` when it has no args
    either; other known types get `/bin/sh -c`.
    """
    command, args = container.command, container.args
    if command:
        return command + args
    if component.type == FRONTEND:
        return (Word("python3"), *(args or (Word("-m"), Word(FRONTEND_MODULE))))
    if component.type in WORKER_TYPES or component.type in (None, "planner"):
        return (Word("/bin/sh"), Word("-c"), *args)
    return args


def environment_of(
    container: Container, shared: Iterable[EnvVar] = (), known_maps: ConfigMaps | None = None
) -> ContainerEnvironment:
    """Return the environment of a container, as far as the manifest gives it.

    Args:
        container: The container.
        shared: The graph's own variables; only the container `main` is given them.
        known_maps: The ConfigMaps that the same file holds.
    """
    maps = known_maps or {}
    is_main = container.name == MAIN
    merged = {item.name: item for item in (*(shared if is_main else ()), *container.env)}
    # The operator sorts them, and the kubelet fills in what stands before.
    ordered = sorted(merged) if is_main else list(merged)
    known, complete = given_variables(container.node, maps)
    unknown: set[str] = set()
    single: set[str] = set()
    for name in ordered:
        variable = merged[name]
        text = expand(variable.value or "", known)
        known.pop(name, None)
        if variable.source is not None and (
            (taken := referenced_value(variable.source, maps)) is not None
        ):
            known[name] = taken
        elif variable.source is not None:
            (single if _is_field(variable) else unknown).add(name)
        elif _REFERENCE.search(text):
            others = {match[1] for match in _REFERENCE.finditer(text)}
            (single if others <= single and " " not in text else unknown).add(name)
        else:
            known[name] = text
    return ContainerEnvironment(
        known=tuple(known.items()),
        unknown=frozenset(unknown),
        single=frozenset(single),
        open=not complete,
    )


def _is_field(variable: EnvVar) -> bool:
    """Whether a value comes from the pod itself: an address, a name or a number, in one word."""
    source = variable.source
    return source is not None and ("fieldRef" in source or "resourceFieldRef" in source)


def command_line(
    component: Component, environment: ContainerEnvironment = _NOTHING
) -> CommandLine | None:
    """Return what the component's main container runs, or None when it is no module of Python.

    Args:
        component: The component.
        environment: The container's environment.
    """
    return find_module(argv(component, component.main), environment) if component.main else None


def find_module(
    words: tuple[Word, ...], environment: ContainerEnvironment = _NOTHING
) -> CommandLine | None:
    """Return the `python3 -m MODULE ...` that is started, looking into shell scripts.

    Of several, it is the one that the script waits for, and rather one of Dynamo's.
    """
    if runs_shell(words):
        return _module_in_script(words, environment)
    expanded = _expanded(words, environment)
    at = _module_at(expanded)
    if at is None:
        return None
    return CommandLine(
        module=expanded[at].text, at=expanded[at], words=expanded[at + 1 :], through_shell=False
    )


def _module_in_script(
    words: tuple[Word, ...], environment: ContainerEnvironment
) -> CommandLine | None:
    started = [
        (program, start)
        for program in _started(words, environment)
        if (start := _module_at(program.words)) is not None
    ]
    if not started:
        return None
    dynamo = [item for item in started if item[0].words[item[1]].text.startswith(_DYNAMO)]
    candidates = dynamo or started
    waited_for = [item for item in candidates if not item[0].background] or candidates
    program, start = next((item for item in waited_for if item[0].certain), waited_for[0])
    choices = {other.words[at:] for other, at in waited_for if not other.certain}
    choices.add(program.words[start:])
    modules = {choice[0].text for choice in choices}
    marked = _marked(program.words, words)
    script = _script_mark(words)
    return CommandLine(
        module=marked[start].text if len(modules) == 1 else _either(modules),
        at=marked[start],
        words=marked[start + 1 :],
        through_shell=True,
        one_of_several=len(choices) > 1,
        environment=tuple(
            EnvVar(name=name, value=text.text if text.known else None, mark=script)
            for name, text in program.environment
        ),
        folder=program.folder.text if program.folder is not None else None,
    )


def _either(modules: Iterable[str]) -> str:
    """Return what stands for a module that is not known, of which only the choices are."""
    return f"$({' || '.join(sorted(modules))})"


def programs(
    words: tuple[Word, ...], environment: ContainerEnvironment = _NOTHING
) -> tuple[tuple[Word, ...], ...]:
    """Return every command that is started: `words` itself, or each command of a shell's script."""
    if runs_shell(words):
        return tuple(_marked(program.words, words) for program in _started(words, environment))
    return (_expanded(words, environment),) if words else ()


def _expanded(words: tuple[Word, ...], environment: ContainerEnvironment) -> tuple[Word, ...]:
    """Return words with what the kubelet fills in."""
    if not any("$(" in word.text or "$$" in word.text for word in words):
        return words
    known = dict(environment.known)
    return tuple(Word(expand(word.text, known), word.mark) for word in words)


def _started(
    words: tuple[Word, ...], environment: ContainerEnvironment
) -> Sequence[StartedProgram]:
    """Return what a shell starts, nothing for a script that cannot be read."""
    from dynamo_conformance.engines.shell.runner import run  # Most command lines start no shell.

    return run(tuple(word.text for word in _expanded(words, environment)), environment) or ()


def runs_shell(words: Sequence[Word]) -> bool:
    """Whether a shell is given a script in its words."""
    texts = [word.text for word in words]
    return shell.is_shell(texts) and shell.script_at(texts) is not None


def _script_mark(words: Sequence[Word]) -> Mark:
    at = shell.script_at([word.text for word in words])
    return words[at or 0].mark


def _marked(texts: Iterable[ShellText], written: Sequence[Word]) -> tuple[Word, ...]:
    """Return the words of a program, each with where it was written."""
    script = _script_mark(written)
    return tuple(
        Word(text.text, script if text.origin is None else written[text.origin].mark, text.many)
        for text in texts
    )


def _module_at(words: Sequence[Word | ShellText]) -> int | None:
    """Return which of a program's words is the module of `python3 -m`, or None."""
    if not words or words[0].text in _SAY_ONLY:
        return None
    for start, word in enumerate(words):
        if not (_PYTHON.fullmatch(word.text) or unexpanded(word.text)):
            continue
        at = start + 1
        while at < len(words) and (
            _PYTHON_OPTION.fullmatch(words[at].text) or words[at].text in _PYTHON_SETTING
        ):
            at += 2 if words[at].text in _PYTHON_SETTING else 1
        if at + 1 < len(words) and words[at].text == "-m":
            return at + 1
    return None
