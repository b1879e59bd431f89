"""A flag that the engine's release does not have ends the container at start.

The command line is parsed with the flags of Dynamo 1.6.1, through shells too. For an image of
another minor release it is a warning: the flags of that one are not known here.

Mend: write the flag that the message names; a removed flag is answered with what replaced it.

PASS:
    args: [--model, Qwen/Qwen3-0.6B, --disaggregation-mode, prefill]

FAIL:
    args: [--model, Qwen/Qwen3-0.6B, --is-prefill-worker]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.engines import catalog
from conformance.lint.finding import Severity
from conformance.lint.rule import Problem
from conformance.manifest.release import runtime_version

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.lint.rule import Subject
    from conformance.manifest.graph import Component

ID = "engine-flag"
SEVERITY = Severity.ERROR


def _other_release(component: Component, release: str) -> str | None:
    """Return the release of the component's image, when it is known and another one."""
    image = component.main.image if component.main is not None else None
    told = component.node.string("runtimeVersionOverride") or runtime_version(image or "")
    same = told is None or told.split(".")[:2] == release.split(".")[:2]
    return None if same else told


def check(subject: Subject) -> Iterator[Problem]:
    """Yield each word that the module would refuse."""
    for part in subject.parts:
        command = part.command
        if command is None or command.module not in catalog.modules():
            continue
        known = catalog.load(command.module)
        other = _other_release(part.component, known.release)
        for fault in known.faults(command.texts, lenient=True):
            at = command.words[fault.index] if fault.index < len(command.words) else command.at
            message = f"{command.module} {known.release}: {fault.advice}"
            if other is None:
                yield Problem(at.mark, message)
            else:
                text = f"{message}; the image is {other}, and only {known.release} is known here"
                yield Problem(at.mark, text, severity=Severity.WARNING)
