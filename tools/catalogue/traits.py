"""Traits: what a graph has to show, read from its own manifest."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dynamo_conformance.engines.role import Role, parts
from dynamo_conformance.engines.serving import WORKER_ROLES, publishes_kv_events, serving
from dynamo_conformance.manifest.graph import EPP
from dynamo_conformance.manifest.quantity import parse_whole

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from dynamo_conformance.engines.role import Part
    from dynamo_conformance.manifest.graph import Graph

KV = "kv"
"""The router mode that looks into the workers' KV caches."""


@dataclass(frozen=True, slots=True)
class Trait:
    """One thing that people look for in an example.

    Attributes:
        label: Its name.
        check: What of the ledger's counts shows it, wherever the graph is served; empty when
            nothing does, so that only a real engine shows it.
    """

    label: str
    check: str = ""


@dataclass(frozen=True, slots=True)
class _Setting:
    """How an engine's settings show a trait.

    Attributes:
        label: The trait.
        dests: The settings, as the engines call them.
        check: As in `Trait`.
        counted: Whether they are sizes: above 1, and shown.
    """

    label: str
    dests: tuple[str, ...]
    check: str = ""
    counted: bool = False


_SPLIT = (
    _Setting("tensor parallel", ("tensor_parallel_size", "tp_size"), counted=True),
    _Setting("pipeline parallel", ("pipeline_parallel_size", "pp_size"), counted=True),
    _Setting("data parallel", ("data_parallel_size", "dp_size"), counted=True),
    _Setting("data-parallel attention", ("enable_dp_attention",)),
    _Setting("expert parallel", ("ep_size", "expert_parallel_size"), counted=True),
    _Setting("expert parallel", ("enable_expert_parallel",)),
)
"""How a worker's model is spread over GPUs."""

_ADDED = (
    _Setting("LoRA", ("enable_lora",), check="adapters"),
    _Setting("speculative decoding", ("speculative_config", "speculative_algorithm")),
    _Setting("KV offload", ("kv_offloading_size", "enable_hierarchical_cache")),
    _Setting("tool calls", ("dyn_tool_call_parser", "tool_call_parser"), check="tools"),
    _Setting("reasoning", ("dyn_reasoning_parser", "reasoning_parser"), check="reasoning"),
    _Setting("embeddings", ("embedding_worker", "is_embedding"), check="embeddings"),
    _Setting("images", ("enable_multimodal",), check="images"),
)
"""What a worker can do beyond answering."""

_OFF = frozenset({"", "0", "False", "None", "none", "null", "[]", "{}"})
_CONNECTOR = re.compile(r'"kv_connector"\s*:\s*"(\w+?)(?:Connector)?(?:V\d+)?"')
_OFFLOADING = re.compile(r"Offload|Dynamo|LMCache|Kvbm|FlexKV", re.IGNORECASE)
_NIXL = "NIXL"


def graph_traits(graph: Graph) -> tuple[Trait, ...]:
    """Return what a graph has to show, the way requests go first."""
    return tuple(dict.fromkeys(_graph_traits(graph)))


def part_traits(part: Part) -> tuple[Trait, ...]:
    """Return what one worker has to show by itself."""
    return tuple(dict.fromkeys((*_of_settings(part, _SPLIT), *_added(part))))


def router_mode(part: Part) -> str:
    """Return how a frontend spreads requests."""
    return part.value("router_mode") or "round-robin"


def transfer(part: Part) -> str:
    """Return by what KV blocks leave a prefill worker, or an empty string when it is not set."""
    config = part.value("kv_transfer_config")
    if config is not None:
        names = (name for name in _CONNECTOR.findall(config) if not _OFFLOADING.search(name))
        return next((_cased(name) for name in names if name != "Multi"), "")
    return _cased(part.value("disaggregation_transfer_backend") or "")


def _graph_traits(graph: Graph) -> Iterator[Trait]:
    all_parts = parts(graph)
    promised = serving(graph)
    workers = [part for part in all_parts if part.likely_role in WORKER_ROLES]
    if promised is not None and promised.disaggregated:
        yield Trait("disaggregated", "graph.prefill")
    for part in all_parts:
        if part.role is Role.FRONTEND:
            yield from _routing(router_mode(part), workers)
    if any(part.component.type == EPP for part in all_parts):
        yield Trait("inference gateway")
    yield from _of_workers(workers)
    if any(is_own(part) for part in all_parts):
        yield Trait("own component", "ready")
    if any(is_planner(part) for part in all_parts):
        yield Trait("planner")


def _of_workers(workers: Sequence[Part]) -> Iterator[Trait]:
    if any(part.component.node_count > 1 for part in workers):
        yield Trait("multinode", "ready")
    for setting in _SPLIT:
        yield from (trait for part in workers for trait in _of_settings(part, (setting,)))
    if any(part.likely_role is Role.ENCODE for part in workers):
        yield Trait("separate encoder", "graph.encode")
    for part in workers:
        yield from _added(part)


def is_planner(part: Part) -> bool:
    """Whether a component decides how many workers there are."""
    return part.role is Role.PLANNER or part.component.type == "planner"


def is_own(part: Part) -> bool:
    """Whether a worker runs somebody's own code instead of a module that is known here."""
    return part.likely_role is None and part.component.is_worker


def _routing(mode: str, workers: Iterable[Part]) -> Iterator[Trait]:
    prefilling = [part for part in workers if part.likely_role in (Role.AGG, Role.PREFILL)]
    if mode == KV and all(publishes_kv_events(part) for part in prefilling):
        yield Trait("KV router", "graph.kv-router")
    elif mode == KV:
        yield Trait("KV router without events")
    elif mode != "round-robin":
        yield Trait(f"{mode} router")


def _added(part: Part) -> Iterator[Trait]:
    yield from _of_settings(part, _ADDED)
    connectors = _CONNECTOR.findall(part.value("kv_transfer_config") or "")
    if part.value("connector") == "kvbm" or any(_OFFLOADING.search(name) for name in connectors):
        yield Trait("KV offload")


def _of_settings(part: Part, settings: Iterable[_Setting]) -> Iterator[Trait]:
    for setting in settings:
        values = (part.value(dest) for dest in setting.dests)
        value = next((value for value in values if value is not None and value not in _OFF), None)
        if value is None:
            continue
        count = parse_whole(value) if setting.counted else None
        if not setting.counted:
            yield Trait(setting.label, setting.check)
        elif count is not None and count > 1:
            yield Trait(f"{setting.label} {count}", setting.check)


def _cased(name: str) -> str:
    return _NIXL if name.lower() == _NIXL.lower() else name
