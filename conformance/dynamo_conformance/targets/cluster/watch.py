"""A watch over one deployment: the newest state of its namespace, and what is wrong with it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from dynamo_conformance.kube.endpoints import backends, read_slice
from dynamo_conformance.kube.errors import ApiError, UnreachableError
from dynamo_conformance.kube.resources import CLAIMS, ENDPOINT_SLICES, EVENTS, PODS
from dynamo_conformance.targets.cluster.diagnoses import diagnoses
from dynamo_conformance.targets.cluster.diagnoses.scheduling import waits_for_room
from dynamo_conformance.targets.cluster.diagnoses.volume_claims import CLAIM
from dynamo_conformance.targets.cluster.diagnosis import Patience, age
from dynamo_conformance.targets.cluster.informer import Informer
from dynamo_conformance.targets.cluster.namespace_snapshot import (
    NamespaceSnapshot,
    last_seen,
    read_claim,
    read_event,
    read_graph_status,
    read_pod,
)
from dynamo_conformance.targets.cluster.run_state import RunState
from dynamo_conformance.targets.interface import DeployFailure

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future
    from datetime import datetime

    from dynamo_conformance.kube.client import Client
    from dynamo_conformance.kube.connection import Connection
    from dynamo_conformance.kube.endpoints import Backend
    from dynamo_conformance.kube.resources import KubeObject, Resource
    from dynamo_conformance.targets.cluster.diagnosis import LogSource
    from dynamo_conformance.targets.cluster.namespace_snapshot import NamespaceEvent, Pod

T = TypeVar("T")

DIAGNOSE_SECONDS = 1.0
"""How often the state is diagnosed when nothing changes: patience runs out by itself."""

CALM_SECONDS = 0.1
"""How long changes are gathered before they are diagnosed."""

PULSE_SECONDS = 2.0
PULSE_DEADLINE = 5.0
ABSENT_SECONDS = 15.0
"""How long the API may be away before that is the failure."""

LOG_LINES = 200

BUSY_SECONDS = 30.0
"""How long after it has dealt with one graph an operator counts as busy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What belongs to a deployment.

    Attributes:
        namespace: Where it is.
        names: The names of all graphs of its file; they are applied together.
        graphs: The kind of the graph, in the version it was applied in.
        expected: How many pods each component has when all of it is there.
        labels: The labels that distinguish its pods from others; empty when all are its own.
        since: What happened before is not its own.
    """

    namespace: str
    graph: str
    names: frozenset[str]
    graphs: Resource
    expected: dict[str, int]
    labels: str = ""
    since: datetime | None = None

    @property
    def holder(self) -> str:
        """What distinguishes it from the other deployments of its run."""
        return f"{self.namespace}/{self.graph}"


def is_held(view: NamespaceSnapshot, now: datetime) -> bool:
    """Whether other graphs keep one from coming up, as far as their objects show.

    The operator has not come to it, or not to its pods, while it is busy with others; or a pod
    waits for room that they will give back.
    """
    around = view.around
    is_busy = around.is_crowded and around.progress is not None
    return (
        any(not graph.has_status for graph in view.graphs)
        or any(waits_for_room(view, pod) for pod in view.pods)
        or (is_busy and not view.pods and age(around.progress, now) < BUSY_SECONDS)
    )


def seen_since(pod: Pod, since: datetime | None) -> Pod:
    """Return a pod without ends of its containers that were before a time; None is any time."""
    if since is None:
        return pod
    containers = tuple(
        replace(container, ended_before=None)
        if (ended := container.ended_before) and ended.at and ended.at < since
        else container
        for container in pod.containers
    )
    return replace(pod, containers=containers)


class Watch:
    """Follows a deployment from its own task; asking it costs nothing and never waits."""

    def __init__(
        self,
        connection: Connection,
        scope: Scope,
        *,
        patience: Patience | None = None,
        shared: RunState | None = None,
    ) -> None:
        self.scope = scope
        self._shared = shared or RunState()
        self._connection = connection
        self.patience = patience or Patience()
        self._changes = asyncio.Event()
        self._pods = self._informer(PODS, read_pod, labels=scope.labels)
        self._events = self._informer(EVENTS, read_event)
        self._claims = self._informer(CLAIMS, read_claim)
        self._slices = self._informer(ENDPOINT_SLICES, read_slice)
        self._graphs = self._informer(scope.graphs, read_graph_status)
        self._informers = (self._pods, self._events, self._claims, self._slices, self._graphs)
        self._task: Future[None] | None = None
        self._failure: DeployFailure | None = None
        self._settled_at: float | None = None
        self._contact = time.monotonic()
        self._is_back = asyncio.Event()
        self.snapshot = NamespaceSnapshot(expected=scope.expected, graph=scope.graph)

    def start(self) -> None:
        """Begin to follow."""
        self._task = self._connection.start(self._run())

    def stop(self) -> None:
        """Stop following; the last state stays."""
        if self._task is not None:
            self._task.cancel()

    def check(self) -> None:
        """Return at once when nothing is known to be wrong.

        Raises:
            DeployFailure: Something is, or the cluster's API has been away for too long.
        """
        if self._failure is not None:
            raise self._failure
        away = time.monotonic() - self._contact
        if away > ABSENT_SECONDS:
            raise DeployFailure(
                f"the cluster's API has not answered for {away:.0f} s",
                cause=f"{self._connection.server} is down, overloaded or not reachable from here",
            )
        if self._task is not None and self._task.done() and not self._task.cancelled():
            self._task.result()

    @property
    def is_held(self) -> bool:
        """Whether other graphs keep this one from coming up: by the operator, or by their room."""
        return is_held(self.snapshot, self._connection.client.now())

    @property
    def settled_for(self) -> float | None:
        """Seconds since all pods that are to be there were ready; None when some are not."""
        since = self._settled_at
        return time.monotonic() - since if since is not None else None

    def backends(self, service: str, port: str) -> tuple[Backend, ...]:
        """Return the pods that a Service sends requests to at the moment."""
        return backends(tuple(self._slices.items.values()), service=service, port=port)

    async def _run(self) -> None:
        client = self._connection.client
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow(client))
            group.create_task(self._pulse(client))
            group.create_task(self._diagnose(client))

    async def _follow(self, client: Client) -> None:
        """Keep the informers going, all again when the API was away and is back.

        A connection that a broken network has swallowed is silent for a long time.
        """
        while True:
            self._is_back.clear()
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(informer.follow(client)) for informer in self._informers]
                await self._is_back.wait()
                for task in tasks:
                    task.cancel()

    async def _pulse(self, client: Client) -> None:
        was_away = False
        while True:
            try:
                await asyncio.wait_for(client.json("GET", "/version"), PULSE_DEADLINE)
            except (UnreachableError, TimeoutError):
                was_away = True
            except ApiError:
                self._contact = time.monotonic()
            else:
                self._contact = time.monotonic()
                if was_away:
                    self._is_back.set()
                was_away = False
            await asyncio.sleep(PULSE_SECONDS)

    async def _diagnose(self, client: Client) -> None:
        while True:
            try:
                await asyncio.wait_for(self._changes.wait(), DIAGNOSE_SECONDS)
                await asyncio.sleep(CALM_SECONDS)
            except TimeoutError:
                pass
            self._changes.clear()
            self.snapshot = await self._read_snapshot(client)
            if not self.snapshot.is_settled:
                self._settled_at = None
            elif self._settled_at is None:
                self._settled_at = time.monotonic()
            if self._failure is None:
                self._failure = self._forbidden() or await self._first_failure(client)

    async def _read_snapshot(self, client: Client) -> NamespaceSnapshot:
        scope = self.scope
        current = (seen_since(pod, scope.since) for pod in self._pods.items.values())
        pods = sorted(current, key=lambda pod: pod.name)
        graphs = tuple(item for item in self._graphs.items.values() if item.name in scope.names)
        status = tuple(
            (graph.name, graph.state, graph.ready) for graph in graphs if graph.has_status
        )
        self._shared.saw(scope.holder, status, client.now())
        silent = bool(graphs) and (not pods or any(not graph.has_status for graph in graphs))
        return NamespaceSnapshot(
            expected=scope.expected,
            graph=scope.graph,
            pods=tuple(pods),
            deleted=tuple(seen_since(pod, scope.since) for pod in self._pods.deleted.values()),
            events=tuple(item for item in self._events.items.values() if self._is_own(item)),
            graphs=graphs,
            claims=tuple(self._claims.items.values()),
            around=await self._shared.around(client, scope.holder, silent=silent),
        )

    def _is_own(self, event: NamespaceEvent) -> bool:
        """Whether an event is about this deployment and not about what was here before."""
        scope = self.scope
        if scope.since is not None and last_seen(event) < scope.since:
            return False
        if event.kind == CLAIM:
            return True  # Claims are called as their authors like; only mounted ones are looked at.
        return not scope.labels or event.name.startswith(scope.graph)

    def _forbidden(self) -> DeployFailure | None:
        for informer in self._informers:
            if informer.refused is not None:
                return DeployFailure(
                    f"the cluster does not let us follow the {informer.resource.plural} of "
                    f"namespace {self.scope.namespace}: {informer.refused.message}",
                    cause="see docs/permissions.md for the permissions that a run needs",
                )
        return None

    async def _first_failure(self, client: Client) -> DeployFailure | None:
        diagnosis = next(diagnoses(self.snapshot, client.now(), self.patience), None)
        if diagnosis is None:
            return None
        lines = await self.last_lines(diagnosis.log) if diagnosis.log is not None else ()
        return diagnosis.failure(lines)

    async def last_lines(self, source: LogSource) -> tuple[str, ...]:
        """Return the last lines of a container, or those of its run before or after a restart."""
        client = self._connection.client
        path = PODS.path(self.scope.namespace, source.pod, sub="log")
        for previous in (source.previous, not source.previous):
            params = {"container": source.container, "tailLines": str(LOG_LINES)}
            if previous:
                params["previous"] = "true"
            try:
                text = await client.text(path, params=params)
            except ApiError:
                continue
            if text.strip():
                return tuple(text.splitlines())
        return ()

    def _informer(
        self, resource: Resource, read: Callable[[KubeObject], T], *, labels: str = ""
    ) -> Informer[T]:
        return Informer(
            resource,
            namespace=self.scope.namespace,
            labels=labels,
            read=read,
            changed=self._changes.set,
        )
