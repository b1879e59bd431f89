"""A pod that the API server does not take: quota, policy, a webhook, something that is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.targets.cluster.diagnosis import Diagnosis, age, explained

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from dynamo_conformance.targets.cluster.diagnosis import Patience
    from dynamo_conformance.targets.cluster.namespace_snapshot import (
        NamespaceEvent,
        NamespaceSnapshot,
    )

FAILED = "FailedCreate"

_REFUSALS = {
    r"exceeded quota: (?P<name>[^,]+), (?P<numbers>.*)": (
        "the quota {name} does not allow it ({numbers})",
        "raise the quota {name}, or use a namespace without it",
    ),
    r"failed quota: (?P<name>[^:]+): must specify (?P<what>\S+)": (
        "the quota {name} wants every container to say {what}",
        "set it in resources, or use a namespace without that quota",
    ),
    r'violates PodSecurity "(?P<level>[^"]+)": (?P<why>.*)': (
        'the namespace enforces pod security "{level}": {why}',
        "set the securityContext that it asks for, or use another namespace",
    ),
    r"ValidatingAdmissionPolicy '(?P<name>[^']+)' .*denied request: (?P<why>.*)": (
        "the admission policy {name} denies it: {why}",
        "do what the policy asks, or have it exempt the namespace",
    ),
    r'admission webhook "(?P<name>[^"]+)" denied the request: (?P<why>.*)': (
        "the admission webhook {name} denies it: {why}",
        "do what the webhook asks, or have it exempt the namespace",
    ),
    r'serviceaccount "(?P<name>[^"]+)" not found': (
        "the service account {name} is not in the namespace",
        "create the service account {name}, or bring it along",
    ),
    r"no PriorityClass with name (?P<name>\S+) was found": (
        "the cluster has no priority class {name}",
        "create the priority class {name}, or name another one",
    ),
    r"(?P<what>(?:maximum|minimum) \S+ usage per \S+ is [^,]+)": (
        "a limit range of the namespace does not allow it: {what}",
        "change resources, or use another namespace",
    ),
}
"""What the API server says, why that is, and what to do."""


def find(view: NamespaceSnapshot, now: datetime, patience: Patience) -> Iterator[Diagnosis]:
    """Yield each controller whose pods are refused."""
    reported: set[str] = set()
    for event in sorted(view.events, key=lambda event: age(event.last, now)):
        if event.reason != FAILED or event.type != "Warning" or event.name in reported:
            continue
        reported.add(event.name)
        came_through = any(pod.name.startswith(f"{event.name}-") for pod in view.pods)
        if not came_through and age(event.first, now) >= patience.creation:
            yield _diagnosis(view, event)


def _diagnosis(view: NamespaceSnapshot, event: NamespaceEvent) -> Diagnosis:
    component = view.component_of(event.name)
    who = f"component {component}" if component else f"the {event.kind} {event.name}"
    reason, cause = refused(event.message)
    if not reason:
        return Diagnosis(what=f"{who} gets no pods: {event.message}")
    return Diagnosis(what=f"{who} gets no pods ({event.kind} {event.name}): {reason}", cause=cause)


def refused(message: str) -> tuple[str, str]:
    """Return why the API server takes no pod and what to do, or two empty strings."""
    return explained(_REFUSALS, message) or ("", "")
