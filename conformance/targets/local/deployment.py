"""A deployment on this machine: processes, their logs, and the first one that dies."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from conformance.engines.serving import model_sources
from conformance.rendering.failure import ReconcileFailure
from conformance.targets.local.plan import World, plan
from conformance.targets.local.ports import Ports
from conformance.targets.local.process import Process, stop_all
from conformance.targets.target import DeployFailure
from conformance.targets.why import how_it_ended, likely_cause

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from conformance.manifest.config_maps import ConfigMaps
    from conformance.manifest.graph import Graph
    from conformance.targets.local.plan import Plan
    from conformance.targets.local.process import Start
    from conformance.targets.target import Change, Worker

MOCK, REAL = "mock", "real"
ENGINES = (MOCK, REAL)

SECRETS = ("HF_TOKEN",)
"""Keys of secrets that are passed on from the caller's environment when they are set."""

_PASSED = ("PATH", "LANG", "LC_ALL", "TERM", "SSL_CERT_FILE", "SSL_CERT_DIR", "DYN_LOG")
_PASSED_REAL = ("HOME", "HF_HOME", "HF_HUB_OFFLINE", "CUDA_VISIBLE_DEVICES", "LD_LIBRARY_PATH")


def ignore_lines(_name: str, _line: str) -> None:
    """Take a process's line and do nothing with it."""


def ignore_logs(_logs: Path) -> None:
    """Let the logs go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalTarget:
    """Runs graphs as processes of this machine.

    Attributes:
        engine: `mock` plays the engines without a GPU, `real` uses what is installed.
        listener: Is told every line that a process writes: its name, the line.
        http_port: The port for the frontend; None takes the published one or a free one.
        at_end: Is told the folder of the logs before it is removed with all the rest.
        config_maps: The ConfigMaps that the graph's file brings along.
    """

    engine: str = MOCK
    listener: Callable[[str, str], None] = ignore_lines
    http_port: int | None = None
    at_end: Callable[[Path], None] = ignore_logs
    config_maps: ConfigMaps = field(default_factory=dict)
    name: str = "local"

    @contextmanager
    def deploy(self, graph: Graph) -> Iterator[LocalDeployment]:
        """Start `graph`; leaving the context ends every process and removes every file.

        Raises:
            DeployFailure: The operator would not make any pod of this graph, or a process cannot
                be started.
            PortsExhaustedError: The wanted HTTP port is in use.
        """
        with run_folder(graph.name) as run, Ports() as ports:
            world = World(
                run=run,
                base=base_environment(self.engine, run),
                secrets=_secrets(),
                config_maps=self.config_maps,
            )
            try:
                planned = plan(graph, world=world, ports=ports, port=self.http_port)
            except ReconcileFailure as failure:
                raise DeployFailure(str(failure)) from failure
            self._furnish(planned, graph)
            with running(planned.starts, run=run, listener=self.listener) as processes:
                try:
                    yield LocalDeployment(planned, tuple(processes), run / "logs")
                finally:
                    self.at_end(run / "logs")

    def _furnish(self, planned: Plan, graph: Graph) -> None:
        """Make what stands for volumes, and the models that the mock engine needs."""
        for folder in planned.folders:
            folder.mkdir(parents=True, exist_ok=True)
        for path, text in planned.files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        if self.engine != MOCK:
            return
        models = _models(planned, model_sources(graph))
        for hub in planned.hubs:
            fill_hub(hub, models)


@dataclass(frozen=True, slots=True)
class LocalDeployment:
    """A graph that was started on this machine."""

    plan: Plan
    processes: tuple[Process, ...]
    logs: Path

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
        return self.plan.workers

    @property
    def changes(self) -> tuple[Change, ...]:
        """Everything that differs from the manifest."""
        return self.plan.changes

    @property
    def settled_for(self) -> float | None:
        """Processes do not say when they are ready."""
        return None

    def check(self) -> None:
        """Raise when a process has ended, with its last words."""
        check_alive(self.processes)


def check_alive(processes: Iterable[Process]) -> None:
    """Raise `DeployFailure` for the first process that has ended."""
    for process in processes:
        code = process.exit_code()
        if code is not None:
            lines = process.tail()
            raise DeployFailure(
                f"component {process.name} {how_it_ended(code)}",
                cause=likely_cause(code, lines),
                log=lines[-12:],
            )


@contextmanager
def running(
    starts: Iterable[Start], *, run: Path, listener: Callable[[str, str], None]
) -> Iterator[list[Process]]:
    """Start processes; leaving the context ends them all, however it is left."""
    logs = run / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    processes: list[Process] = []
    try:
        for start in starts:
            try:
                log = logs / f"{start.name}.log"
                processes.append(Process(start, log=log, listener=listener))
            except OSError as error:
                raise DeployFailure(
                    f"component {start.name} cannot be started: {error}",
                    cause=f"the program {start.argv[0]} is not here" if start.argv else "",
                ) from error
        yield processes
    finally:
        stop_all(processes)


@contextmanager
def run_folder(name: str) -> Iterator[Path]:
    """Make a folder for one run, and remove it with all that is in it."""
    folder = Path(tempfile.mkdtemp(prefix=f"dynamo-{name or 'graph'}-"))
    (folder / "tmp").mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def base_environment(engine: str, run: Path) -> dict[str, str]:
    """Return what every process gets before its own variables.

    `python3` is this interpreter, so the runtime is the one that is installed beside us.
    """
    names = _PASSED if engine == MOCK else (*_PASSED, *_PASSED_REAL)
    env = {name: os.environ[name] for name in names if name in os.environ}
    env["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), env.get("PATH", os.defpath)])
    env.setdefault("HOME", str(run))
    # The runtime leaves a logging configuration in the temporary folder of every process.
    env["TMPDIR"] = str(run / "tmp")
    env["PYTHONUNBUFFERED"] = "1"
    env["DYN_SDK_DISABLE_ANSI_LOGGING"] = "1"
    if engine == MOCK:
        from conformance.mock_engine import environment

        env.update(environment(hub_home=run / "hub"))
    return env


def fill_hub(hub: Path, models: Iterable[str]) -> None:
    """Make the models that the mock engine serves: a hub's cache, or a folder of their own."""
    from conformance.mock_engine.hub_cache import fill
    from conformance.mock_engine.tokenizer import make_local_model

    for model in models:
        if model.startswith("/"):
            make_local_model(Path(model), name=Path(model).name)
        else:
            fill(hub, [model])


def _models(planned: Plan, sources: Iterable[str]) -> list[str]:
    """Return the models to make: hub ids as they are, and for paths the folders they are here."""
    words = {word for start in planned.starts for word in start.argv}
    found: set[str] = set()
    for source in sources:
        if source.startswith("/"):
            last = source.rstrip("/").rpartition("/")[2]
            found |= {word for word in words if word.startswith("/") and word.endswith(f"/{last}")}
        elif source:
            found.add(source)
    return sorted(found)


def _secrets() -> dict[str, str]:
    return {name: os.environ[name] for name in SECRETS if name in os.environ}
