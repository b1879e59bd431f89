"""Helpers for tests of the pytest plugin: a session that serves nothing."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from dynamo_conformance.plugin import jobs
from dynamo_conformance.plugin.scheduler import Room
from dynamo_conformance.probes.graph import ServedGraph
from dynamo_conformance.probes.probe import Probe
from dynamo_conformance.targets.interface import DeployFailure, Unready
from dynamo_conformance.targets.readiness import Readiness

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pytest

    from dynamo_conformance.plugin.collect import GraphCollector
    from dynamo_conformance.plugin.jobs import GraphRun
    from dynamo_conformance.targets.interface import Change, Worker


@dataclass
class FakeDeployment:
    """A graph of which nothing runs."""

    url: str = ""
    workers: tuple[Worker, ...] = ()
    changes: tuple[Change, ...] = ()
    logs: Path = Path()
    settled_for: float | None = None
    is_held: bool = False

    def check(self) -> None:
        """Nothing is wrong."""

    def unready(self) -> Unready:
        """Nothing is known."""
        return Unready()

    def close(self) -> None:
        """Nothing is under way."""


@dataclass
class FakeSession:
    """Where nothing is served.

    Attributes:
        deployment: What each graph becomes.
        refuses: Why none comes up.
        plans: The digest of a graph's plan, by its file's name.
        deployed: The graphs that were deployed.
    """

    deployment: FakeDeployment = field(default_factory=FakeDeployment)
    room: Room = field(default_factory=lambda: Room(pods=1, starting=1))
    where: str = ""
    refuses: str = ""
    plans: dict[str, str] = field(default_factory=dict)
    deployed: list[str] = field(default_factory=list)
    starting: Callable[[], None] = lambda: None

    def plan(self, graph: GraphCollector) -> str:
        """Return the digest that the test gives."""
        return self.plans.get(graph.path.name, "")

    def size(self, _graph: GraphCollector) -> tuple[int, tuple[()]]:
        """Return that it is small."""
        return 1, ()

    def remarks(self, run: GraphRun) -> list[str]:
        """Return the digest."""
        return list(run.proof.values())

    @contextmanager
    def deploy(self, run: GraphRun) -> Iterator[FakeDeployment]:
        """Deploy nothing."""
        self.deployed.append(run.graphs[0].nodeid)
        self.starting()
        if self.refuses:
            raise DeployFailure(self.refuses)
        yield self.deployment


def fake_probe(name: str, judge: Callable[[], None] = lambda: None) -> Probe:
    """Return a probe that asks nothing."""
    return Probe(
        id=name, sentence=f"{name} is so.", source="this test", asks=(), judge=judge,
    )  # fmt: skip


def fake_session(monkeypatch: pytest.MonkeyPatch) -> FakeSession:
    """Have runs of pytest in this process use a session that serves nothing."""
    session = FakeSession()
    ready = Readiness("m", listed_after=0.0, ready_after=0.0)
    monkeypatch.setattr(jobs, "_opened", lambda *_: session)
    monkeypatch.setattr(jobs, "wait_ready", lambda *_, **__: ready)
    graph = ServedGraph(model="m", release=None, engine=None, unshown={})
    monkeypatch.setattr(jobs, "served_graph", lambda *_, **__: graph)
    return session
