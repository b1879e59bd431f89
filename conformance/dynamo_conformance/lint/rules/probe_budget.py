"""A worker that is probed before its model is loaded is restarted for ever.

The operator's own startup probe gives a worker two hours (ten minutes before operator 0.6), and
holds the liveness probe back so long. An author's startup probe replaces it, and a component
without a type has none.

Fix: leave the startup probe out, or give it time: `failureThreshold` times `periodSeconds`.

PASS:
    startupProbe: {httpGet: {path: /live, port: system}, periodSeconds: 10, failureThreshold: 720}

FAIL:
    startupProbe: {httpGet: {path: /live, port: system}, periodSeconds: 5, failureThreshold: 3}
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.engines.serving import WORKER_ROLES
from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.rule import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.engines.role import Part
    from dynamo_conformance.lint.rule import Subject
    from dynamo_conformance.manifest.node import Mapping
    from dynamo_conformance.rendering.ways import Ways

SEVERITY = Severity.WARNING

_SHORTEST = 60
"""Seconds that even a small model takes to load."""

_TWO_HOURS = 120
_DELAY, _PERIOD, _FAILURES = 0, 10, 3
"""What Kubernetes takes for a number that is not written."""


def check(subject: Subject) -> Iterator[Problem]:
    """Yield each probe that restarts a worker before it can have loaded a model."""
    for part in subject.parts:
        name, probe = _first_to_restart(part)
        if probe is None:
            continue
        seconds = _budget(probe)
        if seconds < _SHORTEST:
            message = f"{name} restarts the worker after {seconds} s, while its model still loads"
            yield Problem(probe.mark, f"{message}; {_advice(part, subject)}")


def _first_to_restart(part: Part) -> tuple[str, Mapping | None]:
    """Return the author's probe that decides how long a start may take."""
    main = part.component.main
    if main is None or not (part.component.is_worker or part.role in WORKER_ROLES):
        return "", None
    startup = main.node.mapping("startupProbe")
    if startup is not None:
        return "startupProbe", startup
    if part.component.is_worker:
        return "", None  # The operator's startup probe holds the liveness probe back.
    return "livenessProbe", main.node.mapping("livenessProbe")


def _advice(part: Part, subject: Subject) -> str:
    if part.component.is_worker:
        patience = _patience(subject.ways)
        return f"leave it out, and the operator's own waits {patience}, or raise failureThreshold"
    return (
        f"give the component its {subject.words.type_field}, and the operator adds a startup probe"
    )


def _patience(ways: Ways) -> str:
    minutes = ways.startup_failures * _PERIOD // 60
    return "two hours" if minutes == _TWO_HOURS else f"{minutes} minutes"


def _budget(probe: Mapping) -> int:
    return _number(probe, "initialDelaySeconds", _DELAY) + _number(
        probe, "failureThreshold", _FAILURES
    ) * _number(probe, "periodSeconds", _PERIOD)


def _number(probe: Mapping, name: str, default: int) -> int:
    return probe.integer(name) or default
