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
from dynamo_conformance.probes.questions import chat

if TYPE_CHECKING:
    from dynamo_conformance.probes.exchange import Exchange

NEEDS = (Feature.TEXT, Feature.ADAPTERS)


def _adapters(exchange: Exchange) -> list[JsonObject]:
    """Return the models that say whose adapters they are."""
    return [entry for entry in objects(exchange.answer, "data") if entry.get("parent")]


def _first(exchange: Exchange) -> JsonObject:
    adapters = _adapters(exchange)
    if not adapters:
        raise CannotShow("no adapter is listed")
    return {"model": adapters[0].get("id")}


ASKED = replace(chat("adapter"), after=LIST, derive=_first)


@probe("adapters.listed", LIST, source=DYNAMO, profile=Profile.EXTENDED, needs=NEEDS)
def listed(exchange: Exchange) -> None:
    """An adapter is listed, with the model that it belongs to as its parent."""
    adapters = _adapters(exchange)
    expect(adapters, "a model with a parent", exchange.summary)
    ids = [entry.get("id") for entry in objects(exchange.answer, "data")]
    for adapter in adapters:
        expect(adapter["parent"] in ids, f"a parent out of {shown(ids)}", adapter)


@probe("adapters.answered", ASKED, source=DYNAMO, profile=Profile.EXTENDED, needs=NEEDS)
def answered(exchange: Exchange) -> None:
    """An adapter is asked by its name, and the answer names it."""
    judging.names_model(exchange, exchange.answer)
    text = find(exchange.answer, "choices", 0, "message", "content")
    expect(text, "a text", exchange.summary)
