"""From words, config file and environment to one component's command.

The command line beats the environment, and the environment beats the file: an option of the file
is left out when the command line sets the same thing, or when a variable is set that the component
reads for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dynamo_launch.config.run_config import Setting, Wiring
from dynamo_launch.config.wiring import DYN, SCHEME, completed
from dynamo_launch.errors import UsageError
from dynamo_launch.serve.component_arguments import read_command_line
from dynamo_launch.serve.component_program import choose_program
from dynamo_launch.serve.invocation import RUN_MODULE, Invocation, Note
from dynamo_launch.serve.planned_flags import option_part, wired_parts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from dynamo_launch.config.run_config import RunConfig
    from dynamo_launch.serve.component_arguments import ComponentArguments
    from dynamo_launch.serve.component_program import ComponentProgram
    from dynamo_launch.serve.planned_flags import PlannedFlag
    from dynamo_launch.serve.serve_arguments import ServeArguments


@dataclass(frozen=True, slots=True, kw_only=True)
class ServePlan:
    """How a frontend or a worker is started.

    Attributes:
        program: Which one it is.
        wiring: What words and file set for it.
        parts: What its words are made of, but for those that were typed.
        typed: The words that were typed.
        notes: What was left out and why, and what the environment says.
    """

    program: ComponentProgram
    wiring: Wiring
    parts: tuple[PlannedFlag, ...]
    typed: tuple[str, ...]
    notes: tuple[Note, ...]

    def invocation(self) -> Invocation:
        """Return the command."""
        return Invocation(
            program=(*RUN_MODULE, self.program.module),
            words=(*(word for part in self.parts for word in part.words), *self.typed),
            notes=self.notes,
        )


def plan_program(words: ServeArguments, config: RunConfig, environ: Mapping[str, str]) -> ServePlan:
    """Return how a frontend or a worker is started.

    Args:
        words: What was typed, without a NAME.
        config: What the file says, or an empty run config.
        environ: The environment that the component will have.

    Raises:
        UsageError: Something in words or file asks for what the component does not take.
    """
    wiring = completed(merge(words.wiring, config.wiring))
    program = choose_program(wiring, rest=words.rest)
    optional = [option_part(program, option) for option in config.options]
    named = {part.dest for part in optional} | _from_environment(program, environ).keys()
    has_model = wiring.model is not None or program.model_dest in named
    typed = read_command_line(program, words, has_model=has_model)
    if typed.model is not None:
        wiring = merge(Wiring(model=Setting(typed.model)), wiring)
        program = choose_program(wiring)
    parts = [*wired_parts(program, wiring, environ), *optional]
    _refuse_twice(typed, parts)
    typed_dests = typed.dests.keys() | {part.dest for part in parts if not part.file}
    kept, notes = _sift(parts, typed_dests, environ)
    given = typed_dests | {part.dest for part in kept}
    for dest, (variable, flag) in _from_environment(program, environ).items():
        if dest not in given:
            notes.append(Note(f"environment: {variable}={environ[variable]} sets {flag}"))
    return ServePlan(
        program=program,
        wiring=wiring,
        parts=tuple(kept),
        typed=(*typed.words, *words.extra),
        notes=tuple(notes),
    )


def merge(above: Wiring, below: Wiring) -> Wiring:
    """Return what both say, `above` winning; a bare `in=dyn` above keeps an endpoint below."""
    if above.component is not None:
        return above
    source = above.input or below.input
    if above.input is not None and above.input.text == DYN and below.input is not None:
        source = below.input if below.input.text.startswith(SCHEME) else above.input
    rewired = above.input is not None or above.output is not None
    return Wiring(
        input=source,
        output=above.output or below.output,
        task=above.task or below.task,
        model=above.model or below.model,
        component=None if rewired else below.component,
    )


def _refuse_twice(typed: ComponentArguments, parts: Sequence[PlannedFlag]) -> None:
    """Refuse two words of one source for the same thing."""
    before: dict[tuple[str, bool], PlannedFlag] = {}
    for part in parts:
        in_file = bool(part.file)
        if not in_file and part.dest in typed.dests:
            raise UsageError(
                f"{part.name} and {typed.dests[part.dest]} set the same thing; keep one of them"
            )
        first = before.setdefault((part.dest, in_file), part)
        if first is not part:
            raise UsageError(
                f"{part.name} sets the same as {first.name}; keep one of them",
                at=part,
            )


def _sift(
    parts: Sequence[PlannedFlag], typed: AbstractSet[str], environ: Mapping[str, str]
) -> tuple[list[PlannedFlag], list[Note]]:
    """Return the parts that go into the command, and why the others do not."""
    kept: list[PlannedFlag] = []
    notes: list[Note] = []
    for part in parts:
        variable = next((name for name in part.variables if name in environ), None)
        if not part.file:
            kept.append(part)
        elif part.dest in typed:
            notes.append(Note(f"{part.name} left out: the command line sets it", at=part))
        elif variable is not None:
            notes.append(Note(f"{part.name} left out: {variable} is set", at=part))
        else:
            kept.append(part)
    return kept, notes


def _from_environment(
    program: ComponentProgram, environ: Mapping[str, str]
) -> dict[str, tuple[str, str]]:
    """Return what the environment sets, by dest: the variable that is read, and the flag."""
    settings: dict[str, tuple[str, str]] = {}
    for dest, flags in program.catalog.settings.items():
        variable = next((name for name in program.variables(dest) if name in environ), None)
        if variable is not None:
            flag = next(name for name in flags[0].names if name.startswith("--"))
            settings[dest] = (variable, flag)
    return settings
