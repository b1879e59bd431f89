"""A container that the kubelet cannot make or start, and a volume that it cannot mount."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dynamo_conformance.targets.cluster.diagnoses.crash import not_started
from dynamo_conformance.targets.cluster.diagnosis import Diagnosis, age

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from dynamo_conformance.targets.cluster.diagnosis import Patience
    from dynamo_conformance.targets.cluster.namespace_snapshot import (
        NamespaceEvent,
        NamespaceSnapshot,
        Pod,
        PodContainer,
    )

CONFIGURED_WRONG = "CreateContainerConfigError"
NOT_MADE = ("CreateContainerError", "RunContainerError", "PreStartHookError", "PostStartHookError")
SET_UP = "PodReadyToStartContainers"
AFTER_SETTING_UP = ("Pulling", "Pulled", "Created", "Started")
NOT_MOUNTED, NO_SANDBOX = ("FailedMount", "FailedAttachVolume"), "FailedCreatePodSandBox"

_MISSING = re.compile(r'(?P<kind>secret|configmap) "(?P<name>[^"]+)" not found', re.IGNORECASE)
_NO_KEY = re.compile(
    r"couldn't find key (?P<key>\S+) in (?P<kind>Secret|ConfigMap) \S+/(?P<name>\S+)"
)
_NO_ITEM = re.compile(r"references non-existent (?P<kind>secret|config) key: (?P<key>\S+)")
_AS_ROOT = re.compile(r"runAsNonRoot and image will run as root")
_BUSY = re.compile(r"failed to sync \w+ cache|bound to a pod scheduled on a different node")
_VOLUME = re.compile(r'for volume "(?P<volume>[^"]+)"')
_KINDS = {"secret": "Secret", "configmap": "ConfigMap", "config": "ConfigMap"}


def find(view: NamespaceSnapshot, now: datetime, patience: Patience) -> Iterator[Diagnosis]:
    """Yield what keeps pods that have a node from starting."""
    for pod in view.pods:
        if pod.is_ending:
            continue
        for container in pod.containers:
            if container.waiting == CONFIGURED_WRONG:
                yield _configured_wrong(pod, container)
            elif container.waiting in NOT_MADE:
                yield not_started(pod, container, container.waiting_message)
        if not _is_set_up(view, pod):
            yield from _not_mounted(view, pod, now, patience)


def _is_set_up(view: NamespaceSnapshot, pod: Pod) -> bool:
    """Whether the node has mounted what a pod mounts, whatever it reported before."""
    network = pod.conditions.get(SET_UP)
    return (
        (network is not None and network.is_true)
        or any(
            container.runs or container.ended or container.ended_before
            for container in pod.containers
        )
        or _has_gone_on(view.events_of("Pod", pod.name))
    )


def _has_gone_on(events: Sequence[NamespaceEvent]) -> bool:
    """Tell whether the node came to a pod's containers after the last thing it could not set up.

    A node under load may be half a minute late with the status of a pod; its events are there.
    """
    for event in reversed(events):
        if event.reason in (*NOT_MOUNTED, NO_SANDBOX):
            return False
        if event.reason in AFTER_SETTING_UP:
            return True
    return False


def _configured_wrong(pod: Pod, container: PodContainer) -> Diagnosis:
    who = f"component {pod.component}{container.title}"
    message = container.waiting_message
    reason, cause = missing(message)
    if reason:
        return Diagnosis(what=f"{who} needs {reason} (pod {pod.name})", cause=cause)
    if _AS_ROOT.search(message):
        return Diagnosis(
            what=f"{who}: its image runs as root, and runAsNonRoot forbids that (pod {pod.name})",
            cause="set securityContext.runAsUser to a user that the image knows",
        )
    return Diagnosis(what=f"{who} cannot be configured (pod {pod.name}): {message}")


def missing(message: str) -> tuple[str, str]:
    """Return which Secret, ConfigMap or key is not there and what to do, or two empty strings."""
    if (match := _MISSING.search(message)) is not None:
        kind = _KINDS[match["kind"].lower()]
        reason = f"the {kind} {match['name']}, which is not in the namespace"
        return reason, f"create the {kind} {match['name']} first, or bring it along"
    if (match := _NO_KEY.search(message)) is not None:
        what = f"the {match['kind']} {match['name']}"
        reason = f"the key {match['key']} of {what}, which has no such key"
        return reason, f"put {match['key']} into {what}"
    if (match := _NO_ITEM.search(message)) is not None:
        kind = _KINDS[match["kind"]]
        reason = f"the key {match['key']} of a {kind}, which has no such key"
        return reason, f"put {match['key']} into the {kind}, or correct the volume's items"
    return "", ""


def _not_mounted(
    view: NamespaceSnapshot, pod: Pod, now: datetime, patience: Patience
) -> Iterator[Diagnosis]:
    for event in reversed(view.events_of("Pod", pod.name)):
        lasting = age(event.first, now)
        if event.reason in NOT_MOUNTED:
            reason, cause = missing(event.message)
            # Under load a node, and what the API server knows about it, are late; it tries again.
            waits = patience.load if _BUSY.search(event.message) else patience.mounting
            if lasting >= (patience.creation if reason else waits):
                yield _mount_diagnosis(pod, event, reason, cause)
                return
        elif event.reason == NO_SANDBOX and lasting >= patience.mounting:
            yield Diagnosis(
                what=f"component {pod.component}: the node cannot set up pod {pod.name}: "
                f"{event.message}",
                cause="the node's container runtime or network is not in order",
            )
            return


def _mount_diagnosis(pod: Pod, event: NamespaceEvent, reason: str, cause: str) -> Diagnosis:
    match = _VOLUME.search(event.message)
    volume = f"volume {match['volume']}" if match is not None else "a volume"
    who = f"component {pod.component}: {volume}"
    if reason:
        return Diagnosis(what=f"{who} needs {reason} (pod {pod.name})", cause=cause)
    return Diagnosis(what=f"{who} cannot be mounted (pod {pod.name}): {event.message}")
