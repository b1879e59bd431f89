"""Calls of tools: which, with what, and how they are streamed."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from dynamo_conformance.probes import judging
from dynamo_conformance.probes.exchange import (
    CannotShow,
    Fault,
    Json,
    JsonObject,
    expect,
    find,
    number,
    objects,
    string,
)
from dynamo_conformance.probes.probe import Feature, Profile, probe
from dynamo_conformance.probes.questions import CHAT, STREAM, USAGE, chat, user, varied
from dynamo_conformance.probes.shapes import Shape, check_types

if TYPE_CHECKING:
    from dynamo_conformance.probes.exchange import Exchange, Json, Question

NEEDS = (Feature.TEXT, Feature.TOOLS)
PARSED = (Feature.TEXT, Feature.TOOL_PARSER)
ENOUGH = 512
CITIES = ("Paris", "Rome", 'São "Paulo"')
"""The last has what JSON must escape; the mock engine's answers name it."""


def _tool(name: str, what: str, argument: str) -> JsonObject:
    return {
        "type": "function",
        "function": {
            "name": name,
            "description": what,
            # Without strict a model may call with other arguments, or with what is no JSON.
            "strict": True,
            "parameters": {
                "type": "object",
                "properties": {argument: {"type": "string", "enum": [*CITIES]}},
                "required": [argument],
                "additionalProperties": False,
            },
        },
    }


WEATHER = _tool("get_weather", "Tell the weather in a city.", "city")
TIME = _tool("get_time", "Tell the local time in a city.", "city")
NAMED: JsonObject = {"type": "function", "function": {"name": "get_time"}}


def _asked(
    name: str, choice: Json, *, content: Json = "", replay: str = "", **fields: Json
) -> Question:
    question = chat(
        f"tools-{name}",
        messages=[user(content or "What is the weather in Paris right now?")],
        tools=[WEATHER, TIME],
        tool_choice=choice,
        temperature=0,
        max_tokens=ENOUGH,
        **fields,
    )
    return replace(question, replay=replay)


# Where answers can be chosen, a model writes these calls: with tool_choice auto as its parser reads
# them, with required as guided decoding lets it.
AUTO = _asked("auto", "auto", replay="call")
REQUIRED = _asked("required", "required", replay="guided-call")
REQUIRED_STREAM = varied(REQUIRED, "tools-required-streamed", stream_options=USAGE, **STREAM)
BY_NAME = _asked("named", NAMED)
NONE = _asked("none", "none")
SEVERAL = _asked(
    "several",
    "auto",
    content="What is the weather in Paris, and what in Rome?",
    replay="calls",
)
SEVERAL_STREAM = varied(SEVERAL, "tools-several-streamed", **STREAM)
SINGLE = _asked(
    "single",
    "required",
    content="What is the weather in Paris, and what in Rome?",
    parallel_tool_calls=False,
)


def _calls(exchange: Exchange) -> list[JsonObject]:
    if find(exchange.answer, "choices", 0, "message", "tool_calls") is None:
        raise Fault("tool_calls", exchange.summary)
    return objects(exchange.answer, "choices", 0, "message", "tool_calls")


def _called(calls: list[JsonObject], names: tuple[str, ...]) -> None:
    expect(calls, "a call of a tool", "none")
    for call in calls:
        name = string(call, "function", "name")
        expect(name in names, f"a call of {' or '.join(names)}", call)


def _arguments(call: JsonObject) -> None:
    text = string(call, "function", "arguments")
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    is_fit = isinstance(value, dict) and value.get("city") in CITIES
    expect(is_fit, f"arguments in JSON with a city out of {', '.join(CITIES)}", text)


@probe("tools.required", REQUIRED, profile=Profile.EXTENDED, needs=NEEDS)
def required(exchange: Exchange) -> None:
    """With tool_choice required a tool of the list is called."""
    _called(_calls(exchange), ("get_weather", "get_time"))


@probe("tools.shape", REQUIRED, profile=Profile.EXTENDED, needs=PARSED)
def shape(exchange: Exchange) -> None:
    """An answer with calls has the shape of OpenAI's specification."""
    check_types(Shape.CHAT, exchange.answer)


@probe("tools.arguments", REQUIRED, profile=Profile.EXTENDED, needs=PARSED)
def arguments(exchange: Exchange) -> None:
    """The arguments of a call are JSON that fits the tool's parameters."""
    for call in _calls(exchange):
        _arguments(call)


@probe("tools.finish", REQUIRED, profile=Profile.EXTENDED, needs=PARSED)
def finish(exchange: Exchange) -> None:
    """An answer that calls a tool has finish_reason tool_calls."""
    _calls(exchange)
    reason = find(exchange.answer, "choices", 0, "finish_reason")
    _expect_finish(reason, find(exchange.answer, "usage", "completion_tokens"))


def _expect_finish(reason: Json, tokens: Json) -> None:
    if reason == judging.FINISH_LENGTH and tokens == ENOUGH:
        raise CannotShow("the model went on after its call, until max_tokens")
    expect(reason == "tool_calls", "finish_reason tool_calls", reason)


@probe("tools.ids", REQUIRED, profile=Profile.EXTENDED, needs=PARSED)
def ids(exchange: Exchange) -> None:
    """Each call has an id of its own, not empty."""
    got = [string(call, "id") for call in _calls(exchange)]
    expect(all(got) and len(got) == len(set(got)), "an id for each call", got)


@probe("tools.named", BY_NAME, profile=Profile.EXTENDED, needs=NEEDS)
def named(exchange: Exchange) -> None:
    """With a tool named in tool_choice that one is called."""
    _called(_calls(exchange), ("get_time",))


@probe("tools.none", NONE, profile=Profile.EXTENDED, needs=NEEDS)
def none(exchange: Exchange) -> None:
    """With tool_choice none no tool is called."""
    got = find(exchange.answer, "choices", 0, "message", "tool_calls")
    expect(not got, "no tool_calls", got)


def _require_chosen(exchange: Exchange, reason: str) -> None:
    """Return when the model's answer was chosen, so that it cannot be blamed."""
    if not find(exchange.request, "nvext", "annotations"):
        raise CannotShow(reason)


@probe("tools.auto", AUTO, profile=Profile.EXTENDED, needs=PARSED)
def auto(exchange: Exchange) -> None:
    """With tool_choice auto a call is one of a tool of the list, and told as one."""
    if not find(exchange.answer, "choices", 0, "message", "tool_calls"):
        _require_chosen(exchange, "the model called no tool of its own accord")
    calls = _calls(exchange)
    _called(calls, ("get_weather", "get_time"))
    for call in calls:
        _arguments(call)


@probe("tools.several", SEVERAL, profile=Profile.EXTENDED, needs=PARSED)
def several(exchange: Exchange) -> None:
    """Several calls in one answer have ids of their own."""
    calls = find(exchange.answer, "choices", 0, "message", "tool_calls")
    if not isinstance(calls, list) or len(calls) < 2:  # noqa: PLR2004 - several
        _require_chosen(exchange, "the model did not call several tools")
        raise Fault("several calls", exchange.summary)
    got = [string(call, "id") for call in _calls(exchange)]
    expect(len(got) == len(set(got)), "an id for each call", got)


@probe("tools.not-in-text", AUTO, profile=Profile.EXTENDED, needs=PARSED)
def not_in_text(exchange: Exchange) -> None:
    """A call does not stand in the text of the answer too."""
    text = find(exchange.answer, "choices", 0, "message", "content")
    if find(exchange.answer, "choices", 0, "message", "tool_calls"):
        expect("get_weather" not in str(text), "a text without the call", text)


@probe("tools.several-streamed", SEVERAL_STREAM, profile=Profile.EXTENDED, needs=PARSED)
def several_streamed(exchange: Exchange) -> None:
    """Several streamed calls have each an index, an id, a name and arguments of their own."""
    calls = _streamed_calls(exchange)
    if len(calls) < 2:  # noqa: PLR2004 - several
        _require_chosen(exchange, "the model did not call several tools")
        raise Fault("several calls", f"{len(calls)}")
    expect(sorted(calls) == list(range(len(calls))), "indexes from 0", sorted(calls))
    got = [str(call["id"]) for call in calls.values()]
    expect(all(got) and len(got) == len(set(got)), "an id for each call", got)
    _called([*calls.values()], ("get_weather", "get_time"))
    for call in calls.values():
        _arguments(call)


@probe("tools.single", SINGLE, profile=Profile.EXTENDED, needs=NEEDS)
def single(exchange: Exchange) -> None:
    """With parallel_tool_calls false there is at most one call."""
    count = len(_calls(exchange))
    expect(count == 1, "one call", f"{count} calls")


def _streamed_calls(exchange: Exchange) -> dict[int, JsonObject]:
    """Return the calls of a stream, put together as clients do."""
    joined: dict[int, dict[str, str]] = defaultdict(lambda: {"id": "", "name": "", "arguments": ""})
    for chunk in judging.streamed(CHAT, exchange).chunks:
        calls = find(chunk, "choices", 0, "delta", "tool_calls")
        for part in calls if isinstance(calls, list) else []:
            call = joined[number(part, "index")]
            call["id"] = call["id"] or str(find(part, "id") or "")
            call["name"] += str(find(part, "function", "name") or "")
            call["arguments"] += str(find(part, "function", "arguments") or "")
    return {
        index: {
            "id": call["id"],
            "function": {"name": call["name"], "arguments": call["arguments"]},
        }
        for index, call in joined.items()
    }


@probe("tools.streamed", REQUIRED_STREAM, profile=Profile.EXTENDED, needs=PARSED)
def streamed(exchange: Exchange) -> None:
    """A streamed call names a tool of the list, once."""
    _called([*_streamed_calls(exchange).values()], ("get_weather", "get_time"))


@probe("tools.streamed-arguments", REQUIRED_STREAM, profile=Profile.EXTENDED, needs=PARSED)
def streamed_arguments(exchange: Exchange) -> None:
    """The arguments of a streamed call add up to JSON that fits the tool's parameters."""
    calls = _streamed_calls(exchange)
    expect(calls, "a call of a tool", "none")
    for call in calls.values():
        _arguments(call)


@probe("tools.streamed-finish", REQUIRED_STREAM, profile=Profile.EXTENDED, needs=PARSED)
def streamed_finish(exchange: Exchange) -> None:
    """A stream that calls a tool has finish_reason tool_calls."""
    expect(_streamed_calls(exchange), "a call of a tool", "none")
    text = judging.streamed(CHAT, exchange)
    used = [find(chunk, "usage", "completion_tokens") for chunk in text.chunks]
    _expect_finish(text.reason, next(filter(None, reversed(used)), None))


@probe("tools.streamed-ids", REQUIRED_STREAM, profile=Profile.EXTENDED, needs=PARSED)
def streamed_ids(exchange: Exchange) -> None:
    """Each streamed call has an index from 0, and an id."""
    calls = _streamed_calls(exchange)
    expect(sorted(calls) == list(range(len(calls))) and calls, "indexes from 0", sorted(calls))
    expect(all(call["id"] for call in calls.values()), "an id for each call", [*calls.values()])
