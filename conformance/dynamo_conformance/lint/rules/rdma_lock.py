"""RDMA reads and writes memory that must be locked, and a container may lock next to none.

UCX registers its buffers with the RDMA device, and the kernel locks them in memory for it. How much
a container may lock is what the node's container runtime allows, often 64 KiB or 8 MiB; with the
capability `IPC_LOCK` there is no limit. Without it, registration fails on such nodes, and KV blocks
go another way or nowhere. A process that is not root has the capability only where its image gives
it to the program; there, the node must raise the limit.

Fix: add `IPC_LOCK` to the container that has the device.

PASS:
    resources: {limits: {rdma/ib: "1"}}
    securityContext: {capabilities: {add: [IPC_LOCK]}}

FAIL:
    resources: {limits: {rdma/ib: "1"}}
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.rule import Problem
from dynamo_conformance.lint.workload import all_containers
from dynamo_conformance.manifest.fields import is_true
from dynamo_conformance.manifest.graph import IPC_LOCK, is_rdma
from dynamo_conformance.manifest.node import Scalar

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.lint.rule import Subject
    from dynamo_conformance.manifest.node import Mapping, Mark

SEVERITY = Severity.WARNING

_ENOUGH = frozenset({IPC_LOCK, f"CAP_{IPC_LOCK}", "ALL"})


def check(subject: Subject) -> Iterator[Problem]:
    """Yield each container that has an RDMA device and may not lock memory for it."""
    for container in all_containers(subject):
        if container.is_init or _may_lock(container.node):
            continue
        device = _device(container.node)
        if device is not None:
            name, mark = device
            here = f'component "{container.component.name}" asks for {name} without {IPC_LOCK}'
            reason = "where the node limits locked memory, no buffer is registered for RDMA"
            advice = f"add securityContext: {{capabilities: {{add: [{IPC_LOCK}]}}}}"
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


def _may_lock(container: Mapping) -> bool:
    security = container.mapping("securityContext")
    if security is None:
        return False
    capabilities = security.mapping("capabilities")
    added = capabilities.sequence("add") if capabilities is not None else ()
    names = {item.text.upper() for item in added if isinstance(item, Scalar)}
    return bool(names & _ENOUGH) or is_true(security.get("privileged"))
