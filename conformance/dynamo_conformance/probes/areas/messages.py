"""/v1/messages: Anthropic's API, where it is switched on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dynamo_conformance.probes import judging
from dynamo_conformance.probes.exchange import (
    MODEL,
    Json,
    JsonObject,
    Question,
    expect,
    number,
    objects,
)
from dynamo_conformance.probes.probe import ANTHROPIC, Feature, Profile, probe
from dynamo_conformance.probes.questions import MAX_TOKENS, PROMPT, user
from dynamo_conformance.probes.sse import read_stream

if TYPE_CHECKING:
    from dynamo_conformance.probes.exchange import Exchange

NEEDS = (Feature.TEXT, Feature.MESSAGES)
PATH: Final = "/v1/messages"
HEADERS = (("content-type", "application/json"), ("anthropic-version", "2023-06-01"))
ORDER: Final = ("message_start", "message_delta", "message_stop")


def _asked(name: str, **fields: Json) -> Question:
    body: JsonObject = {"model": MODEL, "messages": [user(PROMPT)], "max_tokens": MAX_TOKENS}
    return Question(name=f"messages-{name}", path=PATH, headers=HEADERS, fields={**body, **fields})


PLAIN = _asked("one")
STREAMED = _asked("streamed", stream=True)


@probe("messages.answered", PLAIN, source=ANTHROPIC, profile=Profile.EXTENDED, needs=NEEDS)
def answered(exchange: Exchange) -> None:
    """A message is answered with a message of the assistant that has text, or thoughts."""
    answer = exchange.answer
    is_message = answer.get("type") == "message" and answer.get("role") == "assistant"
    blocks = objects(answer, "content")
    texts = [block.get("text") or block.get("thinking") for block in blocks]
    expect(is_message and any(texts), "a message with text", exchange.summary)


@probe("messages.model", PLAIN, source=ANTHROPIC, profile=Profile.EXTENDED, needs=NEEDS)
def model(exchange: Exchange) -> None:
    """The answer names the model that was asked for."""
    judging.names_model(exchange, exchange.answer)


@probe("messages.stop", PLAIN, source=ANTHROPIC, profile=Profile.EXTENDED, needs=NEEDS)
def stop(exchange: Exchange) -> None:
    """An answer that max_tokens cut has stop_reason max_tokens, another end_turn."""
    written = number(exchange.answer, "usage", "output_tokens")
    wanted = "max_tokens" if written >= MAX_TOKENS else "end_turn"
    got = exchange.answer.get("stop_reason")
    expect(got == wanted, f"stop_reason {wanted} after {written} tokens", got)


@probe("messages.events", STREAMED, source=ANTHROPIC, profile=Profile.EXTENDED, needs=NEEDS)
def events(exchange: Exchange) -> None:
    """A stream begins with message_start and ends with message_delta and message_stop."""
    exchange.require_answered()
    kinds = [event.get("type") for event in read_stream(exchange).documents]
    ends = [kinds[0], *kinds[-2:]] if kinds else []
    expect(ends == [*ORDER], " ... ".join(ORDER), kinds)
