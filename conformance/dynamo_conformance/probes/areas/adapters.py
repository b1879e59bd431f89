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


def _others(exchange: Exchange) -> list[JsonObject]:
    """Return the models that say whose adapters they are."""
    return [one for one in objects(exchange.answer, "data") if one.get("parent")]


def _first(exchange: Exchange) -> JsonObject:
    others = _others(exchange)
    if not others:
        raise CannotShow("no adapter is listed")
    return {"model": others[0].get("id")}


ASKED = replace(chat("adapter"), after=LIST, derive=_first)


@probe("adapters.listed", LIST, source=DYNAMO, profile=Profile.EXTENDED, needs=NEEDS)
def listed(exchange: Exchange) -> None:
    """An adapter is listed, with the model that it belongs to as its parent."""
    others = _others(exchange)
    expect(others, "a model with a parent", exchange.summary)
    ids = [one.get("id") for one in objects(exchange.answer, "data")]
    for one in others:
        expect(one["parent"] in ids, f"a parent out of {shown(ids)}", one)


@probe("adapters.answered", ASKED, source=DYNAMO, profile=Profile.EXTENDED, needs=NEEDS)
def answered(exchange: Exchange) -> None:
    """An adapter is asked by its name, and the answer names it."""
    judging.names_model(exchange, exchange.answer)
    text = find(exchange.answer, "choices", 0, "message", "content")
    expect(text, "a text", exchange.summary)
