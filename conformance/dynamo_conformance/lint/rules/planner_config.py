"""The planner reads one config, and ends over a value that it does not know.

`dynamo.planner` takes `--config`: a JSON object, or a file of JSON or YAML. A wrong value ends it
at start, whatever else the graph does. A field that it does not know is passed over without a word,
so a misspelt one leaves the default in place.

Fix: write the field or the value that the message names.

PASS:
    args: [--config, '{"mode":"disagg","optimization_target":"throughput"}']

FAIL:
    args: [--config, '{"mode":"disaggregated","optimisation_target":"throughput"}']
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.engines import planner
from dynamo_conformance.lint.engine_settings import planner_configs
from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.rule import Problem, capped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.lint.rule import Subject

SEVERITY = Severity.ERROR


def check(subject: Subject) -> Iterator[Problem]:
    """Yield what each planner refuses of its config, or passes over."""
    for settings in subject.settings:
        most = capped(settings.part)
        for entries, mark in planner_configs((settings,)):
            if isinstance(entries, str):
                yield Problem(mark, f"--config: {entries}", severity=most)
                continue
            for fault in planner.faults(entries, release=str(settings.part.release.known)):
                severity = SEVERITY if fault.ends else Severity.WARNING
                yield Problem(mark, f"--config: {fault.message}", severity=most or severity)
