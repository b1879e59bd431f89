"""What the graphs of one run share: the operator's attention, and the room on the nodes."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING

from dynamo_conformance.kube.errors import ApiError
from dynamo_conformance.kube.labels import OPERATOR, OPERATOR_NAMESPACE, PART
from dynamo_conformance.kube.resources import DEPLOYMENTS, LEASES, PODS, as_mapping
from dynamo_conformance.manifest.node import Mapping
from dynamo_conformance.targets.cluster.namespace_snapshot import (
    OperatorState,
    Surroundings,
    read_operator,
)

if TYPE_CHECKING:
    from collections.abc import Hashable
    from datetime import datetime

    from dynamo_conformance.kube.client import Client
    from dynamo_conformance.kube.resources import KubeObject

READ_SECONDS = 3.0
"""How old what is known of the operator may be."""

OPERATORS = (
    (None, "app.kubernetes.io/part-of=dynamo-operator"),
    # What the reference operator makes for graphs carries its label too, in other namespaces.
    (OPERATOR_NAMESPACE, f"{PART}={OPERATOR}"),
)
"""Where the operator's Deployment is, and its labels: in the chart dynamo-platform, and our own."""


class RunState:
    """What the graphs of a run know of each other; all threads may use it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holders: set[str] = set()
        self._left: datetime | None = None
        self._seen: dict[str, tuple[Hashable, ...]] = {}
        self._progress: datetime | None = None
        self._reading = asyncio.Lock()
        self._read_at = -READ_SECONDS
        self._operators: tuple[OperatorState, ...] | None = None

    def enter(self, holder: str) -> None:
        """Note that a graph takes room from now on."""
        with self._lock:
            self._holders.add(holder)

    def leave(self, holder: str, now: datetime) -> None:
        """Note that nothing is left of a graph."""
        with self._lock:
            self._holders.discard(holder)
            self._left = now

    def saw(self, holder: str, status: tuple[Hashable, ...], now: datetime) -> None:
        """Note the status that the operator gave graphs: a new status is a sign of progress."""
        with self._lock:
            if status and self._seen.get(holder) != status:
                self._seen[holder] = status
                self._progress = now

    async def around(self, client: Client, holder: str, *, silent: bool) -> Surroundings:
        """Return what is around a deployment.

        Args:
            client: The cluster's API.
            holder: The deployment.
            silent: Whether the operator has not looked at it yet, so that we look at the operator.
        """
        operators = await self._read_operators(client) if silent else None
        with self._lock:
            return Surroundings(
                operators=operators,
                progress=self._progress,
                is_crowded=bool(self._holders - {holder}),
                room_since=self._left,
            )

    async def _read_operators(self, client: Client) -> tuple[OperatorState, ...] | None:
        async with self._reading:
            if time.monotonic() - self._read_at >= READ_SECONDS:
                self._operators = await _operators(client)
                self._read_at = time.monotonic()
            return self._operators


async def _operators(client: Client) -> tuple[OperatorState, ...] | None:
    """Return every Dynamo operator of the cluster, or None when we may not see them."""
    try:
        deployments = [
            operator
            for namespace, labels in OPERATORS
            for operator in (await client.list(DEPLOYMENTS, namespace=namespace, labels=labels))[0]
        ]
        return tuple([await _operator(client, deployment) for deployment in deployments])
    except ApiError:
        return None


async def _operator(client: Client, deployment: KubeObject) -> OperatorState:
    namespace = deployment.namespace or ""
    spec = as_mapping(deployment).mapping("spec") or Mapping()
    selector = spec.mapping("selector") or Mapping()
    wanted = selector.mapping("matchLabels") or Mapping()
    labels = ",".join(f"{label.key}={wanted.string(label.key)}" for label in wanted)
    pods, _ = await client.list(PODS, namespace=namespace, labels=labels)
    try:
        leases, _ = await client.list(LEASES, namespace=namespace)
    except ApiError:
        leases = []
    return read_operator(deployment, pods=pods, leases=leases)
