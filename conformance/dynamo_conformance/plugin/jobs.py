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

from dynamo_conformance.engines.features import GraphFeature
from dynamo_conformance.kube.errors import ClusterUnavailableError
from dynamo_conformance.plugin.address_session import AddressSession, open_address
from dynamo_conformance.plugin.items import (
    EXCHANGES,
    READY,
    CheckFailure,
    CheckOnTarget,
    InterruptItem,
    Judged,
    ProbeItem,
    ReadyItem,
)
from dynamo_conformance.plugin.options import CLUSTERS, URL, engine_of, profile_of, timeout
from dynamo_conformance.plugin.progress import progress_of
from dynamo_conformance.plugin.recorder import engines_of
from dynamo_conformance.plugin.scheduler import AbandonedError, Job, Scheduler, Stop
from dynamo_conformance.plugin.summary import named
from dynamo_conformance.probes.exchange import CannotShow, Unjudged
from dynamo_conformance.probes.graph import ELSEWHERE, served_graph
from dynamo_conformance.probes.probe import Outcome
from dynamo_conformance.probes.recorder import Address, Recorder
from dynamo_conformance.probes.run import Judge, keep_exchanges
from dynamo_conformance.targets import CPU, MOCK
from dynamo_conformance.targets.interface import DeployFailure, TargetUnavailableError
from dynamo_conformance.targets.readiness import wait_healthy, wait_ready, wait_registered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from concurrent.futures import Future

    from dynamo_conformance.plugin.address_session import AddressDeployment
    from dynamo_conformance.plugin.cluster_session import ClusterSession
    from dynamo_conformance.plugin.collect import GraphCollector
    from dynamo_conformance.plugin.existing_session import ExistingSession
    from dynamo_conformance.plugin.machine_session import MachineDeployment, MachineSession
    from dynamo_conformance.probes.exchange import JsonObject
    from dynamo_conformance.targets.cluster.cluster_deployment import ClusterDeployment
    from dynamo_conformance.targets.interface import Change, Hand, Worker
    from dynamo_conformance.targets.local.deployment import LocalDeployment

    Session: TypeAlias = AddressSession | ClusterSession | ExistingSession | MachineSession
    ServedDeployment: TypeAlias = AddressDeployment | ClusterDeployment | MachineDeployment
    Record = Callable[[str, BaseException | Judged | None], None]

ALIVE_SECONDS = 0.1
"""How often it is looked whether a component has died while probes are judged."""

EXIT_UNAVAILABLE = 3
"""pytest's own code for an error that is not the tests'."""


@dataclass(slots=True, eq=False)
class GraphRun:
    """One plan that is served, and what the run learns about it.

    Attributes:
        session: Where it is served.
        stop: Whether the run is to end.
        graphs: The graphs that come to this plan; the first one is deployed.
        checks: The checks to run once it is ready.
        proof: The digests of what was deployed, by what they are of.
        served: What was found out of what answers: model, release, engine, and the address where
            nothing was started.
        remarks: What a reader should know about how it came up.
        changes: What was different from the published file.
        failures: What went wrong.
        job: What carries the checks out.
    """

    session: Session
    stop: Stop
    graphs: list[GraphCollector]
    checks: tuple[CheckOnTarget, ...]
    proof: dict[str, str] = field(default_factory=dict)
    served: JsonObject = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    changes: tuple[Change, ...] = ()
    failures: list[Exception] = field(default_factory=list)
    job: Job = field(init=False)

    def __post_init__(self) -> None:
        first = self.graphs[0]
        pods, needs = self.session.size(first)
        checks = (READY, *(check.name for check in self.checks))
        self.job = Job(
            first.nodeid,
            pods,
            checks,
            self._work,
            needs=needs,
            # Of somebody's own server nothing is to be removed; its last answer may take long.
            cleans_up=not isinstance(self.session, AddressSession),
        )

    def _work(self, record: Record) -> None:
        """Bring the graph up, carry out its checks, and remove it."""
        began = time.monotonic()
        self.stop.check()
        with (
            self.session.deploy(self) as deployment,
            # A request that is under way would keep a run that is to end for a minute.
            self.stop.cutting(deployment.close),
        ):
            address = self._ready(deployment)
            self.changes = deployment.changes
            seconds = time.monotonic() - began
            self.remarks += [f"ready in {seconds:.1f} s", *self.session.remarks(self)]
            record(READY, None)
            hand = self._hand(deployment, address)
            with Recorder(address, workers=deployment.workers, hand=hand) as recorder:
                self._carry_out(deployment, recorder, record)

    def _carry_out(self, deployment: ServedDeployment, recorder: Recorder, record: Record) -> None:
        judge: Judge | None = None
        looked = 0.0
        for check in self.checks:
            self.stop.check()
            # Hundreds of probes are judged in a second.
            if time.monotonic() - looked > ALIVE_SECONDS:
                self._check_alive(deployment)
                looked = time.monotonic()
            if isinstance(check, InterruptItem):
                record(check.name, self._raised(partial(check.carry_out, deployment)))
            elif isinstance(check, ProbeItem):
                judge = judge or self._judge(recorder)
                record(check.name, self._judged(check, judge))

    def _ready(self, deployment: ServedDeployment) -> Address:
        """Return where the graph answers, once it does."""

        def is_held() -> bool:
            self.stop.check()
            return deployment.is_held

        graph = self.graphs[0]
        promised = graph.promised
        request_timeout: float = graph.config.getoption("--dynamo-request-timeout")
        try:
            if isinstance(self.session, AddressSession):
                return self.session.ready(promised)
            ready = wait_ready(
                deployment,
                model=promised.model if promised is not None else None,
                timeout=timeout(graph.config),
                embeds=promised is not None and promised.embeds,
                held=is_held,
                unready=deployment.unready,
            )
            wait_registered(deployment.url, promised.registers if promised is not None else {})
            if engine_of(graph.config) == CPU and not graph.config.getoption("--dynamo-existing"):
                self.remarks += (engines_of(graph.config), *_adapters(graph, deployment))
            return Address(url=deployment.url, model=ready.model, timeout=request_timeout)
        except DeployFailure as failure:
            self.stop.check()
            self.failures.append(failure)
            raise

    def _hand(self, deployment: ServedDeployment, address: Address) -> Hand | None:
        """Return what ends parts of the graph, where this project has started them one by one."""
        from dynamo_conformance.targets.local.deployment import LocalDeployment

        if not isinstance(deployment, LocalDeployment):
            return None
        seconds = timeout(self.graphs[0].config)

        def wait() -> None:
            wait_healthy(deployment.workers, seconds=seconds)
            wait_ready(deployment, model=address.model, timeout=seconds)

        return _RestoringHand(deployment, wait)

    def _judge(self, recorder: Recorder) -> Judge:
        """Find out once what the graph serves."""
        first = self.graphs[0]
        engine = first.engine
        if isinstance(self.session, AddressSession):
            engine = self.session.engine or engine
            self.served["url"] = recorder.address.url
        elif _is_simulated(first.config) or (
            not recorder.workers and engine_of(first.config) != CPU
        ):
            # A component of somebody's own does not say that the engine below it is simulated, and
            # workers that cannot be asked may be: nothing passes for proven that may not be.
            engine = MOCK
        graph = served_graph(
            recorder,
            engine=engine,
            release=first.release or None,
            serving=first.promised,
            profile=profile_of(first.config, first.level),
            is_trained=engine_of(first.config) != CPU,
            limits=ELSEWHERE if first.release else {},
        )
        self.served |= {"model": graph.model, "release": graph.release, "engine": graph.engine}
        return Judge(recorder, graph)

    def _check_alive(self, deployment: ServedDeployment) -> None:
        """Raise when a component has died; the checks that are left are not run.

        Raises:
            DeployFailure: One has.
        """
        try:
            deployment.check()
        except DeployFailure as failure:
            self.stop.check()
            self.failures.append(failure)
            raise

    def _judged(self, check: ProbeItem, judge: Judge) -> Judged | Exception:
        """Return what became of a probe; where it failed, keep what it was judged by."""
        try:
            result = judge.result(check.probe)
        except Exception as error:  # noqa: BLE001 - a defect of the probe, recorded as its outcome
            self.stop.check()
            self.failures.append(error)
            return error
        if result.outcome is not Outcome.FAIL:
            return Judged(result)
        self.stop.check()
        self.failures.append(CheckFailure(f"{check.name}: expected {result.expected}"))
        for graph in self.graphs:
            keep_exchanges(graph.artifacts / EXCHANGES, judge.recorder, (result,))
        exchanges = (judge.recorder.exchanges[name].record() for name in result.exchanges)
        return Judged(result, tuple(exchanges))

    def _raised(self, carry_out: Callable[[], None]) -> Exception | None:
        """Carry out a check; return what it raised."""
        try:
            carry_out()
        except Exception as error:  # noqa: BLE001 - recorded as the outcome of the check
            self.stop.check()
            self.failures.append(error)
            return error
        return None


@dataclass(frozen=True, slots=True)
class _RestoringHand:
    """The hand of a deployment; what it restores answers again."""

    deployment: LocalDeployment
    wait: Callable[[], None]

    def signal(self, worker: Worker, number: int) -> None:
        """Send a signal to a worker."""
        self.deployment.signal(worker, number)

    def restore(self) -> None:
        """Start again what has ended, and wait until it answers."""
        self.deployment.restore()
        self.wait()


def _adapters(graph: GraphCollector, deployment: ServedDeployment) -> Iterator[str]:
    """Have the workers of a graph load adapters, where this run has brought them some."""
    from dynamo_conformance.cpu_engine.engine_image import in_image
    from dynamo_conformance.targets.local.adapters import load_adapters

    target, promised = graph.config.getoption("--dynamo-target"), graph.promised
    if target != "cluster":
        folder = in_image if target == "kind" else None
        yield from map(str, load_adapters(deployment, promised, folder=folder))
    elif promised is not None and GraphFeature.LORA in promised.features:
        yield "no adapters are loaded: this cluster's images are somebody's own"


def _is_simulated(config: pytest.Config) -> bool:
    """Whether it is known that a mock engine is below everything that is deployed."""
    return engine_of(config) == MOCK and config.getoption("--dynamo-target") != "cluster"


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
            where = _opened(config, selected, stop, stack)
        except (ClusterUnavailableError, TargetUnavailableError) as error:
            pytest.exit(str(error), returncode=EXIT_UNAVAILABLE)
        runs = tuple(_runs(where, stop, selected))
        if config.getoption("--dynamo-target") in CLUSTERS or engine_of(config) == CPU:
            report_ends([run.job for run in runs], progress=progress)
        # The report of the last job comes when nobody waits for a check any more.
        stack.callback(progress.write)
        jobs = [run.job for run in runs]
        on_demand = hasattr(config, "workerinput")
        stack.enter_context(Scheduler(jobs, room=where.room, stop=stop, on_demand=on_demand))
        yield


def _selected(session: pytest.Session) -> dict[GraphCollector, list[CheckOnTarget]]:
    """Return the graphs that are to be served, each with the checks that were selected."""
    selected: dict[GraphCollector, list[CheckOnTarget]] = {}
    for item in session.items:
        if isinstance(item, CheckOnTarget) and not item.target.out_of_reach:
            checks = selected.setdefault(item.target, [])
            checks += () if isinstance(item, ReadyItem) else (item,)
    return selected


def _opened(
    config: pytest.Config, selected: Mapping[GraphCollector, object], stop: Stop, stack: ExitStack
) -> Session:
    """Return the session of the target, made ready; what must be closed goes onto the stack."""
    progress = progress_of(config)
    target = config.getoption("--dynamo-target")
    if target == URL:
        return open_address(config)
    if config.getoption("--dynamo-existing"):
        from dynamo_conformance.plugin.existing_session import open_existing

        return stack.enter_context(open_existing(config))
    if target in CLUSTERS:
        from dynamo_conformance.plugin.cluster_session import open_cluster

        files = [graph.path for graph in selected]
        return stack.enter_context(open_cluster(config, files, progress=progress))
    from dynamo_conformance.plugin.machine_session import open_machine

    return stack.enter_context(open_machine(config, stop=stop, progress=progress))


def _runs(
    session: Session, stop: Stop, selected: Mapping[GraphCollector, Sequence[CheckOnTarget]]
) -> Iterator[GraphRun]:
    """Yield what is to be served: one run for graphs with the same plan and checks."""
    runs: dict[object, GraphRun] = {}
    for graph, checks in selected.items():
        plan = session.plan(graph)
        names = tuple(check.name for check in checks)
        key = (plan, repr(graph.promised), names) if plan else graph
        if key in runs:
            runs[key].graphs.append(graph)
        else:
            runs[key] = GraphRun(session, stop, [graph], tuple(checks))
            if plan:
                runs[key].proof["plan-sha256"] = plan
        graph.run = runs[key]
    yield from runs.values()


def report_ends(jobs: Sequence[Job], *, progress: Callable[[str], None]) -> None:
    """Have a line written for each graph when its checks are over.

    pytest's own lines come in the order of the files, and the first one may be the last to run.
    """
    number = count(1)

    def report(job: Job, _last: Future[Judged | None]) -> None:
        ended = {name: future for name, future in job.results.items() if future.done()}
        errors = [future.exception() for future in ended.values()]
        if any(isinstance(error, AbandonedError) for error in errors):
            return
        failed = [name for name, future in ended.items() if _has_failed(future)]
        outcome = f"failed: {named(failed)}" if failed else "passed"
        took = f" in {max(job.took.values()):.1f} s" if job.took else ""
        progress(f"{next(number)} of {len(jobs)} examples: {job.name} {outcome}{took}")

    for job in jobs:
        # The last check is recorded last, whatever happens.
        job.results[job.checks[-1]].add_done_callback(partial(report, job))


def _has_failed(future: Future[Judged | None]) -> bool:
    error = future.exception()
    if error is not None:
        return not isinstance(error, CannotShow | Unjudged)
    judged = future.result()
    return judged is not None and judged.result.outcome is Outcome.FAIL
