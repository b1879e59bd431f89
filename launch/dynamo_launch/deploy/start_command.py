"""How a component is started: the command that `dynamo serve` would execute, or its own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from dynamo_conformance.manifest.graph import FRONTEND
from dynamo_conformance.rendering.relocation import http_port
from dynamo_launch.config.graph_config import ValueOrigin
from dynamo_launch.config.run_config import Wiring
from dynamo_launch.config.run_config_reader import SERVE
from dynamo_launch.config.wiring import DYN, SCHEME, completed
from dynamo_launch.deploy.component_role import PREFILL, origin, role
from dynamo_launch.deploy.source_map import constant
from dynamo_launch.errors import UsageError
from dynamo_launch.serve.custom_program import plan_module
from dynamo_launch.serve.invocation import RUN_MODULE
from dynamo_launch.serve.option_words import plain_words
from dynamo_launch.serve.serve_arguments import ServeArguments
from dynamo_launch.serve.serve_plan import plan_program

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dynamo_conformance.manifest.node import Scalar
    from dynamo_launch.config.run_config import RunConfig, Setting
    from dynamo_launch.deploy.component_input import ComponentInput
    from dynamo_launch.serve.serve_plan import ServePlan

Piece = tuple[tuple[str, ...], ValueOrigin]
"""Words that belong together, and where they come from."""

_PORT_OPTIONS: Final = ("http_port", "http-port", "port")


@dataclass(frozen=True, slots=True, kw_only=True)
class StartCommand:
    """A component's command line.

    Attributes:
        command: The program, with the words that belong to it; none leaves it to the operator.
        args: The words after it.
        port: Where a frontend listens, with what says so; None for all others.
    """

    command: tuple[Scalar, ...]
    args: tuple[Scalar, ...]
    port: tuple[int, ValueOrigin] | None = None

    @property
    def words(self) -> tuple[str, ...]:
        """All words, as texts."""
        return tuple(word.text for word in (*self.command, *self.args))


def start(given: ComponentInput) -> StartCommand:
    """Return how the component is started.

    Raises:
        UsageError: The component takes no such words.
    """
    run = given.run
    if run.command or run.wiring.component is not None:
        _refuse_dynamo(given)
    if run.command:
        program: list[Piece] = [((word.text,), origin(word, "cmd")) for word in run.command]
        return _for_its_role(given, _start(given, program, _plain(run)))
    if run.wiring.component is not None:
        module = run.wiring.component
        plan_module(module, ServeArguments(), run)
        program = [((*RUN_MODULE, module.text), origin(module, "component"))]
        return _for_its_role(given, _start(given, program, _plain(run)))
    if run.wiring == Wiring():
        raise UsageError(
            f'"{given.config.name.text}" does not say what it runs; write run_config: '
            "{args: [input=dyn, output=vllm]}, or name the file that says it with -c"
        )
    return _for_its_role(given, _planned(given))


def _refuse_dynamo(given: ComponentInput) -> None:
    written = given.value("dynamo_in_image")
    if written is not None and written.is_true:
        given.error(
            written.origin, "a command of your own is not started with dynamo; leave it out"
        )


def _planned(given: ComponentInput) -> StartCommand:
    """Return the command of one of Dynamo's own components."""
    run = _without_namespace(given)
    plan = plan_program(ServeArguments(), run, given.variables())
    _warn_of_notes(given, plan)
    _complain_of_missing(given, plan)
    named_by = _program_origin(given, plan)
    pieces = [(part.words, ValueOrigin(part.file, part.mark, part.name)) for part in plan.parts]
    pieces = [(words, place) for words, place in pieces if words]
    cmd = given.value("cmd")
    if cmd is not None and not any(cmd.items()):
        if plan.program.name != FRONTEND or pieces:
            text = f"cmd: [] leaves out what it runs; write cmd: [{', '.join(SERVE)}]"
            given.error(cmd.origin, text)
        return StartCommand(command=(), args=())
    has_dynamo = given.value("dynamo_in_image")
    if has_dynamo is not None and has_dynamo.is_true:
        return _start(given, [(SERVE, has_dynamo.origin)], [*_serve_words(plan.wiring), *pieces])
    return _start(given, [((*RUN_MODULE, plan.program.module), named_by)], pieces)


def _start(given: ComponentInput, command: Iterable[Piece], args: Iterable[Piece]) -> StartCommand:
    source_map = given.source_map
    return StartCommand(
        command=tuple(word for words, place in command for word in source_map.texts(words, place)),
        args=tuple(word for words, place in args for word in source_map.texts(words, place)),
    )


def _for_its_role(given: ComponentInput, command: StartCommand) -> StartCommand:
    """Return the command with what a frontend always has: where it listens, and args."""
    its_role = role(given)
    if its_role is None or its_role[0] != FRONTEND:
        return command
    port = http_port(command.words, given.variables())
    option = next((option for option in given.run.options if option.key in _PORT_OPTIONS), None)
    place = (
        ValueOrigin(option.file, option.mark, f"options.{option.key}")
        if option is not None
        else its_role[1]
    )
    return replace(_with_args(command), port=(port, place))


def _with_args(start: StartCommand) -> StartCommand:
    """Return a command line with some of its words as args.

    To a frontend without args the operator gives its own, `-m dynamo.frontend`, behind any command.
    """
    if not start.command or start.args:
        return start
    program, *others = start.command
    if not others:
        return replace(start, command=(constant("env"),), args=(program,))
    return replace(start, command=(program,), args=tuple(others))


def _plain(run: RunConfig) -> list[Piece]:
    """Return the words of a command of the author's own."""
    return [
        *(((word.text,), origin(word, "args")) for word in run.args),
        *(
            (plain_words(option), ValueOrigin(option.file, option.mark, option.key))
            for option in run.options
        ),
    ]


def _serve_words(wiring: Wiring) -> Iterator[Piece]:
    """Yield the words by which `dynamo serve` knows the component."""
    full = completed(wiring)
    for side, word in (("in", full.input), ("out", full.output)):
        if word is not None:
            yield (f"{side}={word.text}",), origin(word, f"args.{side}put")


def _without_namespace(given: ComponentInput) -> RunConfig:
    """Return the run config without a Dynamo namespace: each graph is given its own."""
    wiring = completed(given.run.wiring)
    if wiring.input is not None and wiring.input.text.startswith(SCHEME):
        _check_endpoint(given, wiring.input)
        wiring = replace(wiring, input=_to_dyn(given, wiring.input, "input"))
    if wiring.output is not None and wiring.output.text.startswith(SCHEME):
        wiring = replace(wiring, output=_to_dyn(given, wiring.output, "output"))
    return replace(given.run, wiring=wiring)


def _to_dyn(given: ComponentInput, word: Setting, side: str) -> Setting:
    namespace = word.text.removeprefix(SCHEME).partition(".")[0]
    text = (
        f'namespace "{namespace}" is not used: the operator gives each graph one of its own, and '
        f"its frontend looks in no other; write {side}: {DYN}"
    )
    given.warn(origin(word, f"args.{side}"), text)
    return replace(word, text=DYN)


def _check_endpoint(given: ComponentInput, word: Setting) -> None:
    """Refuse an endpoint that the engine does not serve by itself: leaving it out would lose it."""
    its_role = role(given)
    name = PREFILL if its_role is not None and its_role[0] == PREFILL else "backend"
    own = f"{name}.generate"
    wanted = word.text.removeprefix(SCHEME).partition(".")[2]
    if wanted != own:
        text = (
            f"this worker serves {own}, not {wanted}; write input: {DYN}, or, to rename it, "
            f"options: {{endpoint: {SCHEME}$(DYN_NAMESPACE).{wanted}}}"
        )
        given.error(origin(word, "args.input"), text)


def _warn_of_notes(given: ComponentInput, plan: ServePlan) -> None:
    """Warn of options that were left out because the environment sets the same."""
    for note in plan.notes:
        if note.at is not None and note.at.file:
            given.warn(note.at, note.text)


def _complain_of_missing(given: ComponentInput, plan: ServePlan) -> None:
    words = [word for part in plan.parts for word in part.words]
    for fault in plan.program.catalog.faults(words):
        if fault.index == len(words):
            flag = plan.program.model_flag
            where = "model:" if flag is not None and flag in fault.message else "options:"
            text = f"{plan.program.module}: {fault.message}; write it under {where}"
            given.error(given.name, text)


def _program_origin(given: ComponentInput, plan: ServePlan) -> ValueOrigin:
    """Return where it is written which program it is."""
    output = completed(plan.wiring).output
    return origin(output, "args.output") if output is not None else given.name
