"""Workloads as the objects that run them: Deployments, and LeaderWorkerSets over several nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.kube.resources import kube_object
from dynamo_conformance.operator.objects.bookkeeping import noted
from dynamo_conformance.operator.objects.strategy import strategy
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
