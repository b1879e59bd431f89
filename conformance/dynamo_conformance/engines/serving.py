"""What a graph serves when it works: its model, its roles, its router."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dynamo_conformance.engines.features import GraphFeature, features
from dynamo_conformance.engines.flag import parse_json
from dynamo_conformance.engines.parsing import unexpanded
from dynamo_conformance.engines.role import COMPONENTS, Role, parts

if TYPE_CHECKING:
    from dynamo_conformance.engines.role import Part
    from dynamo_conformance.manifest.graph import Graph
    from dynamo_conformance.manifest.node import Mark

DEFAULT_MODELS = {
    "dynamo.vllm": "Qwen/Qwen3-0.6B",
    "dynamo.trtllm": "TinyLlama/TinyLlama-1.1B-Chat-v1.0",
}
"""What an engine of Dynamo 1.6.1 serves when no model is given."""

TAKES_TURNS = ("round-robin", "random", "power-of-two", "least-loaded")
"""Router modes that do not look at what is cached where."""

WORKER_ROLES = (Role.AGG, Role.PREFILL, Role.DECODE, Role.ENCODE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """What clients of a graph can expect.

    Attributes:
        model: The served model id, or None where words that are not known here may say it.
        source: Where the model comes from, a hub id or a path, or None likewise.
        roles: How many processes have each worker role, all replicas and nodes counted.
        router_mode: How the frontend spreads requests (`round-robin`, `kv`, ...).
        kv_events: Whether the workers that prefill publish KV events.
        features: What the workers are set to do beyond answering.
        registers: How many instances of each Dynamo component there must be, at least and at most.
        embeds: Whether the answers are vectors, not text.
        frontends: How many frontends take requests, at least one.
        behind_encoder: Whether encode workers take all requests and hand them on.
        drafts: The hub ids or paths that draft heads are loaded from.
    """

    model: str | None
    source: str | None
    roles: dict[Role, int]
    router_mode: str
    kv_events: bool
    features: frozenset[GraphFeature] = frozenset()
    registers: dict[str, tuple[int, int]] = field(default_factory=dict)
    embeds: bool = False
    frontends: int = 1
    behind_encoder: bool = False
    drafts: tuple[str, ...] = ()

    @property
    def disaggregated(self) -> bool:
        """Whether prefill and decode are separate workers."""
        return Role.PREFILL in self.roles and Role.DECODE in self.roles

    @property
    def routes_by_kv(self) -> bool:
        """Whether a repeated prefix must go where it is cached.

        Workers that publish what they cache do so for a router that reads it: a frontend that
        takes turns all the same was not meant to.
        """
        return self.router_mode == "kv" or (self.kv_events and self.router_mode in TAKES_TURNS)


def serving(graph: Graph) -> Serving | None:
    """Return what `graph` serves, or None when no worker that is known here is in it."""
    components = parts(graph)
    known = [part for part in components if part.likely_role in WORKER_ROLES]
    own = [part for part in components if is_own(part)]
    workers = known or own
    if not workers:
        return None
    encoders = own if is_encoder_missing(known) else []
    roles: dict[Role, int] = {}
    for part in (*workers, *encoders):
        role = Role.ENCODE if part in encoders else declared_role(part)
        assert role is not None  # noqa: S101 - narrows for the type checker
        count = part.component.pod_count
        roles[role] = roles.get(role, 0) + count
    frontends = [part for part in components if part.role is Role.FRONTEND]
    prefilling = [part for part in workers if part.likely_role in (Role.AGG, Role.PREFILL)]
    # A worker that names a router mode decides how requests reach it, not the frontend.
    modes = [part.value("router_mode") for part in (*prefilling, *frontends)]
    router = next((mode for mode in modes if mode and not unexpanded(mode)), None)
    return Serving(
        model=served_model(workers[0]),
        source=model_source(workers[0]),
        roles=roles,
        router_mode=router or "round-robin",
        kv_events=bool(prefilling) and all(publishes_kv_events(part) for part in prefilling),
        features=features(graph),
        # As what a component of somebody's own registers, only its author knows.
        registers=_registers(known, encoders)
        if all(part.role is not None for part in known)
        else {},
        embeds=any(part.value("embedding_worker") == "True" for part in workers),
        frontends=max(sum(part.component.replicas for part in frontends), 1),
        behind_encoder=any(part.value("dedicated_mm_encoder") == "True" for part in workers),
        drafts=draft_sources(graph),
    )


def is_encoder_missing(known: list[Part]) -> bool:
    """Whether workers ask an encode worker that is none of Dynamo's: then it is somebody's own."""
    asks = any(part.value("route_to_encoder") == "True" for part in known)
    return asks and all(part.likely_role is not Role.ENCODE for part in known)


def declared_role(part: Part) -> Role | None:
    """Return the role that a component's type promises, whatever its command line does."""
    own = Role.AGG if is_own(part) else part.likely_role
    return _DECLARED.get(part.component.type or "", own)


_DECLARED = {"prefill": Role.PREFILL, "decode": Role.DECODE}


def is_own(part: Part) -> bool:
    """Whether a worker runs a module that is not Dynamo's, for a model that its words name."""
    return (
        part.command is not None
        and part.likely_role is None
        and part.component.is_worker
        and not part.command.module.startswith("dynamo.")
        and _word(part, *_MODEL_FLAGS) is not None
    )


_MODEL_FLAGS = ("--model", "--model-path")


def _word(part: Part, *flags: str) -> str | None:
    """Return what follows one of `flags` in the words of a module whose flags are not known."""
    texts = part.command.texts if part.command is not None else []
    for index, text in enumerate(texts):
        name, equals, value = text.partition("=")
        if name in flags:
            return value if equals else next(iter(texts[index + 1 :]), None)
    return None


def _registers(workers: list[Part], encoders: list[Part]) -> dict[str, tuple[int, int]]:
    """Return how many instances of each Dynamo component the workers register.

    Of a replica over several nodes one registers, or each; that is the engine's business.
    """
    counts: dict[str, tuple[int, int]] = {}
    for part in (*workers, *encoders):
        name = COMPONENTS[Role.ENCODE] if part in encoders else _component(part)
        fewest, most = counts.get(name, (0, 0))
        replicas = part.component.replicas
        counts[name] = (fewest + replicas, most + replicas * part.component.node_count)
    return counts


def _component(part: Part) -> str:
    # The default of 0.4 is that of workers that do not prefill.
    is_given = part.arguments is not None and part.arguments.explicit("endpoint")
    given = ((part.value("endpoint") if is_given else None) or "").removeprefix("dyn://").split(".")
    if len(given) == _ENDPOINT_PARTS:
        return given[1]
    role = declared_role(part)
    return COMPONENTS[role] if role in COMPONENTS else COMPONENTS[Role.AGG]


_ENDPOINT_PARTS = 3


def served_model(part: Part) -> str | None:
    """Return the id that a worker registers under: the first served name, else the model.

    None stands for one that is not known: words that are not known here may say it.
    """
    named = part.value("served_model_name")
    if is_own(part):
        named = _word(part, "--served-model-name")
    may_be_told = part.command is None or not part.command.complete
    if may_be_told or (part.arguments is not None and part.arguments.open):
        return None
    if named:
        return _known(re.split(r"[\s,]+", named.strip())[0])
    return model_source(part)


def model_source(part: Part) -> str | None:
    """Return the hub id or path that a worker loads its model from; None when it is not known."""
    if is_own(part):
        given = _word(part, *_MODEL_FLAGS)
        return _known(given) if given else None
    dests = [dest for dest in ("model", "model_path") if part.value(dest)]
    if part.hidden and part.arguments is not None:
        dests = [dest for dest in dests if part.arguments.explicit(dest)]
    if dests:
        return _known(part.value(dests[0]) or "")
    module = part.command.module if part.command is not None else ""
    return None if part.hidden else DEFAULT_MODELS.get(module)


def _known(text: str) -> str | None:
    return None if unexpanded(text) else text


def model_sources(graph: Graph) -> tuple[str, ...]:
    """Return every hub id or path that a worker is known to load a model from."""
    workers = (part for part in parts(graph) if part.likely_role in WORKER_ROLES or is_own(part))
    return tuple(sorted({model for part in workers if (model := model_source(part)) is not None}))


def draft_sources(graph: Graph) -> tuple[str, ...]:
    """Return every hub id or path that a vLLM worker is known to load a draft head from."""
    configs = (part.value("speculative_config") for part in parts(graph))
    heads: set[str] = set()
    for config in configs:
        try:
            parsed = parse_json(config) if config is not None else None
        except ValueError:
            continue
        head = parsed.get("model") if isinstance(parsed, dict) else None
        if isinstance(head, str) and not unexpanded(head):
            heads.add(head)
    return tuple(sorted(heads))


def publishes_kv_events(part: Part) -> bool:
    """Whether a worker is told to publish what is in its KV cache to the router."""
    config = part.value("kv_events_config")
    if config is not None:
        try:
            parsed = parse_json(config)
        except ValueError:
            return False
        if not isinstance(parsed, dict):
            return False
        if part.command is not None and part.command.module == "dynamo.sglang":
            return parsed.get("publisher") not in (None, "null")
        return bool(parsed.get("enable_kv_cache_events"))
    # The older name's dest is the one of both until the flag says nothing of metrics any more.
    return "True" in (part.value("publish_kv_events"), part.value("publish_events_and_metrics"))


def given_mark(part: Part, *dests: str) -> Mark:
    """Return where the first of `dests` was written, or where the component is."""
    if part.arguments is not None and part.command is not None:
        for dest in dests:
            for given in part.arguments.given:
                if given.flag.dest == dest:
                    value = min(given.index + 1, len(part.command.words) - 1)
                    return part.command.words[value].mark
    return part.component.mark
