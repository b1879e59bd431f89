"""Snapshots of a namespace from objects as the API gives them, and their first diagnosis."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.targets.cluster.diagnoses import diagnoses
from dynamo_conformance.targets.cluster.namespace_snapshot import (
    NamespaceSnapshot,
    Surroundings,
    read_claim,
    read_event,
    read_graph_status,
    read_pod,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from dynamo_conformance.kube.resources import KubeObject
    from dynamo_conformance.targets.interface import DeployFailure


def snapshot(
    *,
    expected: dict[str, int] | None = None,
    graph: str = "",
    pods: Iterable[KubeObject] = (),
    events: Iterable[KubeObject] = (),
    graphs: Iterable[KubeObject] = (),
    claims: Iterable[KubeObject] = (),
    around: Surroundings | None = None,
) -> NamespaceSnapshot:
    """Return a snapshot of objects of the API."""
    return NamespaceSnapshot(
        expected=expected or {},
        graph=graph,
        pods=tuple(sorted((read_pod(value) for value in pods), key=lambda pod: pod.name)),
        events=tuple(read_event(event) for event in events),
        graphs=tuple(read_graph_status(value) for value in graphs),
        claims=tuple(read_claim(claim) for claim in claims),
        around=around or Surroundings(),
    )


def diagnose(view: NamespaceSnapshot, now: datetime) -> DeployFailure | None:
    """Return the first diagnosis as a failure, without log lines; None when all may yet be well."""
    first = next(diagnoses(view, now), None)
    return first.failure() if first is not None else None
