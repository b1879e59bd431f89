"""What is said while examples run in a cluster."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from conformance.fleet import tell_ends
from conformance.probes.probe import Unsupported
from conformance.schedule import Job, Room, Schedule, Stop
from conformance.targets.target import DeployFailure

if TYPE_CHECKING:
    from collections.abc import Callable

    Record = Callable[[str, BaseException | None], None]

CHECKS = ("ready", "chat", "lora")


def passing(record: Record) -> None:
    record("ready", None)
    record("chat", None)
    record("lora", Unsupported("the mock engine loads no adapter"))


def unready(_record: Record) -> None:
    raise DeployFailure("the image cannot be pulled")


def silent(record: Record) -> None:
    record("ready", None)
    record("chat", ValueError("no text"))
    record("lora", None)


def told(*jobs: Job, ended: bool = False) -> list[str]:
    """Return the lines of a run, its seconds as N; `ended` is one that Ctrl-C ends at once."""
    lines: list[str] = []
    stop = Stop()
    if ended:
        stop.set()
    tell_ends(jobs, progress=lines.append)
    with Schedule(jobs, room=Room(pods=1, starting=1), stop=stop):
        for job in jobs:
            for check in job.checks:
                job.results[check].exception(timeout=5)
    return [re.sub(r"\d+\.\d s", "N s", line) for line in lines]


def test_each_example_is_told_once_its_checks_are_over() -> None:
    assert told(Job("agg", 1, CHECKS, passing), Job("disagg", 1, CHECKS, unready)) == [
        "1 of 2 examples: agg passed in N s",
        "2 of 2 examples: disagg failed: ready chat lora",
    ]


def test_what_failed_is_named() -> None:
    assert told(Job("agg", 1, CHECKS, silent)) == ["1 of 1 examples: agg failed: chat in N s"]


def test_what_was_not_run_is_not_told() -> None:
    assert told(Job("agg", 1, CHECKS, passing), ended=True) == []
