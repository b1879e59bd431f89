"""What a model thinks stands apart from what it answers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dynamo_conformance.probes import judging
from dynamo_conformance.probes.exchange import expect, find
from dynamo_conformance.probes.probe import DYNAMO, Feature, Profile, probe
from dynamo_conformance.probes.questions import CHAT, STREAM, chat, user, varied

if TYPE_CHECKING:
    from dynamo_conformance.probes.exchange import Exchange

NEEDS = (Feature.TEXT, Feature.REASONING)
TAGS = ("<think>", "</think>")
ASKED = replace(
    chat("reasoning", messages=[user("Is 91 a prime number?")], max_tokens=2048), replay="thoughts"
)
STREAMED = varied(ASKED, "reasoning-streamed", **STREAM)


@probe("reasoning.apart", ASKED, source=DYNAMO, profile=Profile.EXTENDED, needs=NEEDS)
def apart(exchange: Exchange) -> None:
    """The thoughts stand in reasoning_content."""
    got = find(exchange.answer, "choices", 0, "message", "reasoning_content")
    expect(isinstance(got, str) and got.strip(), "a reasoning_content", exchange.summary)


@probe("reasoning.not-in-text", ASKED, source=DYNAMO, profile=Profile.EXTENDED, needs=NEEDS)
def not_in_text(exchange: Exchange) -> None:
    """The answer itself holds no thoughts, nor the marks around them."""
    text = judging.whole_text(CHAT, exchange)
    expect(not any(tag in text for tag in TAGS), "a text without thoughts", text)


@probe("reasoning.streamed", STREAMED, source=DYNAMO, profile=Profile.EXTENDED, needs=NEEDS)
def streamed(exchange: Exchange) -> None:
    """A stream brings the thoughts in reasoning_content."""
    chunks = judging.streamed(CHAT, exchange).chunks
    thoughts = [find(chunk, "choices", 0, "delta", "reasoning_content") for chunk in chunks]
    expect(any(thoughts), "chunks with reasoning_content", f"none in {len(chunks)} chunks")


@probe(
    "reasoning.streamed-not-in-text", STREAMED, source=DYNAMO, profile=Profile.EXTENDED, needs=NEEDS
)
def streamed_not_in_text(exchange: Exchange) -> None:
    """The streamed answer holds no thoughts, nor the marks around them."""
    text = judging.streamed(CHAT, exchange).text
    expect(not any(tag in text for tag in TAGS), "a text without thoughts", text)
