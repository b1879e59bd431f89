"""What a manifest promises, as features of probes: one that is not there fails."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dynamo_conformance.engines.features import GraphFeature
from dynamo_conformance.engines.role import Role
from dynamo_conformance.probes.probe import Feature

if TYPE_CHECKING:
    from dynamo_conformance.engines.serving import Serving
    from dynamo_conformance.probes.probe import Probe

SETTINGS: Final = {
    GraphFeature.IMAGES: Feature.IMAGES,
    GraphFeature.SPECULATION: Feature.SPECULATION,
    GraphFeature.KV_OFFLOAD: Feature.KV_OFFLOAD,
    GraphFeature.TOOL_CALLS: Feature.TOOLS,
    GraphFeature.REASONING: Feature.REASONING,
    GraphFeature.EXPERTS: Feature.EXPERTS,
    GraphFeature.MPI: Feature.MPI,
    GraphFeature.OPTIONS: Feature.ENGINE_OPTIONS,
    GraphFeature.PLANNER: Feature.PLANNER,
    GraphFeature.MIGRATION: Feature.MIGRATION,
}
"""What workers that are set to do so promise."""

KINDS: Final = frozenset({Feature.DYNAMO, Feature.EMBEDDINGS, Feature.TEXT})
"""What every graph promises, one way or the other."""

CHOICE: Final = 2
"""How many workers a router must have for its choice to mean anything."""


def promised(serving: Serving | None) -> frozenset[Feature]:
    """Return what must be there; nothing where there is no manifest."""
    if serving is None:
        return frozenset()
    features = {SETTINGS[setting] for setting in serving.features if setting in SETTINGS}
    features |= {Feature.DYNAMO, Feature.EMBEDDINGS if serving.embeds else Feature.TEXT}
    if serving.disaggregated:
        features |= {Feature.PREFILL, Feature.DISAGGREGATED}
    if Role.ENCODE in serving.roles:
        features.add(Feature.ENCODER)
    if serving.routes_by_kv:
        features.add(Feature.KV_ROUTER)
    return frozenset(features - impossible(serving).keys())


def impossible(serving: Serving | None) -> dict[Feature, str]:
    """Return what a graph promises that cannot be shown on it, and why."""
    reasons: dict[Feature, str] = {}
    if serving is None:
        return reasons
    if GraphFeature.LORA in serving.features:
        reasons[Feature.ADAPTERS] = "no adapter is loaded when the graph has started"
    answering = serving.roles.get(Role.DECODE) or serving.roles.get(Role.AGG, 0)
    if GraphFeature.MIGRATION in serving.features and answering < CHOICE:
        reasons[Feature.MIGRATION] = "there is no second worker that could go on"
    workers = serving.roles.get(Role.PREFILL) or serving.roles.get(Role.AGG, 0)
    if serving.routes_by_kv and workers < CHOICE:
        reasons[Feature.KV_ROUTER] = "one worker leaves the router no choice"
    if serving.disaggregated and serving.behind_encoder:
        why = "encode workers take the requests: the frontend does not see who prefills"
        reasons[Feature.DISAGGREGATED] = why
    return reasons


def is_claimed(probe: Probe, serving: Serving | None) -> bool:
    """Whether a manifest claims what a probe shows, beyond what every graph does."""
    claims = (promised(serving) | impossible(serving).keys()) - KINDS
    return not probe.needs or bool(probe.needs & claims)
