"""Answers that must be JSON, and fit a schema."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from dynamo_conformance.probes import judging
from dynamo_conformance.probes.exchange import CannotShow, Fault, JsonObject, expect, find, shown
from dynamo_conformance.probes.probe import Feature, Profile, probe
from dynamo_conformance.probes.questions import CHAT, STREAM, chat, thoughts_in, user

if TYPE_CHECKING:
    from dynamo_conformance.probes.exchange import Exchange

NEEDS = (Feature.TEXT, Feature.STRUCTURED)
ENOUGH = 200
SCHEMA: JsonObject = {
    "type": "object",
    "properties": {
        "river": {"type": "string", "enum": ["Elbe", "Rhine"]},
        "dry": {"type": "boolean"},
    },
    "required": ["river", "dry"],
    "additionalProperties": False,
}
FORMAT: JsonObject = {
    "type": "json_schema",
    "json_schema": {"name": "river", "strict": True, "schema": SCHEMA},
}
OBJECT = chat(
    "structured-object",
    messages=[user("Answer in JSON: which river flows through Dresden?")],
    response_format={"type": "json_object"},
    max_tokens=ENOUGH,
    temperature=0,
)
FITTED = chat("structured-schema", response_format=FORMAT, max_tokens=ENOUGH, temperature=0)
FITTED_STREAM = chat(
    "structured-schema-streamed", response_format=FORMAT, max_tokens=ENOUGH, temperature=0, **STREAM
)


def _parsed(text: str, thoughts: str, reason: object) -> JsonObject:
    is_begun = text.lstrip().startswith("{") or (thoughts and not text)
    if reason == judging.FINISH_LENGTH and is_begun:
        raise CannotShow(f"{ENOUGH} tokens do not hold the answer")
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise Fault("a JSON object as text", text or "no text")
    return value


def _fits(value: JsonObject) -> None:
    is_fit = (
        value.keys() == {"river", "dry"}
        and value["river"] in ("Elbe", "Rhine")
        and isinstance(value["dry"], bool)
    )
    expect(is_fit, f"what fits {shown(SCHEMA)}", value)


def _whole(exchange: Exchange) -> JsonObject:
    reason = find(exchange.answer, "choices", 0, "finish_reason")
    message = find(exchange.answer, "choices", 0, "message")
    return _parsed(str(find(message, "content") or ""), thoughts_in(message), reason)


@probe("structured.object", OBJECT, profile=Profile.EXTENDED, needs=NEEDS)
def json_object(exchange: Exchange) -> None:
    """With response_format json_object the text is a JSON object."""
    _whole(exchange)


@probe("structured.schema-json", FITTED, profile=Profile.EXTENDED, needs=NEEDS)
def schema_json(exchange: Exchange) -> None:
    """With response_format json_schema the text is a JSON object."""
    _whole(exchange)


@probe("structured.schema", FITTED, profile=Profile.EXTENDED, needs=NEEDS)
def schema(exchange: Exchange) -> None:
    """With response_format json_schema the answer fits the schema."""
    _fits(_whole(exchange))


@probe("structured.schema-streamed", FITTED_STREAM, profile=Profile.EXTENDED, needs=NEEDS)
def schema_streamed(exchange: Exchange) -> None:
    """The chunks of a streamed answer add up to JSON that fits the schema."""
    got = judging.streamed(CHAT, exchange)
    thoughts = got.thoughts.get(0, "")
    _fits(_parsed("" if got.text == thoughts else got.text, thoughts, got.reason))
