"""The graphs of one pytest run, several at once: a job for each plan, whatever the target.

options -> a session (where graphs run, and how many at once) -> a job per graph -> Scheduler

Graphs that come to the same plan are served once, and each of them is reported.
"""

from __future__ import annotations

import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, TypeAlias

import pytest

from dynamo_conformance.kube.errors import ClusterUnavailableError
from dynamo_conformance.plugin.items import READY, CheckItem, CheckOnTarget
from dynamo_conformance.plugin.progress import progress_of
from dynamo_conformance.plugin.scheduler import AbandonedError, Job, Scheduler, Stop
from dynamo_conformance.probes.graph_probe import Endpoint, NotRun, Unsupported
from dynamo_conformance.targets.interface import DeployFailure, TargetUnavailableError
from dynamo_conformance.targets.readiness import wait_ready

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from concurrent.futures import Future
    from contextlib import AbstractContextManager

    from dynamo_conformance.plugin.cluster_session import ClusterSession
    from dynamo_conformance.plugin.collect import GraphCollector
    from dynamo_conformance.plugin.machine_session import MachineDeployment, MachineSession
    from dynamo_conformance.targets.cluster.cluster_deployment import ClusterDeployment
    from dynamo_conformance.targets.interface import Change

    Session: TypeAlias = ClusterSession | MachineSession
    ServedDeployment: TypeAlias = ClusterDeployment | MachineDeployment
    Record = Callable[[str, BaseException | None], None]

EXIT_UNAVAILABLE = 3
"""pytest's own code for an error that is not the tests'."""

CLUSTERS = ("kind", "cluster")
"""The targets whose graphs run in a cluster."""


@dataclass(slots=True, eq=False)
class GraphRun:
    """One plan that is served, and what the run learns about it.

    Attributes:
        session: Where it is served.
        stop: Whether the run is to end.
        graphs: The graphs that come to this plan; the first one is deployed.
        checks: The checks to run once it is ready.
        proof: The digests of what was deployed, by what they are of.
        remarks: What a reader should know about how it came up.
        changes: What was different from the published file.
        failures: What went wrong.
        job: What carries the checks out.
    """

    session: Session
    stop: Stop
    graphs: list[GraphCollector]
    checks: tuple[CheckItem, ...]
    proof: dict[str, str] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    changes: tuple[Change, ...] = ()
    failures: list[Exception] = field(default_factory=list)
    job: Job = field(init=False)

    def __post_init__(self) -> None:
        first = self.graphs[0]
        pods, needs = self.session.size(first)
        checks = (READY, *(check.name for check in self.checks))
        self.job = Job(first.nodeid, pods, checks, self._work, needs=needs)

    def _work(self, record: Record) -> None:
        """Bring the graph up, carry out its checks, and remove it."""
        began = time.monotonic()
        self.stop.check()
        with (
            self.session.deploy(self) as deployment,
            # A request that is under way would keep a run that is to end for a minute.
            self.stop.cutting(deployment.close),
        ):
            endpoint = self._ready(deployment)
            self.changes = deployment.changes
            seconds = time.monotonic() - began
            self.remarks += [f"ready in {seconds:.1f} s", *self.session.remarks(self)]
            record(READY, None)
            for check in self.checks:
                self.stop.check()
                record(check.name, self._outcome(check, deployment, endpoint))

    def _ready(self, deployment: ServedDeployment) -> Endpoint:
        def is_held() -> bool:
            self.stop.check()
            return deployment.is_held

        graph = self.graphs[0]
        promised = graph.promised
        try:
            ready = wait_ready(
                deployment,
                model=promised.model if promised is not None else None,
                timeout=graph.config.getoption("--dynamo-timeout"),
                embeds=promised is not None and promised.embeds,
                held=is_held,
            )
            return Endpoint(
                url=deployment.url,
                model=ready.model,
                serving=promised,
                workers=deployment.workers,
            )
        except DeployFailure as failure:
            self.stop.check()
            self.failures.append(failure)
            raise

    def _outcome(
        self, check: CheckItem, deployment: ServedDeployment, endpoint: Endpoint
    ) -> Exception | None:
        """Carry out a check; return what it raised."""
        try:
            deployment.check()
            check.carry_out(deployment, endpoint)
        except Unsupported as reason:
            return reason
        except Exception as error:  # noqa: BLE001 - recorded as the outcome of the check
            self.stop.check()
            self.failures.append(error)
            return error
        return None


@contextmanager
def scheduled(session: pytest.Session) -> Iterator[None]:
    """Have the selected graphs served while the tests run; leaving ends and removes all of them.

    Raises:
        pytest.exit.Exception: The target cannot be used.
    """
    selected = _selected(session)
    if not selected:
        yield
        return
    config = session.config
    progress = progress_of(config)
    stop = Stop()
    with ExitStack() as stack:
        try:
            where = stack.enter_context(_opened(config, selected, stop))
        except (ClusterUnavailableError, TargetUnavailableError) as error:
            pytest.exit(str(error), returncode=EXIT_UNAVAILABLE)
        runs = tuple(_runs(where, stop, selected))
        if config.getoption("--dynamo-target") in CLUSTERS:
            report_ends([run.job for run in runs], progress=progress)
        # The report of the last job comes when nobody waits for a check any more.
        stack.callback(progress.write)
        jobs = [run.job for run in runs]
        on_demand = hasattr(config, "workerinput")
        stack.enter_context(Scheduler(jobs, room=where.room, stop=stop, on_demand=on_demand))
        yield


def _selected(session: pytest.Session) -> dict[GraphCollector, tuple[CheckItem, ...]]:
    """Return the graphs that are to be served, each with the checks that were selected."""
    selected: dict[GraphCollector, tuple[CheckItem, ...]] = {}
    for item in session.items:
        if isinstance(item, CheckOnTarget) and not item.target.out_of_reach:
            more = (item,) if isinstance(item, CheckItem) else ()
            selected[item.target] = (*selected.get(item.target, ()), *more)
    return selected


def _opened(
    config: pytest.Config, selected: Mapping[GraphCollector, object], stop: Stop
) -> AbstractContextManager[Session]:
    """Return the session of the target, which is made ready when it is entered."""
    progress = progress_of(config)
    if config.getoption("--dynamo-target") in CLUSTERS:
        from dynamo_conformance.plugin.cluster_session import open_cluster

        return open_cluster(config, [graph.path for graph in selected], progress=progress)
    from dynamo_conformance.plugin.machine_session import open_machine

    return open_machine(config, stop=stop, progress=progress)


def _runs(
    session: Session, stop: Stop, selected: Mapping[GraphCollector, tuple[CheckItem, ...]]
) -> Iterator[GraphRun]:
    """Yield what is to be served: one run for graphs with the same plan and checks."""
    runs: dict[object, GraphRun] = {}
    for graph, checks in selected.items():
        plan = session.plan(graph)
        timeout = graph.config.getoption("--dynamo-timeout")
        names = tuple(check.name for check in checks)
        key = (plan, repr(graph.promised), names, timeout) if plan else graph
        if key in runs:
            runs[key].graphs.append(graph)
        else:
            runs[key] = GraphRun(session, stop, [graph], checks)
            if plan:
                runs[key].proof["plan-sha256"] = plan
        graph.run = runs[key]
    yield from runs.values()


def report_ends(jobs: Sequence[Job], *, progress: Callable[[str], None]) -> None:
    """Have a line written for each graph when its checks are over.

    pytest's own lines come in the order of the files, and the first one may be the last to run.
    """
    ended = count(1)

    def report(job: Job, _last: Future[None]) -> None:
        errors = {name: result.exception() for name, result in job.results.items() if result.done()}
        if any(isinstance(error, AbandonedError) for error in errors.values()):
            return
        fine = (Unsupported, NotRun)
        failed = [name for name, error in errors.items() if error and not isinstance(error, fine)]
        outcome = f"failed: {' '.join(failed)}" if failed else "passed"
        took = f" in {max(job.took.values()):.1f} s" if job.took else ""
        progress(f"{next(ended)} of {len(jobs)} examples: {job.name} {outcome}{took}")

    for job in jobs:
        # The last check is recorded last, whatever happens.
        job.results[job.checks[-1]].add_done_callback(partial(report, job))
