"""A flag that the engine's release does not have ends the container at start.

The command line is parsed with the flags of Dynamo 1.6.1, through shells too. The flags of another
minor release are not known here: an image of one gives one warning that says so, and no rule judges
its flags, modules, roles and variables.

Fix: write the flag that the message names. A flag of an earlier release, of an engine's own server
or of another module is answered by what it means; only any other one by how it is spelt.

PASS:
    args: [--model, Qwen/Qwen3-0.6B, --disaggregation-mode, prefill]

FAIL:
    args: [--model, Qwen/Qwen3-0.6B, --is-prefill-worker]
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dynamo_conformance.engines import catalog
from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.image_reference import other_release
from dynamo_conformance.lint.rule import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.lint.rule import Subject

SEVERITY = Severity.ERROR

_SEVERAL = re.compile(r"--?[\w.-]+\s+\S")
"""A flag and its value in one word."""


def check(subject: Subject) -> Iterator[Problem]:
    """Yield each word that the module would refuse, and a release that is not known here."""
    yield from _unknown_release(subject)
    for part in subject.parts:
        command = part.command
        if command is None or command.module not in catalog.modules():
            continue
        known = catalog.load(command.module)
        for fault in known.faults(command.texts, lenient=True):
            if command.is_certain(fault.index):
                at = command.words[fault.index] if fault.index < len(command.words) else command.at
                advice = fault.advice
                if not command.through_shell and _SEVERAL.match(at.text):
                    advice += "; no shell splits it, write each word as an item of its own"
                yield Problem(at.mark, f"{command.module} {known.release}: {advice}")


def _unknown_release(subject: Subject) -> Iterator[Problem]:
    """Yield the first component of a release whose flags are not known."""
    for part in subject.read_parts:
        release = other_release(part.component)
        main, command = part.component.main, part.command
        if release is None or main is None or command is None:
            continue
        if command.module in catalog.modules():
            image = main.node.get("image")
            mark = image.mark if image is not None else part.component.mark
            message = f'component "{part.component.name}" runs Dynamo {release}, and only'
            what = "flags, roles and variables of its components are not checked"
            text = f"{message} {catalog.RELEASE} is known here; {what}"
            yield Problem(mark, text, severity=Severity.WARNING)
            return
