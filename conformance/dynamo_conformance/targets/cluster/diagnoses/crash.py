"""A container that ended: by itself, for want of memory, or killed by its own probe."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dynamo_conformance.targets.cluster.diagnosis import Diagnosis, LogSource, age
from dynamo_conformance.targets.exit_cause import how_it_ended

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from dynamo_conformance.targets.cluster.diagnosis import Patience
    from dynamo_conformance.targets.cluster.namespace_snapshot import (
        Ended,
        NamespaceEvent,
        NamespaceSnapshot,
        Pod,
        PodContainer,
    )

OUT_OF_MEMORY = "OOMKilled"
NOT_STARTED = ("StartError", "ContainerCannotRun")

EVENT_SECONDS = 3.0
"""How long the kubelet's event about a container may take."""

_WRAPPED = re.compile(
    r"(?:failed to (?:create|start) [^:]+: |OCI runtime create failed: |runc create failed: |"
    r"unable to start container process: |error during container init: )+"
)
_NO_PROGRAM = re.compile(r'exec: "(?P<program>[^"]*)"[^:]*: (?P<why>[^\n]*)')
_KILLED = re.compile(r"[Cc]ontainer \S+ failed (?P<probe>liveness|startup) probe")


def find(view: NamespaceSnapshot, now: datetime, _patience: Patience) -> Iterator[Diagnosis]:
    """Yield each container that has ended and should not have."""
    for pod in (*view.pods, *view.deleted):
        for container in pod.containers:
            killed = _killing(view, pod, container)
            ended = _end(view, pod, container, now)
            if killed is not None and (ended is None or ended.reason != OUT_OF_MEMORY):
                yield _killed_by_probe(view, pod, container, killed)
            elif ended is not None:
                yield _ended(pod, container, ended)


def _end(view: NamespaceSnapshot, pod: Pod, container: PodContainer, now: datetime) -> Ended | None:
    """Return the end that was none of its business: an init container's good end is its job."""
    for ended in (container.ended, container.ended_before):
        if ended is None or _by_deletion(view, pod, container, ended, now):
            continue
        may_end = container.is_init or not pod.restarts
        if ended.code != 0 or not may_end:
            return ended
    return None


def _by_deletion(
    view: NamespaceSnapshot, pod: Pod, container: PodContainer, ended: Ended, now: datetime
) -> bool:
    """Whether a container ended because its pod was deleted.

    Groups of pods are deleted when one of them ends, so the deletion alone is no proof; and once
    all of a pod has ended, its deletion is dated again. The kubelet's event that it stopped the
    container is, and it may still be on its way.
    """
    since = pod.ending_since
    if since is None:
        return False
    if ended.at is None or ended.at > since:
        return True
    stopped = any(
        event.reason == "Killing"
        and event.container in ("", container.name)
        and not _KILLED.search(event.message)
        for event in view.events_of("Pod", pod.name)
    )
    return stopped or age(since, now) < EVENT_SECONDS


def _ended(pod: Pod, container: PodContainer, ended: Ended) -> Diagnosis:
    who = f"component {pod.component}{container.title}"
    where = f"(pod {pod.name})"
    log = LogSource(pod.name, container.name, previous=container.ended is None)
    if ended.reason == OUT_OF_MEMORY:
        limit = f" of {container.memory_limit}" if container.memory_limit else ""
        return Diagnosis(
            what=f"{who} was killed because it took more memory than its limit{limit} {where}",
            cause="raise limits.memory, or have the engine use less: a smaller model, context or "
            "batch",
            log=log,
        )
    if ended.reason in NOT_STARTED:
        return _not_started(who, where, ended.message)
    what = f"{who} {how_it_ended(ended.code)} {where}"
    if ended.code == 0:
        cause = "a server stays: check command and args, they start something that comes to an end"
        return Diagnosis(what=what, cause=cause, log=log)
    return Diagnosis(what=what, log=log, code=ended.code)


def _not_started(who: str, where: str, message: str) -> Diagnosis:
    match = _NO_PROGRAM.search(message)
    if match is None:
        return Diagnosis(what=f"{who} cannot be started {where}: {_WRAPPED.sub('', message)}")
    program, why = match["program"], match["why"].removesuffix(": unknown")
    return Diagnosis(
        what=f"{who} cannot be started {where}: {program}: {why}",
        cause=f"the image has no program {program}: check command and args, one word per item",
    )


def not_started(pod: Pod, container: PodContainer, message: str) -> Diagnosis:
    """Return the diagnosis of a container that the runtime could not start."""
    return _not_started(f"component {pod.component}{container.title}", f"(pod {pod.name})", message)


def _killing(view: NamespaceSnapshot, pod: Pod, container: PodContainer) -> NamespaceEvent | None:
    """Return the event by which the kubelet reports that a probe has killed the container."""
    for event in reversed(view.events_of("Pod", pod.name)):
        about_it = event.container in ("", container.name)
        if event.reason == "Killing" and about_it and _KILLED.search(event.message):
            return event
    return None


def _killed_by_probe(
    view: NamespaceSnapshot, pod: Pod, container: PodContainer, killed: NamespaceEvent
) -> Diagnosis:
    match = _KILLED.search(killed.message)
    probe = match["probe"] if match is not None else "liveness"
    message = next(
        (
            event.message
            for event in reversed(view.events_of("Pod", pod.name))
            if event.reason == "Unhealthy" and event.message.lower().startswith(probe)
        ),
        "",
    )
    what = (
        f"component {pod.component}{container.title} was killed by its {probe} probe "
        f"(pod {pod.name})"
    )
    return Diagnosis(
        what=f"{what}: {message}" if message else what,
        cause=f"it was too busy or too slow for its {probe} probe, or hangs: give the probe more "
        "time (timeoutSeconds, failureThreshold), or find out from the log what it was doing",
        log=LogSource(pod.name, container.name, previous=container.restarts > 0),
    )
