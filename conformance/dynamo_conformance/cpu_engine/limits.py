"""Which graphs no CPU serves, and why; and whose engine is in this environment."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from dynamo_conformance.cpu_engine.families import UnknownFamilyError, family_of
from dynamo_conformance.engines.features import GraphFeature, features
from dynamo_conformance.engines.role import Role, parts
from dynamo_conformance.engines.serving import draft_sources, model_sources
from dynamo_conformance.rendering import backend

if TYPE_CHECKING:
    from dynamo_conformance.engines.role import Part
    from dynamo_conformance.manifest.graph import Graph

PACKAGES: Final = {"vllm": "vllm", "sglang": "sglang"}
"""The packages of the engines that have a backend for CPUs."""

IN_IMAGE: Final = "vllm"
"""The engine of the image."""

MODULES: Final = {
    "dynamo.trtllm": "TensorRT-LLM has no backend for CPUs",
}
FEATURES: Final = {
    GraphFeature.KV_OFFLOAD: "vLLM 0.31 offloads the KV blocks of GPUs alone: "
    '"CPU Offloading is currently only supported on CUDA-alike and XPU GPUs"',
    GraphFeature.EXPERTS: "experts are spread over several GPUs",
    GraphFeature.PLANNER: "a planner decides by measured speed, which random weights do not have",
}


def is_here(engine: str | None, *, in_image: bool) -> bool:
    """Whether an engine, as `spec.backendFramework` names it, is where graphs are to run.

    Args:
        engine: One that has no backend for CPUs counts as here: `out_of_reach` says so of it.
        in_image: Whether that is the image of the engine, or else this environment.
    """
    if engine not in PACKAGES:
        return True
    return engine == IN_IMAGE if in_image else find_spec(PACKAGES[engine]) is not None


def out_of_reach(graph: Graph) -> str:
    """Return why the engine of a graph cannot serve it on a CPU of one machine, or nothing."""
    components = parts(graph)
    if backend.known_backend(graph) == backend.TRTLLM:
        return MODULES["dynamo.trtllm"]
    for part in components:
        if (why := _of_worker(part)) is not None:
            return why
    for feature in features(graph) & FEATURES.keys():
        return FEATURES[feature]
    engines = sum(part.component.pod_count for part in components if part.component.is_worker)
    hands_over = any(part.likely_role is Role.PREFILL for part in components)
    if engines + hands_over > (cores := len(os.sched_getaffinity(0))):
        handoff = ", and the handoff of KV blocks another" if hands_over else ""
        return (
            f"{engines} engines want a core each{handoff}, and here are {cores}: while they "
            "compute, the runtime's leases of ten seconds run out"
        )
    try:
        for model in (*model_sources(graph), *draft_sources(graph)):
            family_of(model)
    except UnknownFamilyError as error:
        return str(error)
    return ""


def _of_worker(part: Part) -> str | None:
    module = part.command.module if part.command is not None else ""
    if module in MODULES:
        return MODULES[module]
    main = part.component.main
    if part.component.node_count > 1 or (main is not None and main.gpus > 1):
        return f"{part.component.name} computes on several GPUs, and here is one CPU"
    return None
