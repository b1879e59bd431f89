"""Parts: the words that a wiring or an option becomes, and what they set."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dynamo_launch.config.wiring import FRONTEND_INPUTS, SCHEME
from dynamo_launch.errors import UsageError
from dynamo_launch.serve.component_program import (
    ENDPOINT_FLAG,
    FRONTEND,
    INTERACTIVE_FLAG,
    NAMESPACE_FLAG,
    TASK_FLAG,
)
from dynamo_launch.serve.option_words import option_words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dynamo_conformance.manifest.node import Mark
    from dynamo_launch.config.run_config import Option, Setting, Wiring
    from dynamo_launch.serve.component_program import ComponentProgram


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedFlag:
    """Some words of the command, and what they set.

    Attributes:
        dest: What the component's parser calls it.
        words: The words; none where leaving the flag out says it.
        variables: The environment variables that the component reads for it.
        file: The file it was read from, or an empty string for the command line.
        mark: Where in that file.
        name: What its author called it.
    """

    dest: str
    words: tuple[str, ...]
    variables: tuple[str, ...]
    file: str
    mark: Mark
    name: str


def wired_parts(
    program: ComponentProgram, wiring: Wiring, environ: Mapping[str, str]
) -> Iterator[PlannedFlag]:
    """Yield the words for what a wiring says beyond which program it is.

    Raises:
        UsageError: The program does not know the task.
    """
    if program.name == FRONTEND:
        yield from _frontend_parts(program, wiring)
        return
    if wiring.model is not None and program.model_flag is not None:
        yield _part(program, program.model_flag, wiring.model, "MODEL", value=wiring.model.text)
    if wiring.task is not None:
        yield _task_part(program, wiring.task, environ)
    if wiring.input is not None and wiring.input.text.startswith(SCHEME):
        yield _part(program, ENDPOINT_FLAG, wiring.input, "in=", value=wiring.input.text)


def option_part(program: ComponentProgram, option: Option) -> PlannedFlag:
    """Return the words for an option of a file.

    Raises:
        UsageError: The program has no such flag, or the flag takes no such value.
    """
    match = program.option_flag(option.key)
    if match is None:
        spelling = "--" + option.key.replace("_", "-")
        raise UsageError(f"{program.unknown_flag(spelling)}", at=option)
    spelling, flag = match
    words = option_words(option, flag, spelling, opposite=program.opposite(spelling, flag))
    program.check(words, at=option.value_place)
    return PlannedFlag(
        dest=flag.dest,
        words=words,
        variables=program.variables(flag.dest),
        file=option.file,
        mark=option.mark,
        name=option.key,
    )


def _frontend_parts(program: ComponentProgram, wiring: Wiring) -> Iterator[PlannedFlag]:
    if wiring.input is not None and wiring.input.text != FRONTEND_INPUTS[0]:
        yield _part(program, INTERACTIVE_FLAG, wiring.input, "in=")
    if wiring.output is not None and wiring.output.text.startswith(SCHEME):
        namespace = wiring.output.text.removeprefix(SCHEME)
        yield _part(program, NAMESPACE_FLAG, wiring.output, "out=", value=namespace)


def _task_part(program: ComponentProgram, task: Setting, environ: Mapping[str, str]) -> PlannedFlag:
    """Return the words for a task; agg goes without saying unless the environment contradicts."""
    choices = program.known_flag(TASK_FLAG).choices
    if choices is not None and task.text not in choices:
        raise UsageError(
            f"{program.name} has no task {task.text}; "
            f"{TASK_FLAG} takes: {', '.join(str(choice) for choice in choices)}",
            at=task,
        )
    part = _part(program, TASK_FLAG, task, "task", value=task.text)
    contradicted = not task.file and any(name in environ for name in part.variables)
    return part if task.text != "agg" or contradicted else replace(part, words=())


def _part(
    program: ComponentProgram,
    spelling: str,
    setting: Setting,
    name: str,
    *,
    value: str | None = None,
) -> PlannedFlag:
    dest = program.known_flag(spelling).dest
    return PlannedFlag(
        dest=dest,
        words=(spelling,) if value is None else (spelling, value),
        variables=program.variables(dest),
        file=setting.file,
        mark=setting.mark,
        name=name,
    )
