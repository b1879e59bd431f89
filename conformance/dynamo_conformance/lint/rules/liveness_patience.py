"""A liveness probe that gives up within seconds ends a worker that is only busy.

A long prompt, a captured graph or a full GPU can hold an answer up for some seconds, most of all
under load: the container is then restarted with every request in it, the load goes to the others,
and they are next. Kubernetes waits through `failureThreshold` failures, `periodSeconds` apart, each
after `timeoutSeconds`; its own defaults (3, 10 and 1) make 21 seconds, the operator's of later
releases (3, 5 and 4) make 14. Less than 10 seconds is taken for a slip.

Fix: raise `failureThreshold` or `timeoutSeconds`.

PASS:
    livenessProbe:
      httpGet: {path: /live, port: system}
      periodSeconds: 10
      timeoutSeconds: 5
      failureThreshold: 6

FAIL:
    livenessProbe:
      httpGet: {path: /live, port: system}
      periodSeconds: 5
      timeoutSeconds: 1
      failureThreshold: 1
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.engines.serving import WORKER_ROLES
from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.rule import Problem
from dynamo_conformance.lint.rules.pod_probe import LIVENESS
from dynamo_conformance.manifest.fields import mark_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.lint.rule import Subject
    from dynamo_conformance.manifest.node import Mapping

SEVERITY = Severity.WARNING

_SHORTEST = 10
"""Seconds without an answer that a busy worker may well need."""

_DEFAULTS = {"failureThreshold": 3, "periodSeconds": 10, "timeoutSeconds": 1}
"""What Kubernetes takes for a number that is not written, or is 0."""


def check(subject: Subject) -> Iterator[Problem]:
    """Yield each liveness probe that ends a worker after one slow answer, or a few quick ones."""
    for part in subject.parts:
        main = part.component.main
        probe = main.node.mapping(LIVENESS) if main is not None else None
        if probe is None or not (part.component.is_worker or part.role in WORKER_ROLES):
            continue
        seconds = _patience(probe)
        if 0 < seconds < _SHORTEST:
            mark = next((mark_of(probe, key) for key in _DEFAULTS if probe.get(key)), probe.mark)
            message = f"livenessProbe ends the worker after {seconds} s without an answer"
            advice = "which a busy worker may need; raise failureThreshold or timeoutSeconds"
            yield Problem(mark, f"{message}, {advice}")


def _patience(probe: Mapping) -> int:
    failures, period, timeout = (
        probe.integer(key) or default for key, default in _DEFAULTS.items()
    )
    return (failures - 1) * period + timeout
