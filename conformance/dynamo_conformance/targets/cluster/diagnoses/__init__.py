"""What is wrong with a graph, from what its namespace holds: pure, and in domain words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.targets.cluster.diagnoses import (
    container_start,
    crash,
    creation,
    eviction,
    image_pull,
    operator_errors,
    scheduling,
    volume_claims,
)
from dynamo_conformance.targets.cluster.diagnosis import Patience

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from dynamo_conformance.targets.cluster.diagnosis import Diagnosis
    from dynamo_conformance.targets.cluster.namespace_snapshot import NamespaceSnapshot
    from dynamo_conformance.targets.interface import DeployFailure

SUBJECTS = (
    eviction, crash, image_pull, container_start, volume_claims, scheduling, creation,
    operator_errors,
)  # fmt: skip
"""In the order in which they explain: what a person would look at first comes first."""


def diagnoses(
    view: NamespaceSnapshot, now: datetime, patience: Patience | None = None
) -> Iterator[Diagnosis]:
    """Yield everything that keeps a graph from coming up, the most telling first.

    Args:
        view: The namespace.
        now: The time by the cluster's clock.
        patience: How long what may pass is given.
    """
    limits = patience or Patience()
    for subject in SUBJECTS:
        yield from subject.find(view, now, limits)


def diagnose(
    view: NamespaceSnapshot, now: datetime, patience: Patience | None = None
) -> DeployFailure | None:
    """Return the first trouble as a failure, without log lines; None when all may yet be well."""
    first = next(diagnoses(view, now, patience), None)
    return first.failure() if first is not None else None
