"""A PersistentVolumeClaim that gets no volume."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dynamo_conformance.targets.cluster.diagnosis import Diagnosis, age
from dynamo_conformance.targets.cluster.namespace_snapshot import PENDING, SCHEDULED

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from dynamo_conformance.targets.cluster.diagnosis import Patience
    from dynamo_conformance.targets.cluster.namespace_snapshot import (
        NamespaceEvent,
        NamespaceSnapshot,
        VolumeClaim,
    )

CLAIM, LOST = "PersistentVolumeClaim", "Lost"

_FAILURES = ("ProvisioningFailed", "FailedBinding", "ClaimMisbound", "ClaimLost")
_BEGUN, _HANDED_OVER = "Provisioning", "ExternalProvisioning"
_NO_CLASS = re.compile(r'storageclass\S* "(?P<name>[^"]+)" not found')
_NO_DEFAULT = re.compile(r"no storage class is set")
_PROVISIONER = re.compile(r"external provisioner '(?P<name>[^']+)'")


def find(view: NamespaceSnapshot, now: datetime, patience: Patience) -> Iterator[Diagnosis]:
    """Yield each claim for which no volume can be had."""
    for claim in view.claims:
        who = [pod.component for pod in view.pods if claim.name in pod.claims]
        if who and claim.phase == LOST:
            yield Diagnosis(
                what=f"{_title(claim, who)} has lost its volume",
                cause="the volume that it was bound to was deleted: recreate the claim",
            )
        if who and claim.phase == PENDING:
            yield from _of_claim(view, claim, who, now, patience)


def _of_claim(
    view: NamespaceSnapshot, claim: VolumeClaim, who: list[str], now: datetime, patience: Patience
) -> Iterator[Diagnosis]:
    events = view.events_of(CLAIM, claim.name)
    failure = next((event for event in reversed(events) if event.reason in _FAILURES), None)
    if failure is not None:
        definite = _NO_CLASS.search(failure.message) or _NO_DEFAULT.search(failure.message)
        patient = patience.creation if definite else patience.storage
        if age(failure.first, now) >= patient:
            yield _failed(claim, who, failure)
        return
    handed_over = _first(events, _HANDED_OVER)
    begun = _first(events, _BEGUN)
    provisioner = _provisioner(claim, events)
    if begun is not None:
        if age(begun.first, now) >= patience.provisioning:
            yield Diagnosis(
                what=f"{_title(claim, who)} has no volume yet: the provisioner {provisioner} has "
                f"been making it for {age(begun.first, now):.0f} s",
                cause="see the provisioner's log; a volume that takes minutes is best made before",
            )
    elif handed_over is not None:
        if age(handed_over.first, now) >= patience.storage:
            yield Diagnosis(
                what=f"{_title(claim, who)} gets no volume: the provisioner {provisioner} has not "
                f"taken it up after {age(handed_over.first, now):.0f} s",
                cause=f"no provisioner {provisioner} is running: start it, or name another storage "
                "class (`kubectl get storageclass`)",
            )
    elif not events and _is_due(view, claim) and age(claim.created, now) >= patience.mounting:
        yield Diagnosis(
            what=f"{_title(claim, who)} gets no volume: nothing has happened to it in "
            f"{age(claim.created, now):.0f} s",
            cause="the control plane does not look at it, or no volume of its class fits: see "
            f"`kubectl describe pvc {claim.name}`",
        )


def _is_due(view: NamespaceSnapshot, claim: VolumeClaim) -> bool:
    """Whether a claim waits for nobody else: the scheduler is not kept from choosing a node."""
    stuck = (
        (scheduled := pod.conditions.get(SCHEDULED)) is not None and not scheduled.is_true
        for pod in view.pods
        if claim.name in pod.claims
    )
    return bool(claim.node) or not any(stuck)


def _first(events: Sequence[NamespaceEvent], reason: str) -> NamespaceEvent | None:
    return next((event for event in events if event.reason == reason), None)


def _provisioner(claim: VolumeClaim, events: Sequence[NamespaceEvent]) -> str:
    """Return who is to make the volume, as the control plane notes it."""
    matches = (_PROVISIONER.search(event.message) for event in reversed(events))
    return claim.provisioner or next(
        (match["name"] for match in matches if match is not None), "of its class"
    )


def _title(claim: VolumeClaim, who: Sequence[str]) -> str:
    names = ", ".join(dict.fromkeys(who))
    of_class = f" (storage class {claim.storage_class})" if claim.storage_class else ""
    return f"the {CLAIM} {claim.name}{of_class}, which {names} needs,"


def _failed(claim: VolumeClaim, who: Sequence[str], event: NamespaceEvent) -> Diagnosis:
    title = f"{_title(claim, who)} gets no volume"
    if (match := _NO_CLASS.search(event.message)) is not None:
        return Diagnosis(
            what=f"{title}: the cluster has no storage class {match['name']}",
            cause="name one that `kubectl get storageclass` lists",
        )
    if _NO_DEFAULT.search(event.message):
        return Diagnosis(
            what=f"{title}: it has no storage class, and no volume of the cluster fits it",
            cause="set storageClassName, or make a storage class the default",
        )
    by = f"the log of the provisioner {claim.provisioner}" if claim.provisioner else "its class"
    return Diagnosis(what=f"{title}: {event.message}", cause=f"see {by}")
