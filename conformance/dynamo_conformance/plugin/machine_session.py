"""Graphs on this machine: processes of their own, scripts, and compose files; as many as cores."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, TypeAlias

from dynamo_conformance.manifest.config_maps import config_maps
from dynamo_conformance.manifest.document import read_file
from dynamo_conformance.manifest.errors import ManifestError
from dynamo_conformance.manifest.masking import masked
from dynamo_conformance.plugin.options import engine_of, release_of
from dynamo_conformance.plugin.scheduler import Room
from dynamo_conformance.rendering.reconcile_failure import ReconcileFailure
from dynamo_conformance.targets import MOCK
from dynamo_conformance.targets.interface import DeployFailure
from dynamo_conformance.targets.local.deployment import LocalTarget
from dynamo_conformance.targets.local.local_script import run_script

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    import pytest

    from dynamo_conformance.plugin.collect import GraphCollector
    from dynamo_conformance.plugin.jobs import GraphRun
    from dynamo_conformance.plugin.scheduler import Stop
    from dynamo_conformance.targets.cluster.node_fit import PodRequests
    from dynamo_conformance.targets.compose.deployment import ComposeDeployment
    from dynamo_conformance.targets.image_names import TaggedMockImage
    from dynamo_conformance.targets.local.deployment import LocalDeployment
    from dynamo_conformance.targets.local.local_script import ScriptDeployment

    MachineDeployment: TypeAlias = LocalDeployment | ScriptDeployment | ComposeDeployment

SHOWN_DIGITS = 12
"""How much of a digest the closing table shows; the reports have all of it."""


PER_CORE = 2
"""How many graphs there are per core: one that starts computes, one that is asked waits as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineSession:
    """This machine, ready for graphs.

    Attributes:
        room: How many graphs there are at once.
        stop: Whether the run is to end.
        local: What starts the graphs of manifests.
        image: The mock engine's image for compose files, or None for those that they name.
        where: An empty text; this machine needs no name in reports.
    """

    room: Room
    stop: Stop
    local: LocalTarget
    image: TaggedMockImage | None
    where: str = ""

    def plan(self, graph: GraphCollector) -> str:
        """Return the digest of a manifest's plan; why there is none, its job finds out."""
        if graph.graph is None:
            return ""
        try:
            config_maps(read_file(graph.path))
            return self.local.digest(graph.graph)
        except (ManifestError, DeployFailure, ReconcileFailure, OSError):
            return ""

    def size(self, _graph: GraphCollector) -> tuple[int, tuple[PodRequests, ...]]:
        """Count each graph as one."""
        return 1, ()

    def remarks(self, run: GraphRun) -> tuple[str, ...]:
        """Return the beginning of the plan's digest."""
        return tuple(f"plan {digest[:SHOWN_DIGITS]}" for digest in run.proof.values())

    @contextmanager
    def deploy(self, run: GraphRun) -> Iterator[MachineDeployment]:
        """Start a graph; leaving the context ends all of it."""

        def keep_logs(logs: Path) -> None:
            for graph in run.graphs if run.failures else ():
                shutil.copytree(
                    logs, graph.artifacts, dirs_exist_ok=True, copy_function=_copy_masked
                )

        with self._started(run.graphs[0], keep_logs) as deployment:
            self.stop.on_kill(deployment.kill)
            yield deployment

    def _started(
        self, graph: GraphCollector, at_end: Callable[[Path], None]
    ) -> AbstractContextManager[MachineDeployment]:
        """Start what a file holds.

        Raises:
            DeployFailure: A ConfigMap beside the graph is one that no cluster takes.
        """
        from dynamo_conformance.plugin.collect import COMPOSE

        if graph.graph is not None:
            try:
                config_maps(read_file(graph.path))
            except ManifestError as error:
                raise DeployFailure(str(error)) from error
            return replace(self.local, at_end=at_end).deploy(graph.graph)
        if graph.level == COMPOSE:
            from dynamo_conformance.targets.compose.deployment import run_compose

            return run_compose(graph.path, serving=graph.promised, image=self.image, at_end=at_end)
        return run_script(
            graph.path, serving=graph.promised, engine=self.local.engine, at_end=at_end
        )


@contextmanager
def open_machine(
    config: pytest.Config, *, stop: Stop, progress: Callable[[str], None]
) -> Iterator[MachineSession]:
    """Make this machine ready for graphs.

    Raises:
        TargetUnavailableError: There is no Docker Compose for compose files.
    """
    engine = engine_of(config)
    image = None
    if config.getoption("--dynamo-target") == "compose":
        from dynamo_conformance.targets.compose.docker_compose import prepare

        image = prepare(mock=engine == MOCK, progress=progress)
    # Two graphs with real engines would want the same GPUs, or leave the runtime no core.
    starting = cores(config) if engine == MOCK else 1
    yield MachineSession(
        room=Room(pods=starting * (PER_CORE if engine == MOCK else 1), starting=starting),
        stop=stop,
        local=LocalTarget(
            engine=engine,
            planning=Lock(),
            release=release_of(config),
            progress=progress,
        ),
        image=image,
    )


def cores(config: pytest.Config) -> int:
    """Return how many cores this process has; those of pytest-xdist share them."""
    workers = int(getattr(config, "workerinput", {}).get("workercount", 1))
    return max(len(os.sched_getaffinity(0)) // workers, 1)


def _copy_masked(source: str, target: str) -> None:
    """Copy a log line by line, without secrets; others may see what is kept of a failure."""
    with Path(source).open("rb") as log, Path(target).open("wb") as copy:
        for line in log:
            text = masked(line.decode(errors="surrogateescape"))
            copy.write(text.encode(errors="surrogateescape"))
