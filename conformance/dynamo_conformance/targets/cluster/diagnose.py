"""What is wrong with a graph, from what its namespace holds: pure, and in domain words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.targets.cluster.trouble import Patience
from dynamo_conformance.targets.cluster.troubles import (
    crash,
    creation,
    eviction,
    image,
    operator,
    scheduling,
    starting,
    storage,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from dynamo_conformance.targets.cluster.snapshot import Snapshot
    from dynamo_conformance.targets.cluster.trouble import Trouble
    from dynamo_conformance.targets.target import DeployFailure

SUBJECTS = (eviction, crash, image, starting, storage, scheduling, creation, operator)
"""In the order in which they explain: what a person would look at first comes first."""


def troubles(view: Snapshot, now: datetime, patience: Patience | None = None) -> Iterator[Trouble]:
    """Yield everything that keeps a graph from coming up, the most telling first.

    Args:
        view: The namespace.
        now: The time by the cluster's clock.
        patience: How long what may pass is given.
    """
    given = patience or Patience()
    for subject in SUBJECTS:
        yield from subject.find(view, now, given)


def diagnose(
    view: Snapshot, now: datetime, patience: Patience | None = None
) -> DeployFailure | None:
    """Return the first trouble as a failure, without log lines; None when all may yet be well."""
    first = next(troubles(view, now, patience), None)
    return first.failure() if first is not None else None
