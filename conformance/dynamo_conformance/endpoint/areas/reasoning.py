"""What a model thinks stands apart from what it answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.endpoint import judging
from dynamo_conformance.endpoint.exchange import expect, find
from dynamo_conformance.endpoint.questions import CHAT, STREAM, chat, user
from dynamo_conformance.endpoint.requirement import DYNAMO, Feature, Profile, requirement

if TYPE_CHECKING:
    from dynamo_conformance.endpoint.exchange import Exchange

NEEDS = (Feature.TEXT, Feature.REASONING)
TAGS = ("<think>", "</think>")
ASKED = chat("reasoning", messages=[user("Is 91 a prime number?")], max_tokens=2048)
STREAMED = chat(
    "reasoning-streamed", messages=[user("Is 91 a prime number?")], max_tokens=2048, **STREAM
)


@requirement("reasoning.apart", ASKED, source=DYNAMO, profile=Profile.EXTENDED, needs=NEEDS)
def apart(exchange: Exchange) -> None:
    """The thoughts stand in reasoning_content."""
    got = find(exchange.answer, "choices", 0, "message", "reasoning_content")
    expect(isinstance(got, str) and got.strip(), "a reasoning_content", exchange.summary)


@requirement("reasoning.not-in-text", ASKED, source=DYNAMO, profile=Profile.EXTENDED, needs=NEEDS)
def not_in_text(exchange: Exchange) -> None:
    """The answer itself holds no thoughts, nor the marks around them."""
    text = judging.whole_text(CHAT, exchange)
    expect(not any(tag in text for tag in TAGS), "a text without thoughts", text)


@requirement("reasoning.streamed", STREAMED, source=DYNAMO, profile=Profile.EXTENDED, needs=NEEDS)
def streamed(exchange: Exchange) -> None:
    """A stream brings the thoughts in reasoning_content."""
    chunks = judging.streamed(CHAT, exchange).chunks
    told = [find(chunk, "choices", 0, "delta", "reasoning_content") for chunk in chunks]
    expect(any(told), "chunks with reasoning_content", f"none in {len(chunks)} chunks")


@requirement(
    "reasoning.streamed-not-in-text", STREAMED, source=DYNAMO, profile=Profile.EXTENDED, needs=NEEDS
)
def streamed_not_in_text(exchange: Exchange) -> None:
    """The streamed answer holds no thoughts, nor the marks around them."""
    text = judging.streamed(CHAT, exchange).text
    expect(not any(tag in text for tag in TAGS), "a text without thoughts", text)
