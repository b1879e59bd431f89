"""How a component is started: the command that `dynamo serve` would execute, or its own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from dynamo_conformance.manifest.graph import FRONTEND
from dynamo_conformance.rendering.relocation import http_port
from dynamo_launch.config.complaint import Complaints
from dynamo_launch.config.runconfig import Wiring
from dynamo_launch.config.runreader import SERVE
from dynamo_launch.config.wiring import DYN, SCHEME, completed
from dynamo_launch.deploy.role import PREFILL, origin, role
from dynamo_launch.deploy.trace import Origin, constant
from dynamo_launch.errors import UsageError
from dynamo_launch.serve.component import plan_module
from dynamo_launch.serve.invocation import RUN_MODULE
from dynamo_launch.serve.options import plain_words
from dynamo_launch.serve.plan import plan_program
from dynamo_launch.serve.words import Words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dynamo_conformance.manifest.node import Scalar
    from dynamo_launch.config.runconfig import RunConfig, Setting
    from dynamo_launch.deploy.draft import Draft
    from dynamo_launch.serve.plan import Plan

Piece = tuple[tuple[str, ...], Origin]
"""Words that belong together, and where they come from."""

_PORT_OPTIONS: Final = ("http_port", "http-port", "port")


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """A component's command line.

    Attributes:
        command: The program, with the words that belong to it; none leaves it to the operator.
        args: The words after it.
        port: Where a frontend listens, with what says so; None for all others.
    """

    command: tuple[Scalar, ...]
    args: tuple[Scalar, ...]
    port: tuple[int, Origin] | None = None

    @property
    def words(self) -> tuple[str, ...]:
        """All words, as texts."""
        return tuple(word.text for word in (*self.command, *self.args))


def start(draft: Draft) -> Start:
    """Return how the component is started.

    Raises:
        UsageError: The component takes no such words.
    """
    run = draft.run
    if run.command or run.wiring.component is not None:
        _refuse_dynamo(draft)
    if run.command:
        program: list[Piece] = [((word.text,), origin(word, "cmd")) for word in run.command]
        return _for_its_role(draft, _start(draft, program, _plain(run)))
    if run.wiring.component is not None:
        module = run.wiring.component
        plan_module(module, Words(), run)
        program = [((*RUN_MODULE, module.text), origin(module, "component"))]
        return _for_its_role(draft, _start(draft, program, _plain(run)))
    if run.wiring == Wiring():
        raise UsageError(
            f'"{draft.described.name.text}" does not say what it runs; write run_config: '
            "{args: [input=dyn, output=vllm]}, or name the file that says it with -c"
        )
    return _for_its_role(draft, _planned(draft))


def _refuse_dynamo(draft: Draft) -> None:
    written = draft.written("dynamo_in_image")
    if written is not None and written.is_true:
        draft.error(
            written.origin, "a command of your own is not started with dynamo; leave it out"
        )


def _planned(draft: Draft) -> Start:
    """Return the command of one of Dynamo's own components."""
    run = _without_namespace(draft)
    plan = plan_program(Words(), run, draft.variables())
    _warn_of_notes(draft, plan)
    _complain_of_missing(draft, plan)
    said = _said(draft, plan)
    pieces = [(part.words, Origin(part.file, part.mark, part.name)) for part in plan.parts]
    pieces = [(words, place) for words, place in pieces if words]
    if _is_left_out(draft):
        if plan.program.name != FRONTEND or pieces:
            draft.error(
                _cmd(draft), f"cmd: [] leaves out what it runs; write cmd: [{', '.join(SERVE)}]"
            )
        return Start(command=(), args=())
    has_dynamo = draft.written("dynamo_in_image")
    if has_dynamo is not None and has_dynamo.is_true:
        return _start(draft, [(SERVE, has_dynamo.origin)], [*_serve_words(plan.wiring), *pieces])
    return _start(draft, [((*RUN_MODULE, plan.program.module), said)], pieces)


def _start(draft: Draft, command: Iterable[Piece], args: Iterable[Piece]) -> Start:
    trace = draft.trace
    return Start(
        command=tuple(word for words, place in command for word in trace.texts(words, place)),
        args=tuple(word for words, place in args for word in trace.texts(words, place)),
    )


def _for_its_role(draft: Draft, found: Start) -> Start:
    """Return what a frontend needs said: where it listens, and args, which it always has."""
    played = role(draft)
    if played is None or played[0] != FRONTEND:
        return found
    port = http_port(found.words, draft.variables())
    said = next((one for one in draft.run.options if one.key in _PORT_OPTIONS), None)
    place = Origin(said.file, said.mark, f"options.{said.key}") if said is not None else played[1]
    return replace(_with_args(found), port=(port, place))


def _with_args(found: Start) -> Start:
    """Return a command line with some of its words as args.

    To a frontend without args the operator gives its own, `-m dynamo.frontend`, behind any command.
    """
    if not found.command or found.args:
        return found
    program, *others = found.command
    if not others:
        return replace(found, command=(constant("env"),), args=(program,))
    return replace(found, command=(program,), args=tuple(others))


def _plain(run: RunConfig) -> list[Piece]:
    """Return the words of a command of the author's own."""
    return [
        *(((word.text,), origin(word, "args")) for word in run.args),
        *((plain_words(one), Origin(one.file, one.mark, one.key)) for one in run.options),
    ]


def _serve_words(wiring: Wiring) -> Iterator[Piece]:
    """Yield the words by which `dynamo serve` knows the component."""
    full = completed(wiring)
    for side, word in (("in", full.input), ("out", full.output)):
        if word is not None:
            yield (f"{side}={word.text}",), origin(word, f"args.{side}put")


def _without_namespace(draft: Draft) -> RunConfig:
    """Return the run config without a Dynamo namespace: each graph is given its own."""
    wiring = completed(draft.run.wiring)
    if wiring.input is not None and wiring.input.text.startswith(SCHEME):
        _check_endpoint(draft, wiring.input)
        wiring = replace(wiring, input=_to_dyn(draft, wiring.input, "input"))
    if wiring.output is not None and wiring.output.text.startswith(SCHEME):
        wiring = replace(wiring, output=_to_dyn(draft, wiring.output, "output"))
    return replace(draft.run, wiring=wiring)


def _to_dyn(draft: Draft, word: Setting, side: str) -> Setting:
    namespace = word.text.removeprefix(SCHEME).partition(".")[0]
    text = (
        f'namespace "{namespace}" is not used: the operator gives each graph one of its own, and '
        f"its frontend looks in no other; write {side}: {DYN}"
    )
    draft.warn(origin(word, f"args.{side}"), text)
    return replace(word, text=DYN)


def _check_endpoint(draft: Draft, word: Setting) -> None:
    """Refuse an endpoint that the engine does not serve by itself: leaving it out would lose it."""
    played = role(draft)
    name = PREFILL if played is not None and played[0] == PREFILL else "backend"
    own = f"{name}.generate"
    wanted = word.text.removeprefix(SCHEME).partition(".")[2]
    if wanted != own:
        text = (
            f"this worker serves {own}, not {wanted}; write input: {DYN}, or, to rename it, "
            f"options: {{endpoint: {SCHEME}$(DYN_NAMESPACE).{wanted}}}"
        )
        draft.error(origin(word, "args.input"), text)


def _warn_of_notes(draft: Draft, plan: Plan) -> None:
    """Say which options were left out, because the environment sets the same."""
    for note in plan.notes:
        placed = Complaints()
        placed.add(UsageError(note))
        for one in placed:
            if one.file:
                draft.complaints.warn(one.file, one.mark, one.text)


def _complain_of_missing(draft: Draft, plan: Plan) -> None:
    words = [word for part in plan.parts for word in part.words]
    for fault in plan.program.catalog.faults(words):
        if fault.index == len(words):
            flag = plan.program.model_flag
            where = "model:" if flag is not None and flag in fault.message else "options:"
            text = f"{plan.program.module}: {fault.message}; write it under {where}"
            draft.error(draft.name, text)


def _said(draft: Draft, plan: Plan) -> Origin:
    """Return what tells which program it is."""
    output = completed(plan.wiring).output
    if output is None:
        return draft.name
    return origin(output, "args.output")


def _is_left_out(draft: Draft) -> bool:
    written = draft.written("cmd")
    return written is not None and not any(written.items())


def _cmd(draft: Draft) -> Origin:
    written = draft.written("cmd")
    return written.origin if written is not None else draft.name
