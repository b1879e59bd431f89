"""A claim that gets no volume."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from conformance.targets.cluster.snapshot import PENDING
from conformance.targets.cluster.trouble import Trouble, age

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from conformance.targets.cluster.snapshot import Claim, Event, Snapshot
    from conformance.targets.cluster.trouble import Patience

_REASONS = ("ProvisioningFailed", "FailedBinding", "ClaimMisbound", "ClaimLost")
_NO_CLASS = re.compile(r'storageclass\S* "(?P<name>[^"]+)" not found')
_NO_DEFAULT = re.compile(r"no storage class is set")


def find(view: Snapshot, now: datetime, patience: Patience) -> Iterator[Trouble]:
    """Yield each claim for which no volume can be had."""
    mounted = {name for pod in view.pods for name in pod.claims}
    for claim in view.claims:
        if claim.phase != PENDING or claim.name not in mounted:
            continue
        for event in reversed(view.events_of("PersistentVolumeClaim", claim.name)):
            if event.reason in _REASONS:
                definite = _NO_CLASS.search(event.message) or _NO_DEFAULT.search(event.message)
                patient = patience.creation if definite else patience.storage
                if age(event.first, now) >= patient:
                    yield _trouble(claim, event)
                break


def _trouble(claim: Claim, event: Event) -> Trouble:
    who = f"the PersistentVolumeClaim {claim.name} gets no volume"
    if (found := _NO_CLASS.search(event.message)) is not None:
        return Trouble(
            what=f"{who}: the cluster has no storage class {found['name']}",
            cause="name one that `kubectl get storageclass` lists",
        )
    if _NO_DEFAULT.search(event.message):
        return Trouble(
            what=f"{who}: it has no storage class, and no volume of the cluster fits it",
            cause="set storageClassName, or make a storage class the default",
        )
    return Trouble(what=f"{who}: {event.message}", cause="see the storage provisioner's log")
