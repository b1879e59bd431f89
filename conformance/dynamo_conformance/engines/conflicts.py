"""Conflicts: settings that a module refuses together, or refuses whatever else is given.

Parsers take such command lines; the module's own checks then end it. The file in `data` says for
each check where in the module's source it stands, and a command line that it refuses.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, NotRequired, TypedDict

from dynamo_conformance.engines import catalog
from dynamo_conformance.engines.arguments import switches_on
from dynamo_conformance.engines.releases import STUDIED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from dynamo_conformance.engines.arguments import Arguments

_DATA = Path(__file__).parent / "data"
_LARGEST_PORT = 65535
DOTTED = "--trtllm.*"
"""What stands for TensorRT-LLM's dotted flags where a setting is named."""

Test = TypedDict(
    "Test",
    {
        "given": NotRequired[bool],
        "in": NotRequired[list[str]],
        "not_in": NotRequired[list[str]],
        "below": NotRequired[int],
        "above": NotRequired[int],
        "longer": NotRequired[int],
        "unlike": NotRequired[str],
    },
)
"""What must hold of a setting, all of it; `unlike` names another setting."""


class _ConflictData(TypedDict):
    modules: list[str]
    when: dict[str, str | Test]
    variables: NotRequired[dict[str, str]]
    says: str
    how: NotRequired[str]
    source: str
    example: list[str]


class FlagConflict(NamedTuple):
    """A check of a module.

    Attributes:
        when: What must hold of each setting: `on`, `off`, `given`, `absent`, or a test.
        variables: Environment variables that must be `on`, or a `port`.
        says: What the module says, with `{setting}` for a value.
        how: How it says so: `raised` (a ValueError), `logged` before it exits with 1, or `usage`,
            which exits with 2.
        source: Where in the module's source the check stands.
        example: A command line that it refuses.
    """

    when: Mapping[str, str | Test]
    variables: Mapping[str, str]
    says: str
    how: str
    source: str
    example: tuple[str, ...]


class RefusedFlags(NamedTuple):
    """A check that a command line does not pass.

    Attributes:
        conflict: The check.
        message: What the module says.
    """

    conflict: FlagConflict
    message: str


@cache
def load(module: str, *, release: str = str(STUDIED)) -> tuple[FlagConflict, ...]:
    """Return the checks of a module, in the order in which it makes them."""
    text = (_DATA / f"conflicts-{release}.json").read_text(encoding="utf-8")
    entries: list[_ConflictData] = json.loads(text)["conflicts"]
    return tuple(
        FlagConflict(
            when=entry["when"],
            variables=entry.get("variables", {}),
            says=entry["says"],
            how=entry.get("how", "raised"),
            source=entry["source"],
            example=tuple(entry["example"]),
        )
        for entry in entries
        if module in entry["modules"]
    )


def refused(
    arguments: Arguments, *, unknown: Callable[[str], bool] = lambda _dest: False
) -> Iterator[RefusedFlags]:
    """Yield each check that the arguments do not pass.

    Args:
        arguments: The arguments, their environment included.
        unknown: Whether a setting's value is not known, so that nothing follows from it.
    """
    for conflict in _possible(arguments):
        if not all(_holds(arguments, dest, test) for dest, test in conflict.when.items()):
            continue
        if not all(_is(arguments, *variable) for variable in conflict.variables.items()):
            continue
        if not any(unknown(dest) for dest in conflict.when if dest != DOTTED):
            values = {dest: " ".join(_words(arguments, dest)) for dest in conflict.when}
            yield RefusedFlags(conflict=conflict, message=conflict.says.format_map(values))


def _possible(arguments: Arguments) -> Iterator[FlagConflict]:
    """Yield the checks that something given has to do with; most fail by no default."""
    index = _index(arguments.module)
    causes = {use.flag.dest for use in arguments.given} | arguments.env.keys()
    if arguments.dotted:
        causes.add(DOTTED)
    places = {place for cause in causes | {""} for place in index.get(cause, ())}
    conflicts = load(arguments.module)
    return (conflicts[place] for place in sorted(places))


@cache
def _index(module: str) -> Mapping[str, tuple[int, ...]]:
    """Return the places of a module's checks by the settings and variables that may cause them.

    What defaults alone can fail stands under the empty text.
    """
    settings = catalog.load(module, release=str(STUDIED)).settings
    by_dest: dict[str, tuple[int, ...]] = {}
    for place, conflict in enumerate(load(module)):
        causes = {*conflict.when, *conflict.variables}
        for flag in (flag for dest in conflict.when for flag in settings.get(dest, ())):
            causes |= {name for name in (flag.env, *flag.older_env) if name is not None}
        if all(test in ("off", "absent") for test in conflict.when.values()):
            causes.add("")
        for cause in causes:
            by_dest[cause] = (*by_dest.get(cause, ()), place)
    return by_dest


def _holds(arguments: Arguments, dest: str, test: str | Test) -> bool:
    words = _words(arguments, dest)
    on = bool(words) and words not in (("False",), ("",))
    if isinstance(test, str):
        given = _given(arguments, dest)
        return {"on": on, "off": not on, "given": given, "absent": not given}[test]
    numbers = [number for word in words if (number := _number(word)) is not None]
    return all(
        (
            "given" not in test or _given(arguments, dest) is test["given"],
            "in" not in test or any(word in test["in"] for word in words),
            "not_in" not in test or not any(word in test["not_in"] for word in words),
            "below" not in test or any(number < test["below"] for number in numbers),
            "above" not in test or any(number > test["above"] for number in numbers),
            "longer" not in test or len(words) > test["longer"],
            "unlike" not in test or _differ(words, _words(arguments, test["unlike"])),
        )
    )


def _differ(words: tuple[str, ...], others: tuple[str, ...]) -> bool:
    return bool(words) and bool(others) and words != others


def _given(arguments: Arguments, dest: str) -> bool:
    flags = arguments.settings.get(dest, ())
    names = {name for flag in flags for name in (flag.env, *flag.older_env)}
    return arguments.explicit(dest) or not names.isdisjoint(arguments.env)


def _words(arguments: Arguments, dest: str) -> tuple[str, ...]:
    if dest == DOTTED:
        return tuple(arguments.dotted)
    value = arguments.get(dest) if arguments.known(dest) else None
    if value is None:
        return ()
    return value if isinstance(value, tuple) else (str(value),)


def _number(word: str) -> float | None:
    try:
        return float(word)
    except ValueError:
        return None


def _is(arguments: Arguments, name: str, wanted: str) -> bool:
    text = arguments.env.get(name, "").strip()
    if wanted == "port":
        return text.isdecimal() and 0 < int(text) <= _LARGEST_PORT
    return switches_on(text)
