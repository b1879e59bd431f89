"""A variable that stands for a flag takes the values that the flag takes.

Most flags of Dynamo's modules have a variable that gives their default. Its text is read by the
flag's own type: `DYN_MIGRATION_LIMIT: many` ends the frontend at start. A word that the flag would
refuse is not refused as a variable: some modules end later, others go on and do something else than
was meant. And a switch is off for every word but `true`, `1`, `yes` and `on`.

Values that come from elsewhere (`valueFrom`), that are filled in, or that a script sets again are
not judged.

Fix: write a value that the flag takes; the message names the flag.

PASS:
    env: [{name: DYN_TOOL_CALL_PARSER, value: hermes}]

FAIL:
    env: [{name: DYN_TOOL_CALL_PARSER, value: hermes2}]
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from dynamo_conformance.engines import catalog
from dynamo_conformance.engines.arguments import switches_on
from dynamo_conformance.engines.commandline import argv
from dynamo_conformance.engines.flag_values import variable_refusal
from dynamo_conformance.engines.parsing import unexpanded
from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.rule import Problem, capped
from dynamo_conformance.manifest.suggest import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dynamo_conformance.engines.flag import Flag
    from dynamo_conformance.lint.engine_settings import EngineSettings
    from dynamo_conformance.lint.rule import Subject
    from dynamo_conformance.manifest.node import Mark

SEVERITY = Severity.ERROR

_OFF = ("", "false", "0", "no", "off", "n", "f", "none", "null", "disabled")


def check(subject: Subject) -> Iterator[Problem]:
    """Yield each variable whose value its flag does not take."""
    seen: set[Mark] = set()
    for settings in subject.settings:
        part = settings.part
        if part.arguments is None:
            continue
        known = _by_variable(part.arguments.module, str(part.release.known))
        for flag in (
            flag for name in sorted(known.keys() & settings.variables) for flag in known[name]
        ):
            for problem in _values(settings, flag):
                if problem.mark not in seen:
                    seen.add(problem.mark)
                    yield replace(problem, severity=capped(part) or problem.severity)


@cache
def _by_variable(module: str, release: str) -> Mapping[str, tuple[Flag, ...]]:
    """Return the flags of a module of a release by the variables that give them."""
    flags: dict[str, tuple[Flag, ...]] = {}
    for flag in catalog.load(module, release=release).flags:
        for name in (flag.env, *flag.older_env):
            if name is not None:
                flags[name] = (*flags.get(name, ()), flag)
    return flags


def _values(settings: EngineSettings, flag: Flag) -> Iterator[Problem]:
    main = settings.part.component.main
    for name in (flag.env, *flag.older_env):
        variable = settings.environment(name) if name is not None else None
        if variable is None or variable.value is None or unexpanded(variable.value):
            continue
        words = argv(settings.part.component, main) if main is not None else ()
        if any(f"{name}=" in word.text for word in words):
            continue
        if flag.takes == "none":
            yield from _switch(flag, variable.name, variable.value, variable.mark)
        else:
            given = settings.part.arguments is not None and settings.part.arguments.explicit(
                flag.dest
            )
            yield from _value(flag, variable.name, variable.value, variable.mark, given=given)


def _switch(flag: Flag, name: str, text: str, mark: Mark) -> Iterator[Problem]:
    # Without a default, any text is taken for yes; what was meant cannot be told.
    if flag.default is None or switches_on(text) or text.strip().lower() in _OFF:
        return
    message = f'{name} "{text}" leaves {flag.names[0]} off; write true or false'
    yield Problem(mark, message, severity=Severity.WARNING)


def _value(flag: Flag, name: str, text: str, mark: Mark, *, given: bool) -> Iterator[Problem]:
    is_list = isinstance(flag.default, list) or flag.takes in ("many", "at-least-one")
    if not text and flag.type == "str":
        return  # As good as not set.
    for word in text.split() if is_list else (text,):
        why = variable_refusal(flag, word)
        if why is None:
            continue
        choices = tuple(str(choice) for choice in flag.choices or ())
        if not choices:
            yield Problem(mark, f"{name} is read as {flag.names[0]} is: {why}")
        elif not given:  # The flag on the command line counts, and this text is never looked at.
            advice = did_you_mean(word, choices) or f"; known are {', '.join(choices)}"
            is_case = word.lower() in choices
            yield Problem(
                mark,
                f'{name}: {flag.names[0]} has no "{word}"{advice}',
                severity=Severity.WARNING if is_case else None,
            )
