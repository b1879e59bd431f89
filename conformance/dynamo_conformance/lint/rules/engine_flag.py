"""A flag that the engine's release does not have ends the container at start.

The command line is parsed with the flags of the component's own release, through shells too: the
one that the tag of its image says, or its `runtimeVersionOverride`, else `--release`, else the
newest. Where that release is not known, those of the nearest older one that is stand in, and a
warning says so; what they refuse is a warning then, as it is where the tag of somebody's own image
may be a number of its own. Of releases before the first known one no rule judges flags, modules,
roles and variables.

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

from dynamo_conformance.engines import releases
from dynamo_conformance.engines.image_release import Fit
from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.rule import Problem, capped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.lint.rule import Subject

SEVERITY = Severity.ERROR

_SEVERAL = re.compile(r"--?[\w.-]+\s+\S")
"""A flag and its value in one word."""


def check(subject: Subject) -> Iterator[Problem]:
    """Yield each word that the module would refuse, and each release that is not known here."""
    yield from _unknown_releases(subject)
    for part in subject.parts:
        command, known = part.command, part.catalog
        if command is None or known is None:
            continue
        severity = capped(part)
        for fault in known.faults(command.texts, lenient=True):
            if command.is_certain(fault.index):
                at = command.words[fault.index] if fault.index < len(command.words) else command.at
                advice = fault.advice
                if not command.through_shell and _SEVERAL.match(at.text):
                    advice += "; no shell splits it, write each word as an item of its own"
                message = f"{command.module} {known.release}: {advice}"
                yield Problem(at.mark, message, severity=severity)


def _unknown_releases(subject: Subject) -> Iterator[Problem]:
    """Yield the first component of a release that is not known."""
    for part in subject.read_parts:
        release, main = part.release, part.component.main
        if release.is_known or main is None or part.command is None or part.catalog is None:
            continue
        image = main.node.get("image")
        mark = image.mark if image is not None else part.component.mark
        runs = f'component "{part.component.name}" runs Dynamo {release.said}'
        if release.fit is Fit.NONE:
            first = releases.known()[0]
            text = f"{runs}, and nothing before {first} is known here"
            text += "; flags, roles and variables of its components are not checked"
        else:
            text = f"{runs}, which is not known here; its components are judged by {release.known}"
        yield Problem(mark, text, severity=Severity.WARNING, once=release.said)
        return
