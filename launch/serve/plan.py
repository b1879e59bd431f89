"""From words, config file and environment to one component's command.

The command line beats the environment, and the environment beats the file: an option of the file
is left out when the command line sets the same thing, or when a variable is set that the component
reads for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from launch.config.runconfig import RunConfig, Setting, Wiring
from launch.config.wiring import DYN, FRONTEND_INPUTS, SCHEME
from launch.errors import UsageError
from launch.serve.commandline import read_command_line
from launch.serve.invocation import Invocation
from launch.serve.options import option_words
from launch.serve.program import (
    ENDPOINT_FLAG,
    FRONTEND,
    INTERACTIVE_FLAG,
    NAMESPACE_FLAG,
    TASK_FLAG,
    Program,
    choose_program,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from launch.config.runconfig import Option
    from launch.serve.commandline import Typed
    from launch.serve.words import Words


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Some words of the command, and what they set.

    Attributes:
        dest: What the component's parser calls it.
        words: The words; none where leaving the flag out says it.
        env: The variable that the component reads for it, or None.
        where: `file:line:col: `, or an empty string for the command line.
        name: What its author called it.
    """

    dest: str
    words: tuple[str, ...]
    env: str | None
    where: str
    name: str


def plan_program(words: Words, config: RunConfig, environ: Mapping[str, str]) -> Invocation:
    """Return the command of a frontend or a worker.

    Args:
        words: What was typed, without a NAME.
        config: What the file says, or an empty run config.
        environ: The environment that the component will have.

    Raises:
        UsageError: Something in words or file asks for what the component does not take.
    """
    wiring = merge(words.wiring, config.wiring)
    program = choose_program(wiring)
    typed = read_command_line(program, words, model_known=wiring.model is not None)
    if typed.model is not None:
        wiring = merge(Wiring(model=Setting(typed.model)), wiring)
        program = choose_program(wiring)
    wired = tuple(_wired(program, wiring, environ))
    optional = tuple(_optional(program, option) for option in config.options)
    _refuse_twice(typed, (*wired, *optional))
    from_words = typed.dests.keys() | {part.dest for part in wired if not part.where}
    notes: list[str] = []
    kept = [part for part in (*wired, *optional) if _keeps(part, from_words, environ, notes)]
    said = from_words | {part.dest for part in kept}
    notes += _environment_notes(program, said, environ)
    return Invocation(
        module=program.module,
        words=(*(word for part in kept for word in part.words), *typed.words, *words.extra),
        notes=tuple(notes),
    )


def merge(above: Wiring, below: Wiring) -> Wiring:
    """Return what both say, `above` winning; a bare `in=dyn` above keeps an endpoint below."""
    if above.component is not None:
        return above
    source = above.input or below.input
    if above.input is not None and above.input.text == DYN and below.input is not None:
        source = below.input if below.input.text.startswith(SCHEME) else above.input
    wired = above.input is not None or above.output is not None
    return Wiring(
        input=source,
        output=above.output or below.output,
        task=above.task or below.task,
        model=above.model or below.model,
        component=None if wired else below.component,
    )


def _wired(program: Program, wiring: Wiring, environ: Mapping[str, str]) -> Iterator[Part]:
    """Yield the words for what the wiring says beyond which program it is."""
    if program.name == FRONTEND:
        if wiring.input is not None and wiring.input.text != FRONTEND_INPUTS[0]:
            yield _part(program, INTERACTIVE_FLAG, wiring.input, "in=text", words=())
        if wiring.output is not None and wiring.output.text.startswith(SCHEME):
            namespace = wiring.output.text.removeprefix(SCHEME)
            yield _part(program, NAMESPACE_FLAG, wiring.output, "out", words=(namespace,))
        return
    if wiring.model is not None and program.model_flag is not None:
        model = (wiring.model.text,)
        yield _part(program, program.model_flag, wiring.model, "MODEL", words=model)
    if wiring.task is not None:
        yield _task(program, wiring.task, environ)
    if wiring.input is not None and wiring.input.text.startswith(SCHEME):
        endpoint = (wiring.input.text,)
        yield _part(program, ENDPOINT_FLAG, wiring.input, "in", words=endpoint)


def _task(program: Program, task: Setting, environ: Mapping[str, str]) -> Part:
    """Return the words for a task; agg goes without saying unless the environment contradicts."""
    flag = program.known_flag(TASK_FLAG)
    if flag.choices is not None and task.text not in flag.choices:
        tasks = ", ".join(str(choice) for choice in flag.choices)
        raise UsageError(
            f"{task.where}{program.name} has no task {task.text}; {TASK_FLAG} takes: {tasks}"
        )
    part = _part(program, TASK_FLAG, task, "--task", words=(task.text,))
    if task.text != "agg" or (not task.where and part.env is not None and part.env in environ):
        return part
    return Part(dest=part.dest, words=(), env=part.env, where=part.where, name=part.name)


def _part(
    program: Program, spelling: str, setting: Setting, name: str, *, words: tuple[str, ...]
) -> Part:
    flag = program.known_flag(spelling)
    return Part(
        dest=flag.dest,
        words=(spelling, *words),
        env=flag.env,
        where=setting.where,
        name=name,
    )


def _optional(program: Program, option: Option) -> Part:
    spelling = program.spelling("--" + option.key)
    flag = program.catalog.flag(spelling) if spelling is not None else None
    if spelling is None or flag is None:
        raise UsageError(f"{option.where}{program.unknown_flag(option.key)}")
    words = option_words(option, flag, spelling)
    program.check(words, where=option.value_where)
    return Part(
        dest=flag.dest, words=words, env=flag.env, where=option.where, name=option.key
    )


def _refuse_twice(typed: Typed, parts: Iterable[Part]) -> None:
    """Refuse two words of one source for the same thing."""
    seen: dict[tuple[str, bool], Part] = {}
    for part in parts:
        in_file = bool(part.where)
        if not in_file and part.dest in typed.dests:
            raise UsageError(
                f"{part.name} and {typed.dests[part.dest]} set the same thing; keep one of them"
            )
        before = seen.setdefault((part.dest, in_file), part)
        if before is not part:
            raise UsageError(
                f"{part.where}{part.name} sets the same as {before.name}; keep one of them"
            )


def _keeps(
    part: Part, from_words: Iterable[str], environ: Mapping[str, str], notes: list[str]
) -> bool:
    """Tell whether a part goes into the command; say why when it does not."""
    if not part.where:
        return True
    if part.dest in from_words:
        notes.append(f"{part.where}{part.name} left out: the command line sets it")
        return False
    if part.env is not None and part.env in environ:
        notes.append(f"{part.where}{part.name} left out: {part.env} is set")
        return False
    return True


def _environment_notes(
    program: Program, said: set[str], environ: Mapping[str, str]
) -> Iterator[str]:
    """Yield a line for each variable that the component will read."""
    for flag in program.catalog.flags:
        if flag.env is not None and flag.env in environ and flag.dest not in said:
            yield f"environment: {flag.env}={environ[flag.env]} sets {flag.names[0]}"
