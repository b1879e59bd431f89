"""Experimental features: the GPU memory service, failover and checkpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.api.admission.annotation_rules import DISCOVERY_MODE
from dynamo_conformance.api.admission.component_rules import VLLM
from dynamo_conformance.api.admission.grove import needs_grove
from dynamo_conformance.api.admission.request import text_of
from dynamo_conformance.api.violation import DUPLICATE, FORBIDDEN, INVALID, Violation
from dynamo_conformance.manifest.fields import is_true, mark_of
from dynamo_conformance.manifest.graph import WORKER_TYPES
from dynamo_conformance.manifest.node import Mapping, PathKey, Scalar
from dynamo_conformance.manifest.quantity import parse_quantity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.api.admission.request import Request
    from dynamo_conformance.manifest.graph import Component
    from dynamo_conformance.manifest.node import Path

INTRA_POD, INTER_POD = "IntraPod", "InterPod"
_LIMIT = "podTemplate.spec.containers[main].resources.limits.nvidia.com/gpu"
_NOT_YET = '"InterPod": is not yet supported'
_NO_FAILOVER = ("epp", "frontend", "planner")


def check(request: Request) -> Iterator[Violation]:
    """Yield what the webhook refuses of experimental features."""
    for path, component in request.components():
        experimental = component.node.mapping("experimental")
        if experimental is None:
            continue
        here = (*path, "experimental")
        memory = experimental.mapping("gpuMemoryService")
        if memory is not None:
            yield from _memory(request, component, memory, (*here, "gpuMemoryService"))
        if (failover := experimental.mapping("failover")) is not None:
            yield from _failover(component, failover, memory, (*here, "failover"))
            yield from _discovery(request, failover)
        if (checkpoint := experimental.mapping("checkpoint")) is not None:
            yield from _checkpoint(experimental, checkpoint, memory, (*here, "checkpoint"))


def _memory(
    request: Request, component: Component, memory: Mapping, path: Path
) -> Iterator[Violation]:
    mark = memory.mark
    if component.type not in WORKER_TYPES:
        text = "GPU memory service is only supported for worker, prefill, or decode components"
        yield Violation(path, mark, FORBIDDEN, text, rule="gms-worker")
    if (_gpus(component) or 0) < 1:
        text = f"GPU memory service requires {_LIMIT} >= 1"
        yield Violation(path, mark, FORBIDDEN, text, rule="gms-gpu")
    if _mode(memory) == INTER_POD:
        where, at = (*path, "mode"), mark_of(memory, "mode")
        yield Violation(where, at, INVALID, _NOT_YET, rule="gms-between-pods")
        yield from needs_grove(request, where, at, rule="gms-grove")
        backend = request.graph.backend_framework or "<unset>"
        if backend != VLLM:
            text = (
                "the inter-pod GMS layout is currently supported only for vLLM "
                f"(detected backend: {backend})"
            )
            yield Violation(where, at, INVALID, text, rule="gms-vllm")
    else:
        yield from _clients(component, memory, (*path, "extraClientContainers"))


def _clients(component: Component, memory: Mapping, path: Path) -> Iterator[Violation]:
    names = {container.name for container in component.containers}
    seen: set[str] = set()
    for index, node in enumerate(memory.sequence("extraClientContainers")):
        name = str(node.value) if isinstance(node, Scalar) else ""
        if name in seen:
            where = (*path, index)
            yield Violation(where, node.mark, DUPLICATE, f'"{name}"', rule="gms-client-twice")
        elif name not in names:
            text = f'"{name}": does not name a container in podTemplate.spec.containers'
            where = (*path, index)
            yield Violation(where, node.mark, INVALID, text, rule="gms-client-unknown")
        seen.add(name)


def _failover(
    component: Component, failover: Mapping, memory: Mapping | None, path: Path
) -> Iterator[Violation]:
    mode, mark = _mode(failover), failover.mark
    if memory is None:
        text = f'gpuMemoryService is required when failover mode is "{mode}"'
        yield Violation(path, mark, FORBIDDEN, text, rule="failover-gms")
    elif _mode(memory) != mode:
        text = f'"{mode}": must match gpuMemoryService.mode "{_mode(memory)}"'
        where = (*path, "mode")
        yield Violation(where, mark_of(failover, "mode"), INVALID, text, rule="failover-mode")
    if mode != INTER_POD:
        return
    at = mark_of(failover, "mode")
    yield Violation((*path, "mode"), at, INVALID, _NOT_YET, rule="failover-between-pods")
    gpus = _gpus(component)
    if gpus is None:
        text = "failed to read main-container GPU limit: it must be a whole number"
        yield Violation(path, mark, FORBIDDEN, text, rule="failover-gpu-whole")
    elif gpus < 1:
        text = f"GMS failover requires at least 1 GPU in {_LIMIT}"
        yield Violation(path, mark, FORBIDDEN, text, rule="failover-gpu")
    if component.type in _NO_FAILOVER:
        text = f'GMS failover is not supported for component type "{component.type}"'
        yield Violation(path, mark, FORBIDDEN, text, rule="failover-type")


def _discovery(request: Request, failover: Mapping) -> Iterator[Violation]:
    value = request.annotations.string(DISCOVERY_MODE)
    if _mode(failover) == INTRA_POD and value != "container":
        path = ("metadata", "annotations", PathKey(DISCOVERY_MODE))
        text = f'"{value or ""}": must be "container" when intra-pod failover is configured'
        mark = mark_of(request.annotations, DISCOVERY_MODE)
        yield Violation(path, mark, INVALID, text, rule="failover-discovery")


def _checkpoint(
    experimental: Mapping, checkpoint: Mapping, memory: Mapping | None, path: Path
) -> Iterator[Violation]:
    if is_true(checkpoint.get("enabled")):
        text = "checkpoint functionality is disabled in the operator configuration"
        yield Violation(path, checkpoint.mark, FORBIDDEN, text, rule="checkpoint-disabled")
        if memory is not None:
            text = "GMS + Snapshot is temporarily disabled"
            yield Violation(path, checkpoint.mark, FORBIDDEN, text, rule="checkpoint-gms")
        if memory is not None and _mode(memory) == INTER_POD:
            text = "Snapshot with gpuMemoryService.mode=InterPod is unsupported"
            yield Violation(path, checkpoint.mark, FORBIDDEN, text, rule="snapshot-between-pods")
        if experimental.mapping("failover") is not None:
            text = "Snapshot with active/passive failover is temporarily unsupported"
            yield Violation(path, checkpoint.mark, FORBIDDEN, text, rule="snapshot-failover")
    job = checkpoint.mapping("job")
    if job is None or not job.sequence("gmsClientContainers"):
        return
    here = (*path, "job", "gmsClientContainers")
    mark = mark_of(job, "gmsClientContainers")
    if memory is None:
        text = "requires gpuMemoryService to be set"
        yield Violation(here, mark, FORBIDDEN, text, rule="checkpoint-clients-gms")
    elif _mode(memory) == INTER_POD:
        text = "is only supported with gpuMemoryService.mode=IntraPod"
        yield Violation(here, mark, FORBIDDEN, text, rule="checkpoint-clients-mode")


def _mode(block: Mapping) -> str:
    return text_of(block, "mode") or INTRA_POD


def _gpus(component: Component) -> int | None:
    """Return the GPUs of the main container, limits before requests; None for a fraction."""
    resources = component.main.node.mapping("resources") if component.main is not None else None
    for side in ("limits", "requests"):
        listed = resources.mapping(side) if resources is not None else None
        names = sorted(entry.key for entry in listed or () if _is_gpu(entry.key))
        if listed is not None and names:
            number = parse_quantity(text_of(listed, names[0]) or "")
            return int(number) if number is not None and number == int(number) else None
    return 0


def _is_gpu(name: str) -> bool:
    lowered = name.lower()
    is_named_gpu = lowered == "gpu" or lowered.endswith("/gpu") or lowered.startswith("gpu.")
    return is_named_gpu or "/mig-" in lowered
