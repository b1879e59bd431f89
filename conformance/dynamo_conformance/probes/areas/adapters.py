"""LoRA adapters: listed, and asked by name."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dynamo_conformance.probes import judging
from dynamo_conformance.probes.areas.models import LIST
from dynamo_conformance.probes.exchange import (
    CannotShow,
    JsonObject,
    expect,
    find,
    objects,
    shown,
)
from dynamo_conformance.probes.probe import DYNAMO, Feature, Profile, probe
from dynamo_conformance.probes.questions import CHAT, chat

if TYPE_CHECKING:
    from dynamo_conformance.probes.exchange import Exchange, Json

NEEDS = (Feature.TEXT, Feature.ADAPTERS)


def _adapters(exchange: Exchange) -> list[JsonObject]:
    """Return the models that say whose adapters they are; where none does, all but one's own."""
    entries = objects(exchange.answer, "data")
    named = [entry for entry in entries if entry.get("parent")]
    return named or [entry for entry in entries if entry.get("id") != exchange.model]


def _first(exchange: Exchange) -> JsonObject:
    adapters = _adapters(exchange)
    if not adapters:
        raise CannotShow("no adapter is listed")
    return {"model": adapters[0].get("id")}


ASKED = replace(chat("adapter"), after=LIST, derive=_first)
OWN = CHAT.ask_determined("of-model", logprobs=True)
OWN_AGAIN = CHAT.ask_determined("of-model-again", logprobs=True)
ADAPTED = replace(CHAT.ask_determined("of-adapter", logprobs=True), after=LIST, derive=_first)


@probe("adapters.listed", LIST, source=DYNAMO, profile=Profile.EXTENDED, needs=NEEDS)
def listed(exchange: Exchange) -> None:
    """An adapter is listed, with the model that it belongs to as its parent."""
    adapters = _adapters(exchange)
    expect(adapters, "a model with a parent", exchange.summary)
    ids = [entry.get("id") for entry in objects(exchange.answer, "data")]
    for adapter in adapters:
        expect(adapter.get("parent") in ids, f"a parent out of {shown(ids)}", adapter)


@probe("adapters.answered", ASKED, source=DYNAMO, profile=Profile.EXTENDED, needs=NEEDS)
def answered(exchange: Exchange) -> None:
    """An adapter is asked by its name, and the answer names it."""
    judging.names_model(exchange, exchange.answer)
    text = find(exchange.answer, "choices", 0, "message", "content")
    expect(text, "a text", exchange.summary)


@probe(
    "adapters.applied", OWN, OWN_AGAIN, ADAPTED, source=DYNAMO, profile=Profile.EXTENDED,
    needs=(*NEEDS, Feature.DETERMINED, Feature.LOGPROBS),
)  # fmt: skip
def applied(own: Exchange, again: Exchange, adapted: Exchange) -> None:
    """An adapter changes what its model says, or at least how likely it is."""
    text = judging.whole_text(CHAT, own)
    judging.determined(text, judging.whole_text(CHAT, again))
    if judging.whole_text(CHAT, adapted) != text:
        return
    chances = [_logprobs(exchange) for exchange in (own, adapted)]
    expect(chances[0] != chances[1], "other probabilities than those of the model", chances[1])


def _logprobs(exchange: Exchange) -> list[Json]:
    entries = objects(exchange.answer, "choices", 0, "logprobs", "content")
    return [entry.get("logprob") for entry in entries]
