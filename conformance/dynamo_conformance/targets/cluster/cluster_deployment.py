"""A deployment on a cluster: a graph that was applied, and everything that is known about it."""

from __future__ import annotations

import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Self

from dynamo_conformance.kube.endpoints import Backend
from dynamo_conformance.kube.errors import ApiError
from dynamo_conformance.kube.resources import PODS, REPLICA_SETS, STATEFUL_SETS
from dynamo_conformance.kube.tunnel import Tunnels
from dynamo_conformance.rendering.labels import GRAPH
from dynamo_conformance.rendering.names import frontend_service
from dynamo_conformance.targets.cluster.admission_changes import changes
from dynamo_conformance.targets.cluster.artifacts import Evidence, keep
from dynamo_conformance.targets.cluster.diagnoses import diagnoses
from dynamo_conformance.targets.cluster.diagnosis import LogSource
from dynamo_conformance.targets.cluster.failure_page import FailurePage
from dynamo_conformance.targets.cluster.gateway import Gateway
from dynamo_conformance.targets.cluster.progress_summary import progress_summary
from dynamo_conformance.targets.cluster.transcript import Transcript
from dynamo_conformance.targets.interface import DeployFailure, Unready, Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from dynamo_conformance.kube.connection import Connection
    from dynamo_conformance.manifest.graph import Graph
    from dynamo_conformance.targets.cluster.apply import Manifest
    from dynamo_conformance.targets.cluster.namespace_snapshot import Pod
    from dynamo_conformance.targets.cluster.watch import Watch
    from dynamo_conformance.targets.interface import Change

HTTP, SYSTEM = "http", "system"
"""The names of the ports of frontends and of workers."""

FOLLOWER = "worker"


UNREADY_LINES = 20
"""How much of the log of what is not ready a failure shows."""


class ClusterDeployment:
    """A graph that was applied to a cluster, or was there already.

    Attributes:
        manifest: The file, as it was applied, or the graph, as the cluster has it.
        watch: What follows it.
        warnings: What the cluster warned of when the file was applied.
        logs: The folder that is written when something fails.
        failures: What went wrong so far.
    """

    def __init__(
        self,
        connection: Connection,
        watch: Watch,
        graph: Graph,
        *,
        manifest: Manifest,
        logs: Path,
        is_applied: bool = True,
    ) -> None:
        self.graph = graph
        self.is_applied = is_applied
        self.manifest = manifest
        self.namespace = watch.scope.namespace
        self.warnings: tuple[str, ...] = ()
        self.logs = logs
        self.failures: list[Exception] = []
        self._connection = connection
        self.watch = watch
        self._transcript = Transcript()
        self._tunnels = Tunnels(connection.client, self.namespace)
        self._lock = threading.Lock()
        self._gateways: dict[str, tuple[Gateway, str]] = {}
        self._changes: tuple[Change, ...] | None = None
        self._is_closed = False

    @property
    def sha256(self) -> str:
        """The checksum of the file that was applied."""
        return self.manifest.sha256

    @property
    def url(self) -> str:
        """The frontend's address: a local one that leads to its Service, whatever pod is behind.

        Raises:
            DeployFailure: The graph has no frontend.
        """
        frontend = self.graph.frontend
        if frontend is None:
            raise DeployFailure(
                "the graph has no frontend, so nothing answers",
                cause="no component has type: frontend",
            )
        service = frontend_service(self.graph, frontend)
        return self._address(
            f"service/{service}",
            Gateway(
                self._connection,
                self._tunnels,
                backends=lambda: self.watch.backends(service, HTTP),
                transcript=self._transcript,
            ),
        )

    @property
    def workers(self) -> tuple[Worker, ...]:
        """The workers that run at the moment, each with the address of its system port."""
        return tuple(
            Worker(pod.name, self._system_url(pod, port))
            for pod in self.watch.snapshot.pods
            if (port := self._system_port(pod)) is not None
        )

    @property
    def changes(self) -> tuple[Change, ...]:
        """What admission changed in the pods, as they were when this was asked first."""
        if self._changes is None:
            self._changes = self._compare()
        return self._changes

    @property
    def settled_for(self) -> float | None:
        """Seconds since all pods were ready; None when some are not, or not there yet."""
        return self.watch.settled_for

    @property
    def is_held(self) -> bool:
        """Whether other graphs keep this one from coming up."""
        return self.watch.is_held

    def unready(self) -> Unready:
        """Return how far it has come, and the last log lines of what runs and is not ready."""
        view = self.watch.snapshot
        running = next(
            (
                LogSource(pod.name, container.name, previous=False)
                for pod in view.pods
                for container in pod.containers
                if container.runs and not container.ready and not pod.is_ending
            ),
            None,
        )
        log: tuple[str, ...] = ()
        if running is not None:
            with suppress(ApiError):
                log = self._connection.run(self.watch.last_lines(running))[-UNREADY_LINES:]
        return Unready(progress_summary(view), log)

    def check(self) -> None:
        """Raise when something is known to be wrong; never waits.

        Raises:
            DeployFailure: With the component's last words.
        """
        self.watch.check()

    def failed(self, error: Exception) -> None:
        """Note a failure: the folder is written before all is removed."""
        self.failures.append(error)

    @contextmanager
    def used(self, progress: Callable[[str], None]) -> Iterator[Self]:
        """Have the deployment closed in the end, and its folder written when something failed."""
        try:
            yield self
        except Exception as error:
            self.failed(error)
            raise
        finally:
            if self.failures:
                progress(f"writing {self.logs / 'why.md'}")
                self.keep()
            self.close()

    def keep(self) -> None:
        """Write the folder of a failed example."""
        watch = self.watch
        view = watch.snapshot
        page = FailurePage(
            graph=self.graph.name,
            file=str(self.manifest.file),
            sha256=self.sha256,
            connection=self._connection,
            namespace=self.namespace,
            failures=tuple(self.failures),
            view=view,
            diagnoses=tuple(diagnoses(view, self._connection.client.now(), watch.patience)),
            changes=self.changes,
            warnings=self.warnings,
            is_applied=self.is_applied,
        )
        evidence = Evidence(
            connection=self._connection,
            namespace=self.namespace,
            manifest=self.manifest,
            version=watch.scope.graphs.version,
            of_graph=self.graph.name if watch.scope.labels else "",
            page=page,
            transcript=self._transcript,
        )
        keep(evidence, self.logs)

    def close(self) -> None:
        """Close the local addresses and stop watching; requests under way end at once."""
        with self._lock:
            self._is_closed = True
            gateways = [gateway for gateway, _ in self._gateways.values()]
            self._gateways.clear()
        for gateway in gateways:
            with suppress(ApiError):
                gateway.close()
        with suppress(ApiError):
            self._connection.run(self._tunnels.close())
        self.watch.stop()

    def _compare(self) -> tuple[Change, ...]:
        labels = f"{GRAPH}={self.graph.name}"
        try:
            pods = self._connection.list(PODS, namespace=self.namespace, labels=labels)
            makers = [
                value
                for kind in (REPLICA_SETS, STATEFUL_SETS)
                for value in self._connection.list(kind, namespace=self.namespace)
            ]
        except ApiError:
            return ()  # Without the right to look, nothing is known to be different.
        return changes(pods, makers)

    def _system_port(self, pod: Pod) -> int | None:
        """Return the port where a pod counts its requests, or None when it is no worker of ours.

        A follower with a rank in its leader's engine only lends its GPUs; other followers are full
        workers.
        """
        workers = {component.name for component in self.graph.components if component.is_worker}
        lends = pod.role == FOLLOWER and pod.has_rank
        if pod.component not in workers or pod.is_ending or lends:
            return None
        return pod.ports.get(SYSTEM)

    def _system_url(self, pod: Pod, port: int) -> str:
        backend = Backend(pod.name, port)
        gateway = Gateway(self._connection, self._tunnels, backends=lambda: (backend,))
        return self._address(f"pod/{pod.name}", gateway)

    def _address(self, key: str, gateway: Gateway) -> str:
        """Return the address that is known under `key`, or that of `gateway`, which is opened."""
        with self._lock:
            if self._is_closed:
                raise DeployFailure(f"the graph {self.graph.name} is being removed")
            if key not in self._gateways:
                self._gateways[key] = (gateway, gateway.open())
            return self._gateways[key][1]
