"""A developer's own module or program: options by a general rule, words untouched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_launch.errors import UsageError
from dynamo_launch.serve.invocation import RUN_MODULE, Invocation, Note
from dynamo_launch.serve.option_words import plain_words

if TYPE_CHECKING:
    from dynamo_launch.config.run_config import RunConfig, Setting, Wiring
    from dynamo_launch.serve.serve_arguments import ServeArguments


def plan_module(component: Setting, words: ServeArguments, config: RunConfig) -> Invocation:
    """Return the command of a module whose flags are not known here.

    Args:
        component: The module's dotted path.
        words: What was typed, without a NAME.
        config: What the file says, or an empty run config.

    Raises:
        UsageError: The source that names the module also wires it, which only Dynamo's own
            components understand.
    """
    same_source = config.wiring if component.file else words.wiring
    _refuse_wiring(component, same_source)
    return _invocation((*RUN_MODULE, component.text), words, config)


def plan_command(words: ServeArguments, config: RunConfig) -> Invocation:
    """Return the command that a file gives for a component, with what was typed behind."""
    return _invocation(tuple(word.text for word in config.command), words, config)


def _invocation(program: tuple[str, ...], words: ServeArguments, config: RunConfig) -> Invocation:
    typed = {word.partition("=")[0] for word in (*words.rest, *words.extra)}
    kept: list[str] = []
    notes: list[Note] = []
    for option in config.options:
        rendered = plain_words(option)
        if rendered and rendered[0].partition("=")[0] in typed:
            notes.append(Note(f"{option.key} left out: the command line sets it", at=option))
        else:
            kept += rendered
    args = tuple(word.text for word in config.args)
    return Invocation(
        program=program,
        words=(*args, *kept, *words.rest, *words.extra),
        notes=tuple(notes),
    )


def _refuse_wiring(component: Setting, wiring: Wiring) -> None:
    settings = {
        "in=": wiring.input,
        "out=": wiring.output,
        "task": wiring.task,
        "model": wiring.model,
    }
    for name, setting in settings.items():
        if setting is not None:
            raise UsageError(
                f"{name} means nothing to {component.text}, a module of your own; "
                "pass it under options:, or after --",
                at=setting,
            )
