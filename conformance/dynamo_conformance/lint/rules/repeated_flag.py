"""A flag that takes one value and is given twice keeps the last.

The parsers of all modules replace the first value without a word, so whichever of the two was meant
may not be the one that counts. Both spellings of a flag are one flag.

Fix: keep one of the two.

PASS:
    args: [--model, Qwen/Qwen3-0.6B, --max-model-len, "4096"]

FAIL:
    args: [--model, Qwen/Qwen3-0.6B, --max-model-len, "4096", --max-model-len, "8192"]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.engines.parsing import unexpanded
from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.rule import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.engines.arguments import Given
    from dynamo_conformance.lint.rule import Subject

SEVERITY = Severity.WARNING


def check(subject: Subject) -> Iterator[Problem]:
    """Yield each use of a flag that undoes the one before."""
    for settings in subject.settings:
        arguments = settings.part.arguments
        given = arguments.given if arguments is not None else ()
        last: dict[tuple[int, str], Given] = {}
        for use in given:
            before = last.get((use.flag.stage, use.flag.dest))
            # A flag beside a config file is how an entry of the file is changed.
            if before is not None and not settings.file_of(before) and _differ(before, use):
                yield Problem(settings.use_mark(use), _message(before, use))
            last[use.flag.stage, use.flag.dest] = use


def _differ(before: Given, use: Given) -> bool:
    """Whether a second use is sure to replace another value."""
    if use.flag.repeatable or use.flag.takes in ("many", "at-least-one"):
        return False
    return before.value != use.value and not any(map(unexpanded, before.values + use.values))


def _message(before: Given, use: Given) -> str:
    if use.flag.takes == "none":
        return f"{use.spelling} undoes {before.spelling}; keep one of them"
    first, second = (f"{given.spelling} {given.value}" for given in (before, use))
    return f"{second} replaces {first}, the last one counts; keep one of them"
