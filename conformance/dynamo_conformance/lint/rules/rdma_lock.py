"""RDMA reads and writes memory that must be locked, and a container may lock next to none.

UCX registers its buffers with the RDMA device, and the kernel locks them in memory for it. How much
a container may lock is what the node's container runtime allows, often 64 KiB or 8 MiB; with the
capability `IPC_LOCK` there is no limit. Without it, registration fails on such nodes, and KV blocks
go another way or nowhere. What Kubernetes adds only root gets: a process of another user loses it
as its program starts. The published images run as user `dynamo`.

Where the nodes let containers lock all memory, none of it is needed; suppress the finding then.

Fix: add `IPC_LOCK` to the container that has the device, and let it run as root.

PASS:
    resources: {limits: {rdma/ib: "1"}}
    securityContext: {runAsUser: 0, capabilities: {add: [IPC_LOCK]}}

FAIL:
    resources: {limits: {rdma/ib: "1"}}
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.engines.image_release import parse_image
from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.rule import Problem
from dynamo_conformance.lint.workload import all_containers
from dynamo_conformance.manifest.fields import is_true
from dynamo_conformance.manifest.graph import IPC_LOCK, is_rdma
from dynamo_conformance.manifest.node import Scalar

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.lint.rule import Subject
    from dynamo_conformance.lint.workload import Placed
    from dynamo_conformance.manifest.node import Mapping, Mark

SEVERITY = Severity.WARNING

_ENOUGH = frozenset({IPC_LOCK, f"CAP_{IPC_LOCK}", "ALL"})


def check(subject: Subject) -> Iterator[Problem]:
    """Yield each container that has an RDMA device and may not lock memory for it."""
    for container in all_containers(subject):
        device = None if container.is_init else _device(container.node)
        fault = _fault(container) if device is not None else None
        if device is None or fault is None:
            continue
        name, mark = device
        here = f'component "{container.component.name}" asks for {name} {fault}'
        reason = "where the node limits locked memory, no buffer is registered for RDMA"
        advice = f"write securityContext: {{runAsUser: 0, capabilities: {{add: [{IPC_LOCK}]}}}}"
        yield Problem(mark, f"{here}: {reason}; {advice}")


def _device(container: Mapping) -> tuple[str, Mark] | None:
    """Return the first RDMA device that a container has, and where it is written."""
    resources = container.mapping("resources")
    for side in ("limits", "requests"):
        amounts = resources.mapping(side) if resources is not None else None
        for entry in amounts or ():
            given = entry.value.text if isinstance(entry.value, Scalar) else ""
            if is_rdma(entry.key) and given.strip("0"):
                return entry.key, entry.mark
    return None


def _fault(container: Placed) -> str | None:
    """Return what keeps a container from locking memory, or None."""
    security = container.node.mapping("securityContext")
    if security is not None and is_true(security.get("privileged")):
        return None
    capabilities = security.mapping("capabilities") if security is not None else None
    added = capabilities.sequence("add") if capabilities is not None else ()
    names = {item.text.upper() for item in added if isinstance(item, Scalar)}
    if not names & _ENOUGH:
        return f"without {IPC_LOCK}"
    user = _user(container)
    if user is None and parse_image(container.node.string("image") or "").is_published:
        return f"with {IPC_LOCK}, which only root gets, and the image's user is another"
    return f"with {IPC_LOCK}, which only root gets" if user not in (None, "0") else None


def _user(container: Placed) -> str | None:
    """Return the number of the user that is written, for the container or for its pod."""
    for node in (container.node, container.component.pod_spec):
        security = node.mapping("securityContext") if node is not None else None
        user = security.get("runAsUser") if security is not None else None
        if isinstance(user, Scalar) and user.value is not None:
            return user.text
    return None
