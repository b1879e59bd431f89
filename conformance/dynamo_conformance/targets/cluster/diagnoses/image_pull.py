"""An image that a node cannot get."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dynamo_conformance.targets.cluster.diagnosis import Diagnosis, age

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from dynamo_conformance.targets.cluster.diagnosis import Patience
    from dynamo_conformance.targets.cluster.namespace_snapshot import (
        NamespaceSnapshot,
        Pod,
        PodContainer,
    )

INVALID, NEVER = "InvalidImageName", "ErrImageNeverPull"
_REASONS = (
    "ErrImagePull",
    "ImagePullBackOff",
    "ImageInspectError",
    "RegistryUnavailable",
    "SignatureValidationFailed",
    INVALID,
    NEVER,
)

_MAY_PASS = re.compile(
    r"(?i)i/o timeout|TLS handshake timeout|deadline exceeded|connection reset|unexpected EOF|"
    r"429|toomanyrequests|50[0234] "
)

_CAUSES = {
    r"(?i)unauthorized|forbidden|denied|authentication required|40[13]\b": (
        "the registry wants a login, or has no such repository: see imagePullSecrets and the name"
    ),
    r"(?i)not found|manifest unknown|name unknown|404": (
        "the registry has no such image or tag: correct the name or the tag"
    ),
    r"(?i)no match for platform|no matching manifest": (
        "the image is not made for the processor of the node"
    ),
    r"(?i)x509|certificate": "the nodes do not trust the registry's certificate",
    r"(?i)429|toomanyrequests|rate limit": (
        "the registry lets this address pull no more for now: log in, or wait"
    ),
    r"(?i)no space left": "the node's disk is full",
    (
        r"(?i)no such host|dial tcp|connection refused|timeout|deadline exceeded|"
        r"failed to do request|server misbehaving|network is unreachable"
    ): "the nodes cannot reach the registry: load the image into them, or open the way",
}
_WRAPPED = re.compile(r'failed to (?:pull and unpack image|resolve reference) "[^"]*": ')
_OTHERWISE = "see the registry's message"


def find(view: NamespaceSnapshot, now: datetime, patience: Patience) -> Iterator[Diagnosis]:
    """Yield each image that cannot be had, with the components that need it."""
    waiting: dict[str, list[tuple[Pod, PodContainer]]] = {}
    for pod in view.pods:
        for container in pod.containers:
            if container.waiting in _REASONS and not pod.is_ending:
                waiting.setdefault(container.image, []).append((pod, container))
    for image, holders in waiting.items():
        message = next(filter(None, (_message(view, *holder) for holder in holders)), "")
        oldest = max(age(pod.created, now) for pod, _ in holders)
        if not (_MAY_PASS.search(message) and oldest < patience.pulling):
            yield _diagnosis(image, holders, message)


def _diagnosis(image: str, holders: list[tuple[Pod, PodContainer]], message: str) -> Diagnosis:
    pod, container = holders[0]
    names = list(dict.fromkeys(holder.component for holder, _ in holders))
    who = f"component{'s' if len(names) > 1 else ''} {', '.join(names)}{container.title}"
    if container.waiting == INVALID:
        return Diagnosis(
            what=f"{who}: {image} is no image reference (pod {pod.name})",
            cause="write REGISTRY/REPOSITORY:TAG; angle brackets and capitals are not allowed",
        )
    if container.waiting == NEVER:
        return Diagnosis(
            what=f"{who}: image {image} is not on the node, and imagePullPolicy is Never "
            f"(pod {pod.name})",
            cause="load the image into the node, or let it be pulled",
        )
    what = f"{who}: image {image} cannot be pulled (pod {pod.name})"
    return Diagnosis(what=f"{what}: {message}" if message else what, cause=_cause(message))


def _cause(message: str) -> str:
    return next(
        (cause for pattern, cause in _CAUSES.items() if re.search(pattern, message)), _OTHERWISE
    )


def _message(view: NamespaceSnapshot, pod: Pod, container: PodContainer) -> str:
    """Return the registry's own message: the kubelet keeps it in one of three places."""
    events = [
        event.message
        for event in view.events_of("Pod", pod.name)
        if event.reason == "Failed"
        and event.message.startswith("Failed to pull")
        and event.container in ("", container.name)
    ]
    texts = (container.waiting_message, *reversed(events))
    return next(
        (_shortened(text) for text in texts if "rpc error" in text or "ailed to" in text), ""
    )


def _shortened(text: str) -> str:
    """Leave out what the runtime wraps around the registry's words."""
    inner = re.split(r"desc = |ErrImagePull: ", text)[-1]
    return _WRAPPED.sub("", inner).strip().strip('"')
