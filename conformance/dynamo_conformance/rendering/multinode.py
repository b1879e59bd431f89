"""What the engines share when a replica spans nodes.

A LeaderWorkerSet tells each pod its leader's address and its own rank in two variables that the
kubelet expands, so plain flags need no shell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.rendering.context import Position
from dynamo_conformance.rendering.defaults import PROBES

if TYPE_CHECKING:
    from dynamo_conformance.manifest.node import Mapping

LEADER_ADDRESS = "$(LWS_LEADER_ADDRESS)"
NODE_RANK = "$(LWS_WORKER_INDEX)"


def rank(position: Position) -> str:
    """Return a node's rank: 0 is the leader's."""
    return NODE_RANK if position is Position.FOLLOWER else "0"


def without_probes(container: Mapping, position: Position) -> Mapping:
    """Return a follower without probes: the replica is as healthy as its leader."""
    if position is Position.FOLLOWER:
        for probe in PROBES:
            container = container.replaced(probe, None)
    return container
