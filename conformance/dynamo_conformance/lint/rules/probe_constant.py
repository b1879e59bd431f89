"""A probe that always succeeds watches nothing.

With `exit 0` a crashed worker looks healthy, is never restarted, and gets requests.

Fix: ask the server: `httpGet` of `/live` or `/health` on the port `system` (`http` for a
frontend), or leave the probe out and get the operator's own.

PASS:
    livenessProbe: {httpGet: {path: /live, port: system}}

FAIL:
    livenessProbe: {exec: {command: [/bin/sh, -c, exit 0]}}
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dynamo_conformance.engines.commandline import programs
from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.rule import Problem
from dynamo_conformance.manifest.graph import FRONTEND, words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.lint.rule import Subject
    from dynamo_conformance.manifest.graph import Word
    from dynamo_conformance.manifest.node import Mapping

SEVERITY = Severity.WARNING

_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_ALWAYS = re.compile(r"(?:/(?:usr/)?bin/)?true|:|(?:/(?:usr/)?bin/)?echo(?: .*)?")
_IN_A_SHELL = re.compile(rf"exit 0|{_ALWAYS.pattern}")


def check(subject: Subject) -> Iterator[Problem]:
    """Yield each probe whose command cannot fail."""
    for component in subject.graph.components:
        port = "http" if component.type == FRONTEND else "system"
        for container in component.containers:
            for name in _PROBES:
                command = _command(container.node.mapping(name))
                if command and _cannot_fail(command):
                    message = f"{name} always succeeds, whatever the container does"
                    path = "/health" if name == "readinessProbe" else "/live"
                    advice = f"use httpGet of {path} on port {port}, or leave it out"
                    yield Problem(command[0].mark, f"{message}; {advice}")


def _command(probe: Mapping | None) -> tuple[Word, ...]:
    run = probe.mapping("exec") if probe is not None else None
    return words(run.sequence("command")) if run is not None else ()


def _cannot_fail(command: tuple[Word, ...]) -> bool:
    """Return whether the command, or the only one that its shell is given, always succeeds."""
    started = programs(command)
    if len(started) != 1:
        return False
    through_shell = started[0] != command
    text = " ".join(word.text for word in started[0])
    return (_IN_A_SHELL if through_shell else _ALWAYS).fullmatch(text) is not None
