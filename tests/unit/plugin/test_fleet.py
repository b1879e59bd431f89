"""What is said while examples run in a cluster."""

from __future__ import annotations

import re
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, cast

from dynamo_conformance.manifest.read import read_graphs
from dynamo_conformance.plugin import fleet
from dynamo_conformance.plugin.fleet import launched, tell_ends
from dynamo_conformance.plugin.schedule import Job, Room, Schedule, Stop
from dynamo_conformance.probes.probe import Unsupported
from dynamo_conformance.targets.interface import DeployFailure

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from dynamo_conformance.manifest.graph import Graph
    from dynamo_conformance.targets.cluster.node_fit import PodRequests

    Record = Callable[[str, BaseException | None], None]

AGG = Path(__file__).parents[3] / "examples/llm/vllm_v1/launch/k8s/agg.yaml"
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
        "2 of 2 examples: disagg failed: ready",
    ]


class Late:
    """Writes what it was told only when it is asked to, as a thread's lines are."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.written: list[str] = []

    def __call__(self, line: str) -> None:
        self.told.append(line)

    def write(self) -> None:
        self.written += self.told
        self.told.clear()


class Place:
    """A cluster that is there, and is not asked."""

    connection = None
    room = Room(pods=1, starting=1)
    needs: ClassVar[dict[Path, tuple[PodRequests, ...]]] = {AGG: ()}


class Published:
    """An example whose checks pass."""

    nodeid = "agg.yaml::kind"
    job: Job | None = None

    def __init__(self, graph: Graph) -> None:
        self.graph, self.path = graph, AGG


class Session:
    """A run of pytest that has nothing of its own."""

    config = None


def test_the_last_example_is_told_too(monkeypatch: pytest.MonkeyPatch) -> None:
    (graph,) = read_graphs(AGG)
    example, progress = Published(graph), Late()
    monkeypatch.setattr(fleet, "_selected", lambda _session: {example: []})
    monkeypatch.setattr(fleet, "open_site", lambda *_, **__: nullcontext(Place()))
    monkeypatch.setattr(fleet, "describe", lambda _connection: "")
    monkeypatch.setattr(fleet, "progress_of", lambda _config: progress)
    monkeypatch.setattr(fleet._Work, "run", lambda _work, record: record("ready", None))
    with launched(cast("pytest.Session", Session())):
        assert example.job is not None
        example.job.wait("ready")
    (line,) = progress.written
    assert line.startswith("1 of 1 examples: agg.yaml::kind passed")


def test_what_failed_is_named() -> None:
    assert told(Job("agg", 1, CHECKS, silent)) == ["1 of 1 examples: agg failed: chat in N s"]


def test_what_was_not_run_is_not_told() -> None:
    assert told(Job("agg", 1, CHECKS, passing), ended=True) == []
