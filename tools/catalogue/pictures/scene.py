"""Scenes: what there is to draw of a graph, before it has a place."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from catalogue.traits import (
    KV,
    is_own,
    is_planner,
    part_traits,
    router_mode,
    transfer,
)
from dynamo_conformance.engines.gpu import gpus as known_gpus
from dynamo_conformance.engines.gpu import products
from dynamo_conformance.engines.memory import GIB
from dynamo_conformance.engines.role import Role, parts
from dynamo_conformance.engines.serving import (
    WORKER_ROLES,
    is_encoder_missing,
    model_source,
    publishes_kv_events,
    served_model,
)
from dynamo_conformance.ledger.content import image_releases
from dynamo_conformance.manifest.graph import EPP, FRONTEND

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.engines.role import Part
    from dynamo_conformance.manifest.graph import Component, Graph

ENGINES = {
    "dynamo.vllm": "vLLM",
    "dynamo.sglang": "SGLang",
    "dynamo.trtllm": "TensorRT-LLM",
    "dynamo.mocker": "mocker",
}
"""What people call the engine that a module runs."""

SGLANG = "dynamo.sglang"
STAGES = (Role.ENCODE, Role.PREFILL, Role.AGG, Role.DECODE)
"""The roles in the order in which a request meets them."""

ROLES = {Role.AGG: "aggregated", None: "own code"}
"""Names of roles that are not their own word; no role is that of somebody's own code."""

ROUTERS = {KV: "KV router"}
"""What routers are called, where `MODE router` is not it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Where requests come in: a frontend, or the endpoint picker of a gateway.

    Attributes:
        name: The component.
        replicas: How many there are.
        router: How it spreads requests, in words.
    """

    name: str
    replicas: int
    router: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """A component that works, all replicas of it.

    Attributes:
        name: The component.
        role: Its role; None for a worker that runs no module of Dynamo's.
        replicas: How many there are.
        nodes: Over how many nodes each of them spans.
        gpus: The GPUs of each node.
        notes: What else it has to show.
        asked: Whether the entry sends requests to it.
        kv_events: Whether it reports what is in its cache to a KV router.
    """

    name: str
    role: Role | None
    replicas: int
    nodes: int
    gpus: int
    notes: tuple[str, ...]
    asked: bool
    kv_events: bool

    @property
    def part(self) -> str:
        """Its role in words."""
        return ROLES.get(self.role, str(self.role))


@dataclass(frozen=True, slots=True)
class Handoff:
    """What workers of one stage give to those of the next.

    Attributes:
        giver: The giving worker's place among the scene's workers.
        taker: The place of the taking one.
        what: What is given, and by what.
    """

    giver: int
    taker: int
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A graph.

    Attributes:
        name: The graph's name.
        engine: Its engine, as people call it.
        release: The Dynamo release of its images; empty when they name none, or several.
        models: The models that are served.
        entry: Where requests come in, or None when the graph has no such place.
        workers: Its workers, in the order in which a request meets them.
        handoffs: What they hand on.
        planners: The components that decide how many workers there are.
        others: Components of which nothing is known here.
        gpus: The GPUs of all components, replicas and nodes.
        products: Which GPUs they are meant for, each once.
    """

    name: str
    engine: str
    release: str
    models: tuple[str, ...]
    entry: Entry | None
    workers: tuple[Worker, ...]
    handoffs: tuple[Handoff, ...]
    planners: tuple[str, ...]
    others: tuple[str, ...]
    gpus: int
    products: tuple[str, ...]

    @property
    def memory(self) -> tuple[str, ...]:
        """The memory of each of these GPUs, as far as it is known."""
        known = (known_gpus().get(product) for product in self.products)
        return tuple(f"{gpu.memory / GIB:.0f} GiB" for gpu in known if gpu is not None)

    @property
    def subtitle(self) -> str:
        """Engine, release, models and GPUs in one line."""
        release = f"Dynamo {self.release}" if self.release else ""
        count = counted(self.gpus, "GPU")
        which = f"{count} ({', '.join((*self.products, *self.memory))})" if self.products else count
        parts_shown = (self.engine, release, " + ".join(self.models), which)
        return " · ".join(part for part in parts_shown if part)

    def describe(self) -> str:
        """Return the scene as prose, for people who do not see it."""
        return " ".join(self._sentences())

    def _sentences(self) -> Iterator[str]:
        if self.entry is not None:
            times = f" ({self.entry.replicas} replicas)" if self.entry.replicas > 1 else ""
            receivers = [worker.name for worker in self.workers if worker.asked]
            to = f", which sends them to {' and '.join(receivers)}" if receivers else ""
            yield f"Requests reach {self.entry.name}{times}, {self.entry.router}{to}."
        for worker in self.workers:
            yield f"{worker.name}: {_amount(worker)}."
        for given in self.handoffs:
            giver, taker = self.workers[given.giver], self.workers[given.taker]
            yield f"{giver.name} hands {given.what} to {taker.name}."
        publishers = [worker.name for worker in self.workers if worker.kv_events]
        if publishers:
            yield f"KV events go from {' and '.join(publishers)} to the router."
        for name in self.planners:
            yield f"{name} scales the workers."
        if self.others:
            yield f"Also: {', '.join(self.others)}."


def scene(graph: Graph) -> Scene:
    """Return what there is to draw of a graph."""
    all_parts = parts(graph)
    entries = [part for part in all_parts if _is_entry(part)]
    planning = [part for part in all_parts if is_planner(part)]
    working = [part for part in all_parts if part.likely_role in WORKER_ROLES or is_own(part)]
    working.sort(key=_stage)
    seen = (*entries, *working, *planning)
    entry = _entry(entries[0]) if entries else None
    releases = image_releases(graph)
    return Scene(
        name=graph.name,
        engine=_engine(graph, working),
        release=releases[0] if len(releases) == 1 else "",
        models=tuple(dict.fromkeys(filter(None, (_model(part) for part in working)))),
        entry=entry,
        workers=tuple(_workers(working, entries)),
        handoffs=tuple(_handoffs(working)),
        planners=tuple(part.component.name for part in planning),
        others=tuple(part.component.name for part in all_parts if part not in seen),
        gpus=sum(map(_gpus, graph.components)),
        products=tuple(
            dict.fromkeys(
                product
                for component in graph.components
                if _gpus(component)
                for product in products(component, graph)
            )
        ),
    )


def counted(number: int, what: str) -> str:
    """Return a number of things in words: `no GPU`, `1 GPU`, `2 GPUs`."""
    return f"{number or 'no'} {what}{'s' if number > 1 else ''}"


def _is_entry(part: Part) -> bool:
    return part.likely_role is Role.FRONTEND or part.component.type in (FRONTEND, EPP)


def _entry(part: Part) -> Entry:
    mode = router_mode(part)
    picks = part.component.type == EPP
    router = "endpoint picker" if picks else ROUTERS.get(mode, f"{mode} router")
    return Entry(name=part.component.name, replicas=part.component.replicas, router=router)


def _stage(part: Part) -> int:
    """Return how early a request meets a worker; code that is somebody's own comes first."""
    return STAGES.index(part.likely_role) if part.likely_role in STAGES else -1


def _engine(graph: Graph, working: list[Part]) -> str:
    names = dict.fromkeys(ENGINES[name] for part in working if (name := _module(part)) in ENGINES)
    if names:
        return " + ".join(names)
    return ENGINES.get(f"dynamo.{graph.backend_framework}", graph.backend_framework or "")


def _model(part: Part) -> str:
    """Return the model that a worker serves; own code is taken to have a flag for it, too."""
    if part.likely_role is not None or part.command is None:
        return served_model(part) or model_source(part) or ""
    words = part.command.texts
    return next((value for flag, value in pairwise(words) if flag == "--model"), "")


ROUTES = "route_to_encoder"


def _asks(part: Part, other: Part) -> bool:
    """Whether own code names the endpoint of a worker."""
    endpoint = other.value("endpoint")
    words = part.command.texts if part.command is not None and part.likely_role is None else ()
    return endpoint is not None and any(word.endswith(endpoint) for word in words)


def _workers(working: list[Part], entries: list[Part]) -> Iterator[Worker]:
    # The frontend sends to SGLang's encoder, which sends to the others; elsewhere they send to it.
    encoder_first = any(
        part.likely_role is Role.ENCODE and _module(part) == SGLANG for part in working
    )
    own_encodes = is_encoder_missing(working)
    routed = any(router_mode(part) == KV for part in entries)
    for part in working:
        component = part.component
        front = (part.likely_role is Role.ENCODE) == encoder_first
        if part.likely_role is None:
            front = not own_encodes
        yield Worker(
            name=component.name,
            role=part.likely_role,
            replicas=component.replicas,
            nodes=component.node_count,
            gpus=component.main.gpus if component.main is not None else 0,
            notes=(*(trait.label for trait in part_traits(part)), *_network(part)),
            asked=bool(entries) and front and not any(_asks(other, part) for other in working),
            kv_events=routed and part.likely_role is not Role.ENCODE and publishes_kv_events(part),
        )


def _gpus(component: Component) -> int:
    """Return the GPUs of a component, of all replicas and nodes."""
    return component.pod_count * component.main.gpus if component.main is not None else 0


def _network(part: Part) -> tuple[str, ...]:
    main = part.component.main
    resources = main.node.mapping("resources") if main is not None else None
    limits = resources.mapping("limits") if resources is not None else None
    rdma = limits is not None and any("rdma" in entry.key.lower() for entry in limits)
    return ("RDMA",) if rdma else ()


def _handoffs(working: list[Part]) -> Iterator[Handoff]:
    """Yield what each stage hands to the next one, between all of their workers."""
    own_encodes = is_encoder_missing(working)
    for giver, part in enumerate(working):
        for taker, other in enumerate(working):
            if _asks(part, other):
                yield Handoff(giver, taker, "requests")
            if own_encodes and part.likely_role is None and other.value(ROUTES) == "True":
                yield Handoff(giver, taker, "embeddings")
    yield from _between_stages(working)


def _between_stages(working: list[Part]) -> Iterator[Handoff]:
    present = [stage for stage in STAGES if any(part.likely_role is stage for part in working)]
    for giving, taking in pairwise(present):
        if Role.AGG in (giving, taking) and giving is not Role.ENCODE:
            continue
        for giver, part in enumerate(working):
            for taker, other in enumerate(working):
                if part.likely_role is giving and other.likely_role is taking:
                    yield Handoff(giver, taker, _handed(part))


def _handed(part: Part) -> str:
    if part.likely_role is Role.ENCODE:
        return "embeddings"
    by = transfer(part)
    return f"KV blocks by {by}" if by else "KV blocks"


def _amount(worker: Worker) -> str:
    each = counted(worker.gpus, "GPU")
    if worker.nodes > 1:
        each = f"{worker.nodes} nodes with {each}"
    many = worker.replicas != 1
    what = f"{worker.replicas} workers" if many else "one worker"
    what += f", {worker.part}"
    text = f"{what}, {each}{' each' if many else ''}"
    return f"{text}; {', '.join(worker.notes)}" if worker.notes else text


def _module(part: Part) -> str:
    return part.command.module if part.command is not None else ""
