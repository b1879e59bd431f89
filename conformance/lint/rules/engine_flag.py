"""A flag that the engine's release does not have ends the container at start.

The command line is parsed with the flags of Dynamo 1.6.1, through shells too. For an image of
another minor release it is a warning: the flags of that one are not known here.

Mend: write the flag that the message names. A flag of an earlier release, of an engine's own server
or of another module is answered by what it means; only any other one by how it is spelt.

PASS:
    args: [--model, Qwen/Qwen3-0.6B, --disaggregation-mode, prefill]

FAIL:
    args: [--model, Qwen/Qwen3-0.6B, --is-prefill-worker]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.engines import catalog
from conformance.lint.finding import Severity
from conformance.lint.image import other_release
from conformance.lint.rule import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.lint.rule import Subject

ID = "engine-flag"
SEVERITY = Severity.ERROR


def check(subject: Subject) -> Iterator[Problem]:
    """Yield each word that the module would refuse."""
    for part in subject.parts:
        command = part.command
        if command is None or command.module not in catalog.modules():
            continue
        known = catalog.load(command.module)
        other = other_release(part.component)
        for fault in known.faults(command.texts, lenient=True):
            at = command.words[fault.index] if fault.index < len(command.words) else command.at
            message = f"{command.module} {known.release}: {fault.advice}"
            if other is None:
                yield Problem(at.mark, message)
            else:
                text = f"{message}; the image is {other}, and only {known.release} is known here"
                yield Problem(at.mark, text, severity=Severity.WARNING)
