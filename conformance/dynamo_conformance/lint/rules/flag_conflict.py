"""Settings that a module refuses together end the container at start.

Each flag is right by itself, so the parser takes them; then the module's own checks find that they
exclude each other, that one needs another, or that a number is out of its range. What Dynamo 1.6.1
checks in its own sources is known here, the flags' variables included; what the engines check among
their own flags is not.

Fix: do what the module's own words say.

PASS:
    args: [..., --dyn-tool-call-parser, hermes]  # dynamo.sglang

FAIL:
    args: [..., --dyn-tool-call-parser, hermes, --tool-call-parser, qwen25]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.engines import conflicts
from dynamo_conformance.engines.parsing import unexpanded
from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.rule import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.engines.conflicts import FlagConflict
    from dynamo_conformance.lint.engine_settings import EngineSettings
    from dynamo_conformance.lint.rule import Subject
    from dynamo_conformance.manifest.node import Mark

SEVERITY = Severity.ERROR


def check(subject: Subject) -> Iterator[Problem]:
    """Yield each pair of settings that a module does not start with."""
    for settings in subject.studied_settings:
        arguments = settings.part.arguments
        if arguments is None:
            continue
        reported: set[str] = set()
        for refused in conflicts.refused(arguments, unknown=settings.unknown):
            if refused.message in reported or settings.hidden:
                continue
            reported.add(refused.message)
            message = f"{arguments.module} ends at start: {refused.message}"
            yield Problem(_mark(settings, refused.conflict), message)


def _mark(settings: EngineSettings, conflict: FlagConflict) -> Mark:
    """Return where the first setting of a conflict that is given was written."""
    for name in conflict.variables:
        variable = settings.environment(name)
        if variable is not None and not unexpanded(variable.value or ""):
            return variable.mark
    command = settings.part.command
    dotted = [
        word.mark
        for word in (command.words if command is not None else ())
        if conflicts.DOTTED in conflict.when and word.text.startswith(conflicts.DOTTED[:-1])
    ]
    return dotted[0] if dotted else settings.mark(*conflict.when)
