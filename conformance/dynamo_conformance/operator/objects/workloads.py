"""Workloads as the objects that run them: Deployments, and LeaderWorkerSets over several nodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dynamo_conformance.kube.resources import kube_object
from dynamo_conformance.manifest.quantity import parse_whole
from dynamo_conformance.operator.objects.last_applied import noted
from dynamo_conformance.rendering.pod import DEPLOYMENT, LEADER_WORKER_SET

if TYPE_CHECKING:
    from dynamo_conformance.kube.resources import KubeObject, Owner
    from dynamo_conformance.manifest.node import Plain
    from dynamo_conformance.rendering.pod import PodTemplate, Workload


API_VERSIONS = {DEPLOYMENT: "apps/v1", LEADER_WORKER_SET: "leaderworkerset.x-k8s.io/v1"}


def workload_object(workload: Workload, *, owner: Owner, replicas: int | None = None) -> KubeObject:
    """Return the object that runs a component.

    Args:
        workload: What is to run.
        owner: The graph as its API server knows it.
        replicas: How many copies run, when it is not as many as the component asks for.
    """
    copies = workload.replicas if replicas is None else replicas
    made = kube_object(
        API_VERSIONS[workload.kind],
        workload.kind,
        workload.name,
        namespace=workload.context.namespace,
        owner=owner,
        labels=workload.labels,
        annotations=workload.annotations,
        spec=_deployment(workload, copies) if workload.follower is None else _set(workload, copies),
    )
    return noted(made)


def _deployment(workload: Workload, replicas: int) -> dict[str, Plain]:
    return {
        "replicas": replicas,
        "selector": {"matchLabels": {**workload.selector}},
        "strategy": strategy(workload.annotations).spec(),
        "template": _template(workload.leader),
    }


def _set(workload: Workload, replicas: int) -> dict[str, Plain]:
    """Return the spec of a LeaderWorkerSet: a group is replaced whole, one group at a time."""
    assert workload.follower is not None  # noqa: S101 - narrows for the type checker
    return {
        "replicas": replicas,
        "leaderWorkerTemplate": {
            "size": workload.size,
            "restartPolicy": "RecreateGroupOnPodRestart",
            "leaderTemplate": _template(workload.leader),
            "workerTemplate": _template(workload.follower),
        },
        "networkConfig": {"subdomainPolicy": "Shared"},
        "rolloutStrategy": {
            "type": "RollingUpdate",
            "rollingUpdateConfiguration": {"maxSurge": 0, "maxUnavailable": 1, "partition": 0},
        },
        "startupPolicy": "LeaderCreated",
    }


def _template(template: PodTemplate) -> dict[str, Plain]:
    metadata: dict[str, Plain] = {"labels": {**template.labels}}
    if template.annotations:
        metadata["annotations"] = {**template.annotations}
    return {"metadata": metadata, "spec": template.spec.plain()}


STRATEGY = "nvidia.com/deployment-strategy"
MAX_SURGE = "nvidia.com/deployment-rolling-update-max-surge"
MAX_UNAVAILABLE = "nvidia.com/deployment-rolling-update-max-unavailable"

RECREATE = "Recreate"
_QUARTER = "25%"
_WHOLE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Strategy:
    """How pods are replaced.

    Attributes:
        recreate: All old ones end before a new one starts.
        max_surge: How many more than wanted may run meanwhile: a number, or a share as `25%`.
        max_unavailable: How many of the wanted may be missing meanwhile, likewise.
    """

    recreate: bool
    max_surge: str
    max_unavailable: str

    def spec(self) -> dict[str, Plain]:
        """Return a Deployment's `strategy`."""
        if self.recreate:
            return {"type": RECREATE}
        return {
            "type": "RollingUpdate",
            "rollingUpdate": {
                "maxSurge": _int_or_share(self.max_surge),
                "maxUnavailable": _int_or_share(self.max_unavailable),
            },
        }

    def limits(self, wanted: int) -> tuple[int, int]:
        """Return surge and unavailability as numbers of pods, at least one of them above 0."""
        surge = _count(self.max_surge, wanted, round_up=True)
        unavailable = _count(self.max_unavailable, wanted, round_up=False)
        return (surge, unavailable) if surge or unavailable else (1, 0)


def strategy(annotations: dict[str, str]) -> Strategy:
    """Return the strategy that a component's annotations ask for."""
    return Strategy(
        recreate=annotations.get(STRATEGY) == RECREATE,
        max_surge=annotations.get(MAX_SURGE) or _QUARTER,
        max_unavailable=annotations.get(MAX_UNAVAILABLE) or _QUARTER,
    )


def _int_or_share(text: str) -> int | str:
    number = parse_whole(text)
    return text if number is None else number


def _count(text: str, wanted: int, *, round_up: bool) -> int:
    """Return a number or a share as a number of pods; what is neither counts as none."""
    share = parse_whole(text.removesuffix("%"))
    if share is None or share < 0:
        return 0
    if not text.endswith("%"):
        return share
    parts = share * wanted
    return -(-parts // _WHOLE) if round_up else parts // _WHOLE
