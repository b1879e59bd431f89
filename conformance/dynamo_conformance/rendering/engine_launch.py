"""How the engine of a component is started at each position of a replica that spans nodes.

vLLM's and TensorRT-LLM's ways have modules of their own. SGLang's is one process per node that
meets the others at the leader.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.rendering import flags, trtllm_multinode, vllm_multinode
from dynamo_conformance.rendering.backend import SGLANG, TRTLLM, VLLM
from dynamo_conformance.rendering.defaults import without_probes
from dynamo_conformance.rendering.pod_context import Position

if TYPE_CHECKING:
    from dynamo_conformance.manifest.node import Mapping
    from dynamo_conformance.rendering.pod_context import PodContext

SGLANG_INIT_PORT = 29500


def rewritten(container: Mapping, context: PodContext, position: Position) -> Mapping:
    """Return `main` as its engine needs it at this position.

    Raises:
        ReconcileFailure: The way the engine would be started is not rendered here.
    """
    if context.backend == VLLM:
        return vllm_multinode.rewritten(container, context, position)
    if context.backend == SGLANG:
        return _sglang(container, context, position)
    if context.backend == TRTLLM:
        return trtllm_multinode.rewritten(container, context, position)
    return container


def completed(spec: Mapping, context: PodContext, position: Position) -> Mapping:
    """Return a pod spec with what its engine needs beside `main` at this position."""
    if context.backend == VLLM:
        return vllm_multinode.completed(spec, context, position)
    if context.backend == TRTLLM:
        return trtllm_multinode.completed(spec, position)
    return spec


def _sglang(container: Mapping, context: PodContext, position: Position) -> Mapping:
    """Return `main` with the flags that SGLang needs at this position."""
    if position is Position.ALONE:
        return container
    words = (
        "--dist-init-addr", f"{context.ways.leader_address}:{SGLANG_INIT_PORT}",
        "--nnodes", str(context.component.node_count),
        "--node-rank", position.rank,
    )  # fmt: skip
    container = flags.added(container, words, module="sglang", shell=False)
    return without_probes(container, position)
