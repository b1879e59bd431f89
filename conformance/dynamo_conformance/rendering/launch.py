"""How a component is started: its command line, as its engine needs it at each position."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.rendering import sglang, trtllm, vllm
from dynamo_conformance.rendering.backend import SGLANG, TRTLLM, VLLM

if TYPE_CHECKING:
    from dynamo_conformance.manifest.node import Mapping
    from dynamo_conformance.rendering.context import Context, Position


def rewritten(container: Mapping, context: Context, position: Position) -> Mapping:
    """Return `main` as its engine needs it at this position.

    Raises:
        ReconcileFailure: The way the engine would be started is not rendered here.
    """
    if context.backend == VLLM:
        return vllm.rewritten(container, context, position)
    if context.backend == SGLANG:
        return sglang.rewritten(container, context, position)
    if context.backend == TRTLLM:
        return trtllm.rewritten(container, context, position)
    return container


def completed(spec: Mapping, context: Context, position: Position) -> Mapping:
    """Return a pod spec with what its engine needs beside `main` at this position."""
    if context.backend == VLLM:
        return vllm.completed(spec, context, position)
    if context.backend == TRTLLM:
        return trtllm.completed(spec, position)
    return spec
