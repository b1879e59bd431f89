"""What the workers of a graph are set to do beyond answering: adapters, draft models, parsers, ...

Each is a claim of the graph's author that answers alone do not prove.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from dynamo_conformance.engines.flag import parse_json
from dynamo_conformance.engines.role import Role, parts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dynamo_conformance.engines.flag import Json
    from dynamo_conformance.engines.role import Part
    from dynamo_conformance.manifest.graph import Graph


class GraphFeature(StrEnum):
    """One thing that a graph can be set to do."""

    IMAGES = "images"
    LORA = "lora"
    SPECULATION = "speculation"
    KV_OFFLOAD = "kv-offload"
    TOOL_CALLS = "tool-calls"
    REASONING = "reasoning"
    HARMONY = "harmony"
    EXPERTS = "experts"
    MPI = "mpi"
    OPTIONS = "engine-options"
    PLANNER = "planner"
    MIGRATION = "migration"


def features(graph: Graph) -> frozenset[GraphFeature]:
    """Return what the components of a graph are set to do."""
    return frozenset(
        feature for part in parts(graph) for feature, applies in _TESTS.items() if applies(part)
    )


def _given(*dests: str) -> Callable[[Part], bool]:
    """Return a test for settings that are not off: any of `dests` with a value."""
    return lambda part: any(part.value(dest) not in (None, "", "False", "0") for dest in dests)


def _offloads(part: Part) -> bool:
    """Whether KV blocks go to another memory than the GPU's, and come back."""
    if _given("kv_offloading_size", "enable_hierarchical_cache")(part):
        return True
    return bool(_OFFLOADERS & connectors(part)) or part.value("connector") == "kvbm"


_OFFLOADERS = frozenset(
    {
        "DynamoConnector",
        "FlexKVConnectorV1",
        "LMCacheConnectorV1",
        "LMCacheMPConnector",
        "OffloadingConnector",
    }
)
"""vLLM's connectors to another memory."""


def connectors(part: Part) -> frozenset[str]:
    """Return the names of a vLLM worker's KV connectors, a wrapper's own among them."""
    try:
        config = parse_json(part.value("kv_transfer_config") or "null")
    except ValueError:
        return frozenset()
    return frozenset(_named(config))


def _named(config: Json) -> list[str]:
    if not isinstance(config, dict):
        return []
    extra = config.get("kv_connector_extra_config")
    children = extra.get("connectors") if isinstance(extra, dict) else None
    below = (
        [name for child in children for name in _named(child)] if isinstance(children, list) else []
    )
    name = config.get("kv_connector")
    return [*below, name] if isinstance(name, str) else below


def _spreads_experts(part: Part) -> bool:
    sizes = (part.value("ep_size"), part.value("expert_parallel_size"))
    wide = any(size not in (None, "", "1") for size in sizes)
    return wide or part.value("enable_expert_parallel") == "True"


def _starts_by_mpi(part: Part) -> bool:
    command = part.command
    is_trtllm = command is not None and command.module == "dynamo.trtllm"
    return is_trtllm and part.component.node_count > 1


_TESTS: Mapping[GraphFeature, Callable[[Part], bool]] = {
    GraphFeature.IMAGES: _given("enable_multimodal"),
    GraphFeature.LORA: _given("enable_lora", "lora_paths"),
    GraphFeature.SPECULATION: _given("speculative_config", "spec_method", "speculative_algorithm"),
    GraphFeature.KV_OFFLOAD: _offloads,
    GraphFeature.TOOL_CALLS: _given("dyn_tool_call_parser"),
    GraphFeature.REASONING: _given("dyn_reasoning_parser"),
    GraphFeature.HARMONY: lambda part: (
        part.value("dyn_tool_call_parser") == "harmony"
        or part.value("dyn_reasoning_parser") == "gpt_oss"
    ),
    GraphFeature.EXPERTS: _spreads_experts,
    GraphFeature.MPI: _starts_by_mpi,
    GraphFeature.OPTIONS: lambda part: bool(
        _given("extra_engine_args", "override_engine_args")(part)
        or (part.arguments is not None and part.arguments.dotted)
    ),
    GraphFeature.PLANNER: lambda part: part.role is Role.PLANNER,
    GraphFeature.MIGRATION: _given("migration_limit"),
}
