"""A pod that was taken from its node."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.targets.cluster.diagnosis import Diagnosis
from dynamo_conformance.targets.cluster.namespace_snapshot import FAILED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from dynamo_conformance.targets.cluster.diagnosis import Patience
    from dynamo_conformance.targets.cluster.namespace_snapshot import NamespaceSnapshot, Pod

DISRUPTED = "DisruptionTarget"

OWN_LIMIT = "exceeds the limit"

_WORDS = {
    "Evicted": ("was evicted from its node", "the node ran short of memory or disk"),
    "PreemptionByScheduler": (
        "had to give way to a pod of higher priority",
        "give it a priority class, or free room for both",
    ),
    "DeletionByTaintManager": (
        "was removed because its node got a taint",
        "the node is not ready or not reachable",
    ),
    "EvictionByEvictionAPI": ("was evicted by request", "somebody drains the node"),
    "DeletionByPodGC": ("was removed because its node was deleted", "the node left the cluster"),
    "TerminationByKubelet": (
        "was ended by its node",
        "the node ran short of memory or disk, or shuts down",
    ),
    "Preempting": ("had to give way to a critical pod of the node", "free room on the node"),
    "UnexpectedAdmissionError": (
        "was refused by its node",
        "a device (GPU) that the scheduler counted is not there any more",
    ),
    "NodeAffinity": ("was refused by its node", "the node's labels have changed"),
    "NodeLost": ("is on a node that does not answer", "the node is down"),
    "Shutdown": ("was ended with its node", "the node shuts down"),
    "Terminated": ("was ended with its node", "the node shuts down"),
}


def find(view: NamespaceSnapshot, _now: datetime, _patience: Patience) -> Iterator[Diagnosis]:
    """Yield each pod that its node or the scheduler has ended."""
    for pod in view.pods:
        disrupted = pod.conditions.get(DISRUPTED)
        if disrupted is not None and disrupted.is_true:
            yield _diagnosis(pod, disrupted.reason, pod.message or disrupted.message)
        elif pod.phase == FAILED and pod.reason:
            yield _diagnosis(pod, pod.reason, pod.message)


def _diagnosis(pod: Pod, reason: str, message: str) -> Diagnosis:
    # What a node has too little of is named by reasons such as OutOfcpu and OutOfnvidia.com/gpu.
    resource = reason.removeprefix("OutOf")
    if resource != reason:
        what, cause = f"was refused by its node: no {resource} left", "free some, or ask for less"
    else:
        what, cause = _WORDS.get(reason, (f"was ended by its node ({reason})", ""))
    if OWN_LIMIT in message:
        cause = "raise sizeLimit or limits.ephemeral-storage, or have it write less"
    details = f": {message.strip()}" if message else ""
    return Diagnosis(
        what=f"component {pod.component} {what} (pod {pod.name}){details}", cause=cause
    )
