"""What stands behind an address: its release, its engine, and what it serves."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from dynamo_conformance.engines.features import GraphFeature
from dynamo_conformance.mock_engine import chosen_answers
from dynamo_conformance.probes import promises
from dynamo_conformance.probes.areas import (
    embeddings,
    images,
    messages,
    reasoning,
    responses,
    tools,
)
from dynamo_conformance.probes.areas.graph import MOCK
from dynamo_conformance.probes.areas.models import LIST
from dynamo_conformance.probes.exchange import OK, Fault, find, objects
from dynamo_conformance.probes.probe import Feature, Profile
from dynamo_conformance.probes.questions import CHAT, get, varied

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dynamo_conformance.engines.serving import Serving
    from dynamo_conformance.probes.exchange import Json, Question
    from dynamo_conformance.probes.recorder import Recorder

OPENAPI: Final = get("openapi", "/openapi.json")
ENGINE_ASKED: Final = replace(
    varied(CHAT.determined, "engine", nvext=chosen_answers.asking_for("engine")),
    replay="",
)
ABSENT: Final = (404, 405, 501)
BAD_REQUEST: Final = 400
SIMULATED: Final = "mock"
_MOCK: Final = "the mock engine"

ENGINES: Final[dict[str, dict[Feature, str]]] = {
    SIMULATED: {
        Feature.DETERMINED: f"{_MOCK} draws at random: temperature 0 and seed are passed over",
        Feature.CHOICES: f"{_MOCK} draws one choice: n and best_of are passed over",
        Feature.LOGPROBS: f"{_MOCK} has no probabilities: logprobs are passed over",
        Feature.ECHO: f"{_MOCK} does not return the prompt: echo is passed over",
        Feature.SUFFIX: f"{_MOCK} passes over suffix",
        Feature.TOP_P: f"{_MOCK} draws at random: top_p is passed over",
        Feature.PENALTIES: f"{_MOCK} draws at random: penalties are passed over",
        Feature.STRUCTURED: f"{_MOCK} draws at random: response_format is passed over",
        Feature.TOOLS: f"{_MOCK} draws at random: tools and tool_choice are passed over",
        Feature.IMAGES: f"{_MOCK} looks at no image: images are passed over",
        Feature.TRAINED: f"{_MOCK} has no weights",
        Feature.ADAPTERS: f"{_MOCK} loads no adapter",
        Feature.SPECULATION: f"{_MOCK} drafts no tokens",
        Feature.KV_OFFLOAD: f"{_MOCK} keeps KV blocks in its own cache alone",
        Feature.EXPERTS: f"{_MOCK} has no experts",
        Feature.MPI: f"{_MOCK} has no ranks: the first node simulates the complete engine",
        Feature.PLANNER: "a planner decides by measured speed, and that of the mock engine is none",
    },
}
"""What cannot be shown with an engine, whatever the graph promises, and why."""

UNTRAINED: Final = {Feature.TRAINED: "its weights are random"}
REPLAYED: Final = (Feature.CHOSEN, Feature.REPEATED, Feature.TOOL_PARSER, Feature.REASONING)
"""What is shown with the mock engine by chosen answers alone."""

HARMONY: Final = dict.fromkeys(
    (Feature.TOOL_PARSER, Feature.REASONING),
    f"harmony is read by the tokens of its own vocabulary, and those of {_MOCK} are others",
)
"""What is not shown of a graph whose model writes harmony."""

PROMISED_ONLY: Final = {
    Feature.KV_ROUTER: "not known to route by KV; name the feature where it does",
    Feature.DISAGGREGATED: "not known to be disaggregated; name the feature where it is",
    Feature.PREFILL: "not known to have prefill workers; a manifest says so",
    Feature.ENCODER: "not known to have encode workers; a manifest says so",
    Feature.SPECULATION: "not known to draft tokens; a manifest says so",
    Feature.KV_OFFLOAD: "not known to offload KV blocks; a manifest says so",
    Feature.EXPERTS: "not known to spread experts; a manifest says so",
    Feature.MPI: "not known to start ranks by MPI; a manifest says so",
    Feature.PLANNER: "not known to have a planner; a manifest says so",
    Feature.ENGINE_OPTIONS: "not known to have a file of engine options; a manifest says so",
    Feature.MIGRATION: "not known to have a migration limit; a manifest says so",
}


ELSEWHERE: Final[Mapping[Feature, str]] = MappingProxyType(
    {Feature.KV_ROUTER: "on another release the mock engine publishes no KV events"}
)
"""What cannot be shown where the mock engine plays on another release than it is made for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedGraph:
    """What is known of what answers.

    Attributes:
        model: The model that is asked for.
        release: Dynamo's, as the frontend says it; None where another server answers.
        engine: Its name, if it is known.
        unshown: What cannot be shown, and why.
        serving: What its manifest promises, where there is one.
        replays: Whether the engine gives the answers that questions name.
    """

    model: str
    release: str | None
    engine: str | None
    unshown: dict[Feature, str]
    serving: Serving | None = None
    replays: bool = False


class UnknownModelError(ValueError):
    """Which model is to be asked for is not clear."""


class NoModelsError(UnknownModelError):
    """What answers lists no models."""


def only_model(recorder: Recorder) -> str:
    """Return the only model that is listed, adapters of others left out.

    Raises:
        NoModelsError: There is no list.
        UnknownModelError: There is none in it, or there are several.
    """
    exchange = recorder.ask(LIST)
    try:
        entries = objects(exchange.json_object, "data")
        listed = [str(entry.get("id")) for entry in entries if not entry.get("parent")]
    except Fault:
        raise NoModelsError(f"no list of models at {exchange.url}: {exchange.summary}") from None
    if len(listed) != 1:
        names = ", ".join(listed) or "none"
        raise UnknownModelError(f"which model? {len(listed)} are listed: {names}")
    return listed[0]


def served_graph(
    recorder: Recorder,
    *,
    engine: str | None = None,
    release: str | None = None,
    serving: Serving | None = None,
    promised: frozenset[Feature] = frozenset(),
    profile: Profile = Profile.EXTENDED,
    is_trained: bool = True,
    limits: Mapping[Feature, str] = MappingProxyType({}),
) -> ServedGraph:
    """Find out what an endpoint serves.

    Args:
        recorder: Asks it, and its workers.
        engine: The engine, where that is known; workers that the mock engine simulates say so.
        release: Dynamo's release, where the frontend does not say it.
        serving: What the graph's manifest promises.
        promised: What else is taken to be there without being asked for.
        profile: Of the probes for which it is found out.
        is_trained: Whether the model's weights are not known to be random.
        limits: What cannot be shown with what serves, and why.
    """
    promised |= promises.promised(serving)
    if any(exchange.status == OK for exchange in recorder.ask_workers(MOCK)):
        engine = SIMULATED
    stated = _json(recorder, OPENAPI)
    # Frontends before 0.6 state nothing.
    is_dynamo = release is not None or "Dynamo" in str(find(stated, "info", "title"))
    version = find(stated, "info", "version")
    if engine != SIMULATED and is_dynamo and _is_simulated(recorder):
        engine = SIMULATED
    recorder.replays = engine == SIMULATED or Feature.CHOSEN in promised
    if Feature.TOOLS in promised:
        promised |= {Feature.TOOL_PARSER}
    unshown = ENGINES.get(engine or "", {}) | ({} if is_trained else UNTRAINED) | dict(limits)
    if engine == SIMULATED and serving is not None and GraphFeature.HARMONY in serving.features:
        unshown |= HARMONY
    unserved = PROMISED_ONLY | promises.impossible(serving)
    if lists_adapters := _lists_adapters(recorder, serving):
        unserved.pop(Feature.ADAPTERS, None)
    if not is_dynamo:
        unserved[Feature.DYNAMO] = "no Dynamo frontend answers"
    unserved |= _unserved_kinds(recorder, promised)
    if Feature.CHOSEN in promised:
        unshown.setdefault(Feature.DETERMINED, "its answers are chosen, not drawn")
    elif Feature.TEXT not in unserved:
        unshown |= _unchosen(recorder)
    if profile is Profile.EXTENDED:
        writes = Feature.TEXT not in unserved
        known = {*promised, *unserved, *unshown}
        unserved |= _unserved_extras(recorder, known, adapted=lists_adapters, writes=writes)
    missing = {feature: why for feature, why in unserved.items() if feature not in promised}
    # What nobody promised needs no engine's limits as its reason.
    unshown = {
        feature: why
        for feature, why in unshown.items()
        if feature in promised or feature not in PROMISED_ONLY
    }
    return ServedGraph(
        model=recorder.address.model,
        release=release or (str(version) if is_dynamo else None),
        engine=engine,
        unshown=missing | unshown,
        serving=serving,
        replays=recorder.replays,
    )


def _is_simulated(recorder: Recorder) -> bool:
    """Whether the answer is one that the mock engine alone gives."""
    text = find(_json(recorder, ENGINE_ASKED), "choices", 0, *CHAT.text)
    return text == chosen_answers.ENGINE


def _unchosen(recorder: Recorder) -> dict[Feature, str]:
    """Return what cannot be shown where no answer can be chosen."""
    if not recorder.replays:
        return {Feature.CHOSEN: "no answer can be chosen but the mock engine's"}
    text = find(_json(recorder, CHAT.determined), "choices", 0, *CHAT.text)
    if isinstance(text, str) and text and chosen_answers.PLAIN.startswith(text):
        return {}
    return dict.fromkeys(REPLAYED, "its workers do not say chosen answers, but draw at random")


def _unserved_kinds(recorder: Recorder, promised: frozenset[Feature]) -> dict[Feature, str]:
    """Return whether text or vectors are not served; who answers neither must answer text."""
    if Feature.TEXT in promised and Feature.EMBEDDINGS in promised:
        return {}
    vectors = recorder.ask(embeddings.PLAIN)
    if Feature.EMBEDDINGS in promised or vectors.status == OK:
        is_absent = recorder.ask(CHAT.plain).status in (*ABSENT, BAD_REQUEST)
        return {Feature.TEXT: "the model answers with vectors, not with text"} if is_absent else {}
    return {Feature.EMBEDDINGS: f"no embeddings are served: HTTP {vectors.status}"}


def _unserved_extras(
    recorder: Recorder, known: set[Feature], *, adapted: bool, writes: bool
) -> dict[Feature, str]:
    """Return what is not served of that which few serve."""
    unserved: dict[Feature, str] = {}
    for feature, question in (
        (Feature.RESPONSES, responses.PLAIN),
        (Feature.MESSAGES, messages.PLAIN),
    ):
        if feature not in known and (status := recorder.ask(question).status) in ABSENT:
            unserved[feature] = f"{question.path} is not served: HTTP {status}"
    parsed = tools.AUTO if recorder.replays else tools.REQUIRED
    for feature, question, places, reason in (
        (Feature.TOOLS, tools.REQUIRED, ("tool_calls",), "no tool was called"),
        (Feature.TOOL_PARSER, parsed, ("tool_calls",), "no call was parsed"),
        (Feature.REASONING, reasoning.ASKED, ("reasoning_content",), "no reasoning_content came"),
        (Feature.IMAGES, images.DATA, ("content",), "no image was taken"),
    ):
        if writes and feature not in known:
            message = find(_json(recorder, question), "choices", 0, "message")
            if not find(message, *places):
                named = " by a parser that the workers name" if recorder.replays else ""
                unserved[feature] = f"{reason}{named}; name the feature where it is served"
    if Feature.ADAPTERS not in known and not adapted:
        unserved[Feature.ADAPTERS] = "no adapter is listed"
    return unserved


def _lists_adapters(recorder: Recorder, serving: Serving | None) -> bool:
    """Whether a model says that it is an adapter, or besides the graph's own there are others."""
    data = find(_json(recorder, LIST), "data")
    entries = data if isinstance(data, list) else []
    takes_adapters = serving is not None and GraphFeature.LORA in serving.features
    return any(find(entry, "parent") for entry in entries) or (takes_adapters and len(entries) > 1)


def _json(recorder: Recorder, question: Question) -> Json:
    exchange = recorder.ask(question)
    try:
        return exchange.json_object if exchange.status == OK else None
    except Fault:
        return None
