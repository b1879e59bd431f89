"""A deployment on this machine: processes, their logs, and the first one that dies."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from dynamo_conformance.manifest.errors import ManifestError
from dynamo_conformance.rendering.reconcile_failure import ReconcileFailure
from dynamo_conformance.targets import CPU, MOCK, REAL
from dynamo_conformance.targets.exit_cause import errors_in, how_it_ended, likely_cause
from dynamo_conformance.targets.interface import Change, DeployFailure, Unready
from dynamo_conformance.targets.local import admission, landlock
from dynamo_conformance.targets.local.component_process import (
    GRACE_SECONDS,
    ComponentProcess,
    SupervisorClient,
    end_all,
)
from dynamo_conformance.targets.local.gpus import GpuPlacement, machine_gpus, runs_on_cpu
from dynamo_conformance.targets.local.local_plan import RunSettings, plan
from dynamo_conformance.targets.local.own_release import (
    OwnReleases,
    own_releases,
    prepare,
)
from dynamo_conformance.targets.local.port_reservations import ComparedPorts, Ports
from dynamo_conformance.targets.local.run_environment import (
    MACHINE,
    adaptations,
    base_environment,
    check_memory,
    environment_below,
    held,
    make_models,
    secrets,
    writable,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import AbstractContextManager

    from dynamo_conformance.manifest.graph import Graph
    from dynamo_conformance.targets.interface import Worker
    from dynamo_conformance.targets.local.component_process import ProcessStart
    from dynamo_conformance.targets.local.local_plan import LocalPlan

INSIDE = "files"
"""The folder in a run's own that its processes see, and write to."""

COMPARED = Path("/dynamo") / INSIDE
"""What stands for a run's folder in a plan that is only compared with others."""

SHOWN_LINES = 12
"""How many of the last lines of a process a failure shows."""

LEAST_ROOM = 2**20
"""Bytes: less is left of a disk that is full."""

UNCONFINED = Change(
    MACHINE, "the kernel has no Landlock, so scripts can write where their own words lead"
)


def ignore_lines(_name: str, _line: str) -> None:
    """Take a process's line and do nothing with it."""


def ignore_progress(_line: str) -> None:
    """Say nothing of what takes time."""


def ignore_logs(_logs: Path) -> None:
    """Let the logs go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalTarget:
    """Runs graphs as processes of this machine.

    Attributes:
        engine: `mock` simulates the engines without a GPU, `cpu` runs what is installed on a CPU
            with weights that are made here, `real` uses what is installed, as it is.
        listener: Is called with every line that a process writes: its name, the line.
        http_port: The port for the frontend; None takes the published one or a free one.
        at_end: Is called with the folder of the logs before it is removed with all the rest.
        planning: Is held while a graph is planned, where several threads do that.
        release: Which release runs graphs: `own`, `installed`, X.Y.Z, or None for the one that
            images name where its minor is not the installed one.
        progress: Is called with what takes time before anything is started.
    """

    engine: str = MOCK
    listener: Callable[[str, str], None] = ignore_lines
    http_port: int | None = None
    at_end: Callable[[Path], None] = ignore_logs
    planning: AbstractContextManager[object] = field(default_factory=nullcontext)
    release: str | None = None
    progress: Callable[[str], None] = ignore_progress
    name: str = "local"

    def digest(self, graph: Graph) -> str:
        """Return the digest of what a graph becomes here, whatever ports and folder it gets.

        Raises:
            DeployFailure: Nothing would be started, as `deploy` says.
        """
        with self.planning:
            _check(graph)
        env, ports = environment_below(COMPARED, self.engine), ComparedPorts()
        releases = self._own_releases(graph, make=False).beside(COMPARED, ports)
        return self._plan(graph, releases, run=COMPARED, base=env, ports=ports).digest

    @contextmanager
    def deploy(self, graph: Graph) -> Iterator[LocalDeployment]:
        """Start `graph`; leaving the context ends every process and removes every file.

        Raises:
            RefusedGraph: The API server or the kubelet would not take this graph, or no process of
                this machine can be made of it.
            DeployFailure: The operator would not make any pod of this graph, or a process cannot
                be started.
            PortsExhaustedError: The wanted HTTP port is in use.
        """
        with self.planning:
            _check(graph)
        releases = self._own_releases(graph, make=True)
        with run_folder(graph.name) as own, Ports() as ports:
            run = own.path
            # The logs are beside it, so no process can put a link in the place of one.
            inside = run / INSIDE
            base = base_environment(self.engine, inside)
            releases = releases.beside(inside, ports)
            planned = self._plan(graph, releases, run=inside, base=base, ports=ports)
            check_memory(self.engine, len(planned.workers))
            with _written_below(run):
                furnish(planned, run=inside, engine=self.engine)
                if releases.environments:
                    prepare(inside)
            first = kept_inside(releases.starts(inside, base), inside, engine=self.engine)
            starts = kept_inside(planned.starts, inside, engine=self.engine)
            run_all = partial(running, run=own, listener=self.listener)
            with run_all(first) as servers:
                releases.wait(check=partial(check_alive, servers))
                with run_all(starts) as processes:
                    try:
                        yield LocalDeployment(
                            own.supervisor, run / "logs", planned, processes, tuple(servers)
                        )
                    finally:
                        self.at_end(run / "logs")

    def _own_releases(self, graph: Graph, *, make: bool) -> OwnReleases:
        return own_releases(
            graph, wanted=self.release, engine=self.engine, make=make, progress=self.progress
        )

    def _plan(
        self, graph: Graph, releases: OwnReleases, *, run: Path, base: dict[str, str], ports: Ports
    ) -> LocalPlan:
        settings = RunSettings(
            run=run,
            base=base,
            secrets=secrets(),
            held=held(self.engine),
            engine=self.engine,
            is_confined=self.engine != REAL and landlock.version() > 0,
            gpus=_gpus(self.engine),
            elsewhere=releases.around(run, base),
        )
        try:
            with self.planning:
                planned = plan(graph, settings=settings, ports=ports, port=self.http_port)
        except ReconcileFailure as failure:
            raise DeployFailure(str(failure)) from failure
        if self.engine != REAL and not settings.is_confined:
            planned.changes[UNCONFINED] = None
        planned.changes |= dict.fromkeys(adaptations(self.engine, planned))
        planned.changes |= dict.fromkeys(releases.changes())
        return planned


def _check(graph: Graph) -> None:
    try:
        admission.check_startable(graph)
    except ManifestError as error:
        raise admission.RefusedGraph(str(error)) from error
    admission.check(graph)


@dataclass(frozen=True, slots=True)
class SupervisedDeployment:
    """Processes of this machine that were started."""

    supervisor: SupervisorClient
    logs: Path

    @property
    def settled_for(self) -> float | None:
        """Processes do not say when they are ready."""
        return None

    @property
    def is_held(self) -> bool:
        """Nothing on this machine waits for another graph."""
        return False

    def unready(self) -> Unready:
        """Processes do not say when they are ready."""
        return Unready()

    def close(self) -> None:
        """Have everything ended, and with it requests that are under way; wait for nothing."""
        self.supervisor.begin_end(grace=GRACE_SECONDS)

    def kill(self) -> None:
        """Have everything killed; wait for nothing."""
        self.supervisor.begin_end(grace=0.0)


@dataclass(frozen=True, slots=True)
class LocalDeployment(SupervisedDeployment):
    """A graph that was started on this machine."""

    plan: LocalPlan
    processes: list[ComponentProcess]
    servers: tuple[ComponentProcess, ...] = ()

    @property
    def url(self) -> str:
        """The frontend's address.

        Raises:
            DeployFailure: The graph has no frontend.
        """
        if self.plan.url is None:
            raise DeployFailure(
                "the graph has no frontend, so nothing answers",
                cause="no component has type: frontend",
            )
        return self.plan.url

    @property
    def workers(self) -> tuple[Worker, ...]:
        """Where the workers answer /metrics."""
        return tuple(self.plan.workers)

    @property
    def changes(self) -> tuple[Change, ...]:
        """Everything that differs from the manifest."""
        return tuple(self.plan.changes)

    def unready(self) -> Unready:
        """Processes do not say when they are ready; what they last wrote as errors may."""
        lines = [
            f"{process.name} | {line}"
            for process in (*self.servers, *self.processes)
            for line in process.tail()
        ]
        return Unready(log=errors_in(lines)[-SHOWN_LINES:])

    def signal(self, worker: Worker, number: int) -> None:
        """Send a signal to a worker, as a kubelet does."""
        for process in self.processes:
            if process.name == worker.name:
                process.signal(number)

    def restore(self) -> None:
        """Start again what was sent a signal, once it has ended.

        Raises:
            DeployFailure: It does not end, or cannot be started.
        """
        for index, process in enumerate(self.processes):
            if process.is_ending:
                self.processes[index] = process.restarted()

    def check(self) -> None:
        """Raise when a process has ended, with its last words, or the disk is full."""
        check_disk(self.logs)
        check_alive((*self.servers, *self.processes))


def check_disk(folder: Path) -> None:
    """Raise `DeployFailure` when hardly anything more can be written below `folder`."""
    disk = os.statvfs(folder)
    blocks, files = (
        (disk.f_bfree, disk.f_ffree) if os.geteuid() == 0 else (disk.f_bavail, disk.f_favail)
    )
    # What finds no room for a large file writes small ones all the same, and waits for ever.
    if (disk.f_blocks and blocks * disk.f_frsize < LEAST_ROOM) or (disk.f_files and not files):
        raise DeployFailure(f"nothing more can be written below {folder}", cause=_full(folder))


def check_alive(processes: Iterable[ComponentProcess]) -> None:
    """Raise `DeployFailure` for the first process that has ended, or cannot be logged."""
    for process in processes:
        if (error := process.unwritten) is not None:
            what = f"the log of component {process.name} cannot be written: {error.strerror}"
            raise DeployFailure(what, cause=_full(Path(tempfile.gettempdir())))
        code = process.exit_code()
        if code is not None:
            lines = process.tail()
            raise DeployFailure(
                f"component {process.name} {how_it_ended(code)}",
                cause=likely_cause(code, lines),
                log=lines[-SHOWN_LINES:],
            )


@contextmanager
def running(
    starts: Iterable[ProcessStart], *, run: Run, listener: Callable[[str, str], None]
) -> Iterator[list[ComponentProcess]]:
    """Start processes; leaving the context ends them all, however it is left."""
    logs = run.path / "logs"
    processes: list[ComponentProcess] = []
    try:
        with _written_below(run.path):
            logs.mkdir(parents=True, exist_ok=True)
            for start in starts:
                process = ComponentProcess(
                    start,
                    log=logs / f"{start.name}.log",
                    listener=listener,
                    supervisor=run.supervisor,
                )
                processes.append(process)
        yield processes
    finally:
        end_all(processes, run.supervisor)


@dataclass(frozen=True, slots=True)
class Run:
    """The folder of one run, and what starts and ends its processes."""

    path: Path
    supervisor: SupervisorClient


@contextmanager
def run_folder(name: str) -> Iterator[Run]:
    """Make a folder for one run; it is removed with all that is in it, even when we are killed.

    Raises:
        DeployFailure: It cannot be made.
    """
    with _written_below(Path(tempfile.gettempdir())):
        folder = Path(tempfile.mkdtemp(prefix=f"dynamo-{name or 'graph'}-"))
    supervisor = SupervisorClient(folder)
    try:
        with _written_below(folder):
            (folder / "tmp").mkdir()
        yield Run(folder, supervisor)
    finally:
        supervisor.close()


@contextmanager
def _written_below(folder: Path) -> Iterator[None]:
    """Tell in words what keeps something from being written below `folder`."""
    try:
        yield
    except OSError as error:
        where = error.filename or folder
        is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        raise DeployFailure(
            f"{where} cannot be written: {error.strerror or error}",
            cause=_full(folder) if is_full else "",
        ) from error


def _full(folder: Path) -> str:
    return f"the disk that holds {folder} is full; make room, or set TMPDIR to another folder"


def _gpus(engine: str) -> GpuPlacement | None:
    """Return the GPUs that engines may have; None for the mock engine, which looks at none."""
    if engine == MOCK:
        return None
    return GpuPlacement(machine_gpus(os.environ), on_cpu=engine == CPU or runs_on_cpu())


def kept_inside(
    starts: Iterable[ProcessStart], run: Path, *, engine: str
) -> tuple[ProcessStart, ...]:
    """Return processes that write only below `run`, and where an engine has to; a real one may."""
    if engine == REAL:
        return tuple(starts)
    folders = (str(run), *(str(folder) for folder in writable(engine)))
    confined = []
    for start in starts:
        argv, env = landlock.confined(start.argv, start.env, *folders)
        confined.append(replace(start, argv=argv, env=env))
    return tuple(confined)


def furnish(planned: LocalPlan, *, run: Path, engine: str) -> None:
    """Make what stands for volumes and paths, and the models that are made up.

    Raises:
        DeployFailure: It cannot be made, as where one path is a file and a folder.
    """
    try:
        for folder in planned.folders:
            _inside(folder, run).mkdir(parents=True, exist_ok=True)
        for path, content in planned.files.items():
            _write(_inside(path, run), content)
        for path, source in planned.copies.items():
            _inside(path, run).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, path)
        make_models(planned, engine, place=lambda folder: _inside(folder, run))
    except OSError as error:
        raise DeployFailure(f"{error.filename or run} cannot be made: {error.strerror}") from error


def _inside(path: Path, run: Path) -> Path:
    """Return `path`, which is below the run's folder whatever it goes through.

    Raises:
        DeployFailure: It is not.
    """
    if not path.resolve().is_relative_to(run.resolve()):
        raise DeployFailure(f"{path} is outside of the folder of this run, and is not made")
    return path


def _write(path: Path, content: str | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(
        content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content
    )
