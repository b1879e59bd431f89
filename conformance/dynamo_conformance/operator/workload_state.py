"""How far the workload of a component has come, read from the object that runs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dynamo_conformance.kube.resources import table
from dynamo_conformance.rendering.labels import COMPONENT, RESTARTED_AT, WORKER_HASH
from dynamo_conformance.rendering.pod import DEPLOYMENT, LEADER_WORKER_SET

if TYPE_CHECKING:
    from dynamo_conformance.kube.resources import KubeObject
    from dynamo_conformance.manifest.node import Plain


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadState:
    """The state of one workload.

    Attributes:
        kind: Deployment or LeaderWorkerSet.
        name: Its name.
        component: The component that it runs.
        generation: The hash of the workers' generation; empty for other components.
        created: When it was made, in an order that text has too.
        wanted: How many copies its spec wants.
        replicas: How many there are; what is ending does not count.
        updated: How many are of the newest template.
        ready: How many are ready.
        available: How many have been ready for long enough; None where nobody counts that.
        is_observed: Whether its own controller has seen the newest spec.
        is_available: Whether its own controller calls it available.
        is_paused: Whether its rollout is halted.
        restarted: The id of the last restart that its pods carry.
    """

    kind: str
    name: str
    component: str
    generation: str
    created: str
    wanted: int
    replicas: int
    updated: int
    ready: int
    available: int | None
    is_observed: bool
    is_available: bool
    is_paused: bool
    restarted: str | None

    @property
    def serving(self) -> int:
        """How many copies do their work."""
        return self.ready if self.available is None else self.available

    @property
    def is_ready(self) -> bool:
        """Whether all wanted copies run, and no others."""
        if self.is_paused:
            return False
        if self.wanted == 0:
            return True
        enough = min(self.updated, self.serving) >= self.wanted
        return self.is_observed and enough and self.replicas == self.wanted and self.is_available

    @property
    def is_drained(self) -> bool:
        """Whether no copy is wanted and its own controller has none left."""
        return self.wanted == 0 and self.is_observed and self.replicas == 0


def workload_state(live: KubeObject) -> WorkloadState | None:
    """Return the state of a workload, or None when the object is none."""
    if live.kind not in (DEPLOYMENT, LEADER_WORKER_SET):
        return None
    status = table(live.get("status"))
    is_deployment = live.kind == DEPLOYMENT
    return WorkloadState(
        kind=live.kind,
        name=live.name,
        component=live.labels.get(COMPONENT, ""),
        generation=live.labels.get(WORKER_HASH, ""),
        created=str(live.metadata.get("creationTimestamp") or ""),
        wanted=_count(live.spec.get("replicas"), missing=1),
        replicas=_count(status.get("replicas")),
        updated=_count(status.get("updatedReplicas")),
        ready=_count(status.get("readyReplicas")),
        available=_count(status.get("availableReplicas")) if is_deployment else None,
        is_observed=_is_observed(live, status),
        is_available=_is_available(status),
        is_paused=live.spec.get("paused") is True,
        restarted=_restarted(live),
    )


def _count(value: Plain, *, missing: int = 0) -> int:
    return value if isinstance(value, int) else missing


def _is_observed(live: KubeObject, status: dict[str, Plain]) -> bool:
    """Whether a status is that of the newest spec; a LeaderWorkerSet's may not show it."""
    generation = _count(live.metadata.get("generation"))
    missing = 0 if live.kind == DEPLOYMENT else generation
    return _count(status.get("observedGeneration"), missing=missing) >= generation


def _is_available(status: dict[str, Plain]) -> bool:
    conditions = status.get("conditions")
    return any(
        table(condition).get("type") == "Available" and table(condition).get("status") == "True"
        for condition in (conditions if isinstance(conditions, list) else ())
    )


def _restarted(live: KubeObject) -> str | None:
    template = table(live.spec.get("template"))
    if live.kind == LEADER_WORKER_SET:
        template = table(table(live.spec.get("leaderWorkerTemplate")).get("leaderTemplate"))
    annotations = table(table(template.get("metadata")).get("annotations"))
    restarted = annotations.get(RESTARTED_AT)
    return restarted if isinstance(restarted, str) else None
