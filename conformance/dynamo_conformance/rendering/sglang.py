"""SGLang over several nodes: one process per node that meets the others at the leader."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.rendering import flags
from dynamo_conformance.rendering.context import Position
from dynamo_conformance.rendering.multinode import LEADER_ADDRESS, rank, without_probes

if TYPE_CHECKING:
    from dynamo_conformance.manifest.node import Mapping
    from dynamo_conformance.rendering.context import Context

INIT_PORT = 29500


def rewritten(container: Mapping, context: Context, position: Position) -> Mapping:
    """Return `main` with the flags that SGLang needs at this position."""
    if position is Position.ALONE:
        return container
    found = (
        "--dist-init-addr", f"{LEADER_ADDRESS}:{INIT_PORT}",
        "--nnodes", str(context.component.node_count),
        "--node-rank", rank(position),
    )  # fmt: skip
    container = flags.added(container, found, module="sglang", shell=False)
    return without_probes(container, position)
