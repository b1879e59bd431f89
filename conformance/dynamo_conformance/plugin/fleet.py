"""The examples of one pytest run that run in a cluster, several of them at once.

options -> Site (a cluster, and what it lacks) -> a job per example -> Schedule
"""

from __future__ import annotations

import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.kube.errors import ClusterUnavailableError
from dynamo_conformance.plugin.cluster_session import open_site
from dynamo_conformance.plugin.collect import (
    EXIT_UNAVAILABLE,
    READY,
    GraphInCluster,
    ProbeItem,
    ReadyItem,
)
from dynamo_conformance.plugin.progress import progress_of
from dynamo_conformance.plugin.schedule import AbandonedError, Job, Schedule, Stop
from dynamo_conformance.probes.probe import Endpoint, NotRun, Unsupported
from dynamo_conformance.targets.cluster.capabilities import describe
from dynamo_conformance.targets.interface import DeployFailure, TargetUnavailableError
from dynamo_conformance.targets.readiness import wait_ready

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Future
    from pathlib import Path

    from dynamo_conformance.plugin.cluster_session import Site
    from dynamo_conformance.probes.probe import Probe
    from dynamo_conformance.targets.cluster.cluster_deployment import ClusterDeployment
    from dynamo_conformance.targets.interface import Change, Worker

    Record = Callable[[str, BaseException | None], None]


@contextmanager
def launched(session: pytest.Session) -> Iterator[None]:
    """Bring the selected examples up while the tests run; leaving ends and removes all of them.

    Raises:
        pytest.exit.Exception: There is no cluster, or it lacks something that everything needs.
    """
    selected = _selected(session)
    if not selected:
        yield
        return
    progress = progress_of(session.config)
    stop = Stop()
    with ExitStack() as stack:
        try:
            files = {example.path: example.graph for example in selected}
            site = stack.enter_context(open_site(session.config, files, progress=progress))
        except (ClusterUnavailableError, TargetUnavailableError) as error:
            pytest.exit(str(error), returncode=EXIT_UNAVAILABLE)
        jobs = []
        where = describe(site.connection)
        for example, probes in selected.items():
            example.where = where
            example.job = _Work(example, probes, site, stop).job()
            jobs.append(example.job)
        tell_ends(jobs, progress=progress)
        # What is told of the last one comes when nobody waits for a check any more.
        stack.callback(progress.write)
        stack.enter_context(Schedule(jobs, room=site.room, stop=stop))
        yield


def tell_ends(jobs: Sequence[Job], *, progress: Callable[[str], None]) -> None:
    """Have a line written for each example when its checks are over.

    pytest's own lines come in the order of the files, and the first one may be the last to run.
    """
    ended = count(1)

    def tell(job: Job, _last: Future[None]) -> None:
        errors = {name: one.exception() for name, one in job.results.items() if one.done()}
        if any(isinstance(one, AbandonedError) for one in errors.values()):
            return
        fine = (Unsupported, NotRun)
        failed = [name for name, one in errors.items() if one and not isinstance(one, fine)]
        outcome = f"failed: {' '.join(failed)}" if failed else "passed"
        took = f" in {max(job.took.values()):.1f} s" if job.took else ""
        progress(f"{next(ended)} of {len(jobs)} examples: {job.name} {outcome}{took}")

    for job in jobs:
        # The last check is recorded last, whatever happens.
        job.results[job.checks[-1]].add_done_callback(partial(tell, job))


def _selected(session: pytest.Session) -> dict[GraphInCluster, list[Probe]]:
    """Return the examples that are to run, each with the probes that were selected."""
    found: dict[GraphInCluster, list[Probe]] = {}
    for item in session.items:
        if isinstance(item, ReadyItem | ProbeItem) and isinstance(item.target, GraphInCluster):
            probes = found.setdefault(item.target, [])
            if isinstance(item, ProbeItem):
                probes.append(item.probe)
    return found


@dataclass(frozen=True, slots=True)
class _Work:
    """What is done with one example."""

    example: GraphInCluster
    probes: list[Probe]
    site: Site
    stop: Stop

    def job(self) -> Job:
        """Return it as a job."""
        pods = sum(one.replicas * one.node_count for one in self.example.graph.components)
        checks = (READY, *(probe.id for probe in self.probes))
        return Job(
            self.example.nodeid, pods, checks, self.run, needs=self.site.needs[self.example.path]
        )

    def run(self, record: Record) -> None:
        """Bring the example up, carry out its checks, and remove it."""
        began = time.monotonic()
        example = self.example
        self.stop.check()
        lacks = self.site.lacks(example.path)
        if lacks:
            raise DeployFailure("the cluster lacks what this example needs", cause="\n".join(lacks))
        target = self.site.target(example.path)
        with (
            target.deploy(
                example.graph, file=example.path, artifacts=example.artifacts
            ) as deployment,
            # A request that is under way would keep a run that is to end for a minute.
            self.stop.cutting(deployment.close),
        ):
            example.sha256 = deployment.sha256
            self._check(deployment, record, began)

    def _check(self, deployment: ClusterDeployment, record: Record, began: float) -> None:
        example = self.example
        watched = _Stoppable(deployment, self.stop)
        try:
            ready = wait_ready(
                watched,
                model=example.promised.model if example.promised is not None else None,
                timeout=example.config.getoption("--dynamo-timeout"),
                embeds=example.promised is not None and example.promised.embeds,
                held=lambda: deployment.is_held,
            )
        except DeployFailure as failure:
            deployment.failed(failure)
            raise
        example.changes = deployment.changes
        example.remarks += [
            f"ready in {time.monotonic() - began:.1f} s",
            f"sha256 {deployment.sha256}",
            *_by_component(deployment.changes),
        ]
        record(READY, None)
        endpoint = Endpoint(
            url=deployment.url,
            model=ready.model,
            serving=example.promised,
            workers=deployment.workers,
        )
        for probe in self.probes:
            self.stop.check()
            self._probe(probe, endpoint, deployment, record)

    def _probe(
        self, probe: Probe, endpoint: Endpoint, deployment: ClusterDeployment, record: Record
    ) -> None:
        try:
            deployment.check()
            probe.run(endpoint)
        except Unsupported as reason:
            record(probe.id, reason)
        except Exception as error:  # noqa: BLE001 - recorded as the outcome of the check
            deployment.failed(error)
            record(probe.id, error)
        else:
            record(probe.id, None)


def _by_component(changes: tuple[Change, ...]) -> list[str]:
    """Return what is different in the pods, a line for each component."""
    found: dict[str, list[str]] = {}
    for one in changes:
        found.setdefault(one.where, []).append(one.what.removeprefix("resources."))
    return [f"{where}: {', '.join(what)}" for where, what in found.items()]


class _Stoppable:
    """A deployment that is given up when the run is to end."""

    def __init__(self, deployment: ClusterDeployment, stop: Stop) -> None:
        self._deployment = deployment
        self._stop = stop

    @property
    def url(self) -> str:
        return self._deployment.url

    @property
    def workers(self) -> tuple[Worker, ...]:
        return self._deployment.workers

    @property
    def changes(self) -> tuple[Change, ...]:
        return self._deployment.changes

    @property
    def logs(self) -> Path:
        return self._deployment.logs

    @property
    def settled_for(self) -> float | None:
        return self._deployment.settled_for

    def check(self) -> None:
        self._stop.check()
        self._deployment.check()
