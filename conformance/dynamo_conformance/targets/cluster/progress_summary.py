"""How far a deployment has come, in a line for people who wait."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dynamo_conformance.targets.cluster.namespace_snapshot import NamespaceSnapshot, Pod

_PULLING = "Pulling"


def progress_summary(view: NamespaceSnapshot) -> str:
    """Return what has come up and what is waited for."""
    wanted = max(sum(view.expected.values()), len(view.pods))
    if not view.pods:
        return "no pod is there yet"
    waiting = [
        f"{pod.component}: {_doing(view, pod)}"
        for pod in view.pods
        if not pod.is_ready and not pod.is_ending
    ]
    summary = f"{len(view.ready_pods)} of {wanted} pods are ready"
    return "; ".join((summary, *dict.fromkeys(waiting)))


def _doing(view: NamespaceSnapshot, pod: Pod) -> str:
    scheduled = pod.conditions.get("PodScheduled")
    if scheduled is None or not scheduled.is_true:
        return "waits for a node"
    for container in pod.containers:
        if container.ended is not None and container.ended.code == 0 and container.is_init:
            continue
        if container.waiting:
            last = next(iter(reversed(view.events_of("Pod", pod.name))), None)
            if last is not None and last.reason == _PULLING:
                return f"pulls the image {container.image}"
            return f"{container.waiting} ({container.name})"
        if container.is_init:
            return f"runs its init container {container.name}"
        if not container.ready:
            message = next(
                (
                    event.message
                    for event in reversed(view.events_of("Pod", pod.name))
                    if event.reason == "Unhealthy"
                ),
                "",
            )
            return f"runs, and is not ready{f': {message}' if message else ''}"
    return "is not ready"
