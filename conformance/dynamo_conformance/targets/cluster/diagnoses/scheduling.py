"""A pod that no node takes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dynamo_conformance.targets.cluster.diagnosis import Diagnosis, age
from dynamo_conformance.targets.cluster.namespace_snapshot import SCHEDULED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from dynamo_conformance.targets.cluster.diagnosis import Patience
    from dynamo_conformance.targets.cluster.namespace_snapshot import NamespaceSnapshot, Pod

_BEYOND = re.compile(r"[.,] (?:no new claims to deallocate|preemption:|not found$)")
"""Where a scheduler's message goes on to what could be done to other pods."""

_FULL = re.compile(r"Insufficient \S+|Too many pods|didn't have free ports")
"""What passes when other pods end."""

_UNBOUND = "unbound immediate PersistentVolumeClaims"

UNSCHEDULABLE, GATED = "Unschedulable", "SchedulingGated"
DEFAULT_SCHEDULER = "default-scheduler"

_REASONS = {
    r"Insufficient (?P<word>[\w./-]+?)(?=[,.;]?(?:\s|$))": (
        "no node has enough {words} left",
        "add nodes with {words}, free some, or ask for less in resources",
    ),
    r"untolerated taint(?:\(s\)|s)? \{(?P<word>[^}]*)\}": (
        "every node that would do has a taint that it does not tolerate: {words}",
        "add a toleration for the taint to the component's pod template",
    ),
    r"didn't match Pod's node affinity(?P<word>)/selector": (
        "no node matches its nodeSelector or node affinity",
        "label the nodes, or correct nodeSelector",
    ),
    r'persistentvolumeclaim "(?P<word>[^"]+)" not found': (
        "the PersistentVolumeClaim {words} is not in the namespace",
        "create the claim {words} first, or bring it along",
    ),
    r"unbound immediate (?P<word>)PersistentVolumeClaims": (
        "a PersistentVolumeClaim that it mounts is not bound",
        "see why with `kubectl describe pvc`: no storage class, or no volume of that size and mode",
    ),
    r"didn't find available (?P<word>)persistent volumes to bind": (
        "no volume that is there fits a PersistentVolumeClaim that it mounts",
        "make a volume of that size, mode and class, or name a storage class that makes volumes",
    ),
    r"volume node affinity (?P<word>)conflict": (
        "its volume is on a node or in a zone where it finds no room",
        "free room there, or use storage that every node reaches",
    ),
    r"didn't have free (?P<word>)ports": (
        "a host port that it asks for is taken on every node",
        "use no hostPort, or one that is free",
    ),
    r"Too many (?P<word>)pods": (
        "every node runs as many pods as it may",
        "add nodes, or end other pods",
    ),
    r"node\(s\) were (?P<word>)unschedulable": (
        "every node that would do is cordoned",
        "uncordon a node (kubectl uncordon), or add one",
    ),
    r"no nodes available (?P<word>)to schedule": (
        "the cluster has no node",
        "add nodes",
    ),
    r"no scheduler (?P<word>\S+) looks at it": (
        "its scheduler {words} does not look at it",
        "install the scheduler {words}, or take schedulerName out of the pod template",
    ),
    r"scheduling gate (?P<word>\S.*)": (
        "nobody opens its scheduling gate {words}",
        "what holds pods back until all of a group can start does not run, or waits for room",
    ),
}


def find(view: NamespaceSnapshot, now: datetime, patience: Patience) -> Iterator[Diagnosis]:
    """Yield what keeps pods from getting a node, the same reason once for all of them."""
    stuck: dict[str, list[Pod]] = {}
    for pod in view.pods:
        if not pod.is_ending and (message := _message(view, pod, now, patience)):
            stuck.setdefault(message, []).append(pod)
    for message, pods in stuck.items():
        yield _diagnosis(message, pods)


def waits_for_room(view: NamespaceSnapshot, pod: Pod) -> bool:
    """Whether a pod waits for what other graphs of this run will give back."""
    scheduled = pod.conditions.get(SCHEDULED)
    return (
        view.around.is_crowded
        and not pod.is_ending
        and scheduled is not None
        and not scheduled.is_true
        and _FULL.search(_BEYOND.split(scheduled.message)[0]) is not None
    )


def _message(view: NamespaceSnapshot, pod: Pod, now: datetime, patience: Patience) -> str:
    """Return the scheduler's message about a pod that has waited too long, or nothing."""
    if waits_for_room(view, pod):
        return ""
    scheduled = pod.conditions.get(SCHEDULED)
    if scheduled is None:
        unseen = not pod.containers or all(not container.waiting for container in pod.containers)
        silent = unseen and age(pod.created, now) >= patience.operator
        alone = silent and pod.scheduler not in ("", DEFAULT_SCHEDULER)
        return f"no scheduler {pod.scheduler} looks at it" if alone else ""
    waited = age(scheduled.since, now)
    if view.around.room_since is not None:
        # What others have given back is the scheduler's to hand out, which takes it a moment.
        waited = min(waited, age(view.around.room_since, now))
    # Why a claim is not bound, the claim's own events show, and a little later.
    patient = patience.mounting if _UNBOUND in scheduled.message else patience.scheduling
    if scheduled.is_true or waited < patient:
        return ""
    if scheduled.reason == GATED and age(scheduled.since, now) < patience.operator:
        return ""
    if scheduled.reason == GATED:
        return f"held back by the scheduling gate {', '.join(pod.gates)}"
    return scheduled.message if scheduled.reason == UNSCHEDULABLE else ""


def _diagnosis(message: str, pods: list[Pod]) -> Diagnosis:
    names = list(dict.fromkeys(pod.component for pod in pods))
    who = f"component{'s' if len(names) > 1 else ''} {', '.join(names)}"
    others = f" and {len(pods) - 1} more" if len(pods) > 1 else ""
    where = f"(pod {pods[0].name}{others})"
    ours = _BEYOND.split(message)[0].rstrip(". ")
    explanations = [
        (reason.format(words=words), cause.format(words=words))
        for pattern, (reason, cause) in _REASONS.items()
        if (words := ", ".join(dict.fromkeys(_words(pattern, ours)))) or re.search(pattern, ours)
    ]
    if not explanations:
        return Diagnosis(what=f"{who} cannot be scheduled {where}: {message}")
    reasons = "; ".join(reason for reason, _ in explanations)
    scheduled = pods[0].conditions.get(SCHEDULED)
    by_scheduler = scheduled is not None and scheduled.reason == UNSCHEDULABLE
    quoted = f". The scheduler reports: {ours}" if by_scheduler else ""
    return Diagnosis(
        what=f"{who} cannot be scheduled {where}: {reasons}{quoted}",
        cause="; ".join(cause for _, cause in explanations),
    )


def _words(pattern: str, text: str) -> list[str]:
    return [
        match["word"].strip().rstrip(":") for match in re.finditer(pattern, text) if match["word"]
    ]
