"""The component's own words on the command line: its flags, and a MODEL between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dynamo_launch.config.run_config import Setting
from dynamo_launch.config.wiring import refuse_near_side
from dynamo_launch.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dynamo_conformance.engines.catalog import Arguments, Given
    from dynamo_launch.serve.component_program import ComponentProgram
    from dynamo_launch.serve.serve_arguments import ServeArguments


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentArguments:
    """What was typed for the component.

    Attributes:
        model: The MODEL between the flags, or None.
        words: The flags and their values, in order.
        dests: What they set, with the spelling that sets it; words after `--` included.
    """

    model: str | None
    words: tuple[str, ...]
    dests: Mapping[str, str]


def read_command_line(
    program: ComponentProgram, words: ServeArguments, *, has_model: bool
) -> ComponentArguments:
    """Return what was typed, checked against the component's flags.

    Args:
        program: The component.
        words: What was typed, without a NAME.
        has_model: Whether file or environment name a model.

    Raises:
        UsageError: A flag is unknown, a value is wrong, or two words stand where a MODEL would.
    """
    rest = tuple(program.translated(word) for word in words.rest)
    program.check(rest)
    arguments = program.catalog.parse_leniently(rest)
    loose = _loose(rest, arguments)
    for at in loose:
        if not rest[at]:
            raise UsageError("MODEL is empty; give it a value or leave it out")
        refuse_near_side(Setting(rest[at]))
    if len(loose) > 1:
        first, second = rest[loose[0]], rest[loose[1]]
        raise UsageError(f'two models, "{first}" and "{second}"; keep one of them')
    # ServeArguments after `--` are not checked, only looked through for what they set.
    extra = program.catalog.parse_leniently(words.extra)
    dests = {given.flag.dest: given.spelling for given in (*arguments.given, *extra.given)}
    if not loose and not has_model and program.model_dest not in dests:
        _refuse_swallowed(arguments)
    return ComponentArguments(
        model=rest[loose[0]] if loose else None,
        words=tuple(word for at, word in enumerate(rest) if at not in loose),
        dests=dests,
    )


def _loose(words: Sequence[str], arguments: Arguments) -> list[int]:
    """Return which words belong to no flag, counted from 0."""
    eaten: dict[int, int] = {}
    for given in arguments.given:
        eaten[given.index] = max(eaten.get(given.index, 0), _eaten(words[given.index :], given))
    loose: list[int] = []
    at = 0
    while at < len(words):
        word = words[at]
        if not word.startswith("-"):
            loose.append(at)
            at += 1
            continue
        at += 1
        if at - 1 in eaten:
            at += eaten[at - 1]
        elif "=" not in word and at < len(words) and not words[at].startswith("-"):
            at += 1  # A flag that goes on to a parser not known here takes one word.
    return loose


def _eaten(words: Sequence[str], given: Given) -> int:
    """Return how many words after the first belong to it.

    A value may hang on the flag (`--x=3`, `-O3`), and of vLLM's dotted flags (`--x.y 3`) the
    catalog says only what they are merged into.
    """
    if "=" in words[0]:
        return 0
    if "." in words[0]:
        return 1
    count = len(given.values)
    return count if tuple(words[1 : 1 + count]) == given.values else 0


def _refuse_swallowed(arguments: Arguments) -> None:
    """Refuse a MODEL that a flag before it took for one of its own words."""
    for given in arguments.given:
        if given.flag.takes in ("many", "at-least-one") and len(given.values) > 1:
            raise UsageError(
                f'{given.spelling} takes every word up to the next flag, "{given.values[-1]}" '
                "too, and no MODEL is left; put MODEL before it"
            )
