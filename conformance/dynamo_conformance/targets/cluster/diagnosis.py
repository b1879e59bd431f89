"""A diagnosis: what keeps a graph from coming up, and how long that may last."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dynamo_conformance.targets.exit_cause import likely_cause
from dynamo_conformance.targets.interface import DeployFailure

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

LOG_LINES = 12


@dataclass(frozen=True, slots=True)
class LogSource:
    """Where the last words about a failure are: a container's log, or that before its restart."""

    pod: str
    container: str
    previous: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """What keeps a graph from coming up.

    Attributes:
        what: What happened, in one sentence.
        cause: The likely cause and what to do; empty when the log has to show it.
        log: Where the last words are, or None when there are none.
        code: How a container ended, negative for a signal.
    """

    what: str
    cause: str = ""
    log: LogSource | None = None
    code: int | None = None

    def failure(self, lines: tuple[str, ...] = ()) -> DeployFailure:
        """Return it as a failure, with the lines that `log` holds."""
        cause = self.cause
        if not cause and self.code is not None:
            cause = likely_cause(self.code, lines)
        return DeployFailure(self.what, cause=cause, log=lines[-LOG_LINES:])


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How many seconds to wait for a problem that may pass by itself.

    Attributes:
        scheduling: For a node with room; clusters that scale up need minutes.
        storage: For a claim to be bound.
        provisioning: For a volume that its provisioner has begun to make.
        pulling: For a registry that is slow or busy.
        creation: For what pods need and others make beside them (a service account, a script).
        mounting: For a volume that cannot be mounted.
        load: For a node that is too busy to do so.
        reconcile: For an error that the operator tries to overcome.
        operator: For an operator to notice the graph at all.
        unseen: The same, where we may not see whether it runs.
        alive: The same, after the last sign that it works: others may wait before this graph.
        lease: For an operator to renew its lease.
    """

    scheduling: float = 5.0
    storage: float = 10.0
    provisioning: float = 90.0
    pulling: float = 30.0
    creation: float = 5.0
    mounting: float = 30.0
    load: float = 120.0
    reconcile: float = 4.0
    operator: float = 20.0
    unseen: float = 60.0
    alive: float = 180.0
    lease: float = 60.0


def age(since: datetime | None, now: datetime) -> float:
    """Return how many seconds ago something was; 0 when nobody knows."""
    return (now - since).total_seconds() if since is not None else 0.0


def explained(table: Mapping[str, tuple[str, str]], message: str) -> tuple[str, str] | None:
    """Return what a message means and what to do, by the first pattern of `table` that it matches.

    Args:
        table: Reason and cause for each pattern; `{NAME}` in them is what its group NAME matched.
        message: What a server or a controller wrote.
    """
    for pattern, (reason, cause) in table.items():
        if (match := re.search(pattern, message)) is not None:
            words = {key: value.strip() for key, value in match.groupdict().items()}
            return reason.format(**words), cause.format(**words)
    return None
