"""Extended resources that the nodes advertise without having them: GPUs, RDMA devices."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from dynamo_conformance.targets.target import Change, TargetUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dynamo_conformance.kube.connection import Connection
    from dynamo_conformance.manifest.node import Plain

COUNT = "1024"
"""Of each device on each node: more than all examples that fit on it can ask for."""


def advertise(connection: Connection, resources: Iterable[str]) -> tuple[Change, ...]:
    """Let every node advertise devices of these names; what it has of its own stays.

    The kubelet keeps in a node's status what it does not know.

    Raises:
        TargetUnavailableError: The nodes' status cannot be written.
    """
    wanted = sorted(resources)
    changes = []
    for node, capacity in _capacities(connection).items():
        missing = [name for name in wanted if capacity.get(name, "0") == "0"]
        if missing:
            _patch(connection, node, missing)
        changes += [
            Change(f"node {node}", f"advertises {name}, of which it has none")
            for name in wanted
            if name in missing or capacity.get(name) == COUNT
        ]
    return tuple(changes)


def _capacities(connection: Connection) -> dict[str, dict[str, str]]:
    done = connection.kubectl("get", "nodes", "--output", "json")
    if done.returncode:
        raise TargetUnavailableError(f"cannot list the nodes: {done.stderr.strip()}")
    items: list[dict[str, dict[str, dict[str, str]]]] = json.loads(done.stdout)["items"]
    return {str(one["metadata"]["name"]): one["status"]["capacity"] for one in items}


def _patch(connection: Connection, node: str, names: list[str]) -> None:
    patch: list[Plain] = [
        {"op": "add", "path": f"/status/capacity/{name.replace('/', '~1')}", "value": COUNT}
        for name in names
    ]
    done = connection.kubectl(
        "patch", "node", node, "--subresource=status", "--type=json", "--patch", json.dumps(patch)
    )
    if done.returncode:
        raise TargetUnavailableError(f"node {node} takes no devices: {done.stderr.strip()}")
