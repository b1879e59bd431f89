"""What keeps a graph from coming up, from a snapshot of its namespace.

Each module looks at one subject: `eviction` (a node or the scheduler ended the pod), `crash` (a
container ended, or its probe killed it), `image_pull`, `container_start` (containers that cannot be
made, volumes that cannot be mounted), `volume_claims` (claims without a volume), `scheduling` (no
node takes the pod), `creation` (the API server refuses the pod), `operator_errors` (what the
operator reports, and its silence). Its `find` yields a `Diagnosis` for each problem.
"""

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

SUBJECTS = (
    eviction, crash, image_pull, container_start, volume_claims, scheduling, creation,
    operator_errors,
)  # fmt: skip
"""In the order in which a person would look at them."""


def diagnoses(
    view: NamespaceSnapshot, now: datetime, patience: Patience | None = None
) -> Iterator[Diagnosis]:
    """Yield everything that keeps a graph from coming up, the most helpful first.

    Args:
        view: The namespace.
        now: The time by the cluster's clock.
        patience: How long what may pass is given.
    """
    limits = patience or Patience()
    for subject in SUBJECTS:
        yield from subject.find(view, now, limits)
