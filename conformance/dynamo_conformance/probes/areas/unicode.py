"""Text beyond ASCII, on its way in and out."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from dynamo_conformance.mock_engine.chosen_answers import JSON_TEXT, UNICODE
from dynamo_conformance.probes import judging
from dynamo_conformance.probes.exchange import MODEL, Question, Unjudged, expect, find, objects
from dynamo_conformance.probes.probe import Feature, Profile, probe
from dynamo_conformance.probes.questions import (
    CHAT,
    CHAT_PATH,
    COMPLETIONS,
    DETERMINED,
    STREAM,
    chat,
    completion,
    user,
    varied,
)

if TYPE_CHECKING:
    from dynamo_conformance.probes.exchange import Exchange, JsonObject

TEXT = (Feature.TEXT,)
CHOSEN = (Feature.TEXT, Feature.CHOSEN)
SAMPLE: Final = "\U0001f980 漢字 שלום naïve e\u0301 \U0001f468\u200d\U0001f469\u200d\U0001f467"
REPEAT: Final = f"Repeat this, and nothing else: {SAMPLE}"
LONGER: Final[JsonObject] = {**DETERMINED, "max_tokens": 100}
"""So many tokens as the sample has, if each byte is one."""

PLAIN: Final = REPEAT.encode("ascii", "ignore").decode()

ASKED = replace(chat("unicode-chat", messages=[user(REPEAT)], **LONGER), replay="unicode")
STREAMED = varied(ASKED, "unicode-chat-streamed", **STREAM)
AGAIN = varied(ASKED, "unicode-chat-again")
ASKED_JSON = replace(ASKED, name="unicode-json", replay="json")
JSON_STREAMED = replace(STREAMED, name="unicode-json-streamed", replay="json")
COMPLETED = completion("unicode-completions", prompt=SAMPLE, temperature=0, seed=7)
LISTED = varied(ASKED, "unicode-logprobs", logprobs=True)
WITHOUT = chat("unicode-without", messages=[user(PLAIN)], **LONGER)


def _escaped() -> bytes:
    fields = {"model": MODEL, "messages": [user(REPEAT)], **LONGER}
    return json.dumps(fields).encode("ascii")


ESCAPED = Question(name="unicode-escaped", path=CHAT_PATH, body=_escaped())
LONE = Question(
    name="unicode-lone-surrogate",
    path=CHAT_PATH,
    body=_escaped().replace(b"Repeat", b"\\ud800"),
)
NUL = chat("unicode-nul", messages=[user("one\u0000two")])


@probe("unicode.answered", ASKED, needs=TEXT)
def answered(exchange: Exchange) -> None:
    """A prompt of emoji, CJK, right-to-left and combining characters is answered."""
    expect(judging.whole_text(CHAT, exchange).strip(), "a text", exchange.summary)


@probe("unicode.completions", COMPLETED, needs=TEXT)
def completions(exchange: Exchange) -> None:
    """Completions take such a prompt too."""
    expect(judging.whole_text(COMPLETIONS, exchange).strip(), "a text", exchange.summary)


@probe("unicode.utf8", ASKED, STREAMED, needs=TEXT)
def utf8(*exchanges: Exchange) -> None:
    """The answers to it are UTF-8, over the borders of chunks too."""
    for exchange in exchanges:
        judging.utf8(exchange)


@probe("unicode.logprobs", LISTED, profile=Profile.EXTENDED, needs=(Feature.TEXT, Feature.LOGPROBS))
def logprobs(exchange: Exchange) -> None:
    """Where tokens share a character, their bytes together are those of the character."""
    text = judging.whole_text(CHAT, exchange)
    entries = find(exchange.answer, "choices", 0, "logprobs", "content")
    if text.isascii() or not entries:
        raise Unjudged("no logprobs of a character beyond ASCII came")
    joined = judging.logprobs_text(objects(exchange.answer, "choices", 0, "logprobs", "content"))
    least = text.count(judging.REPLACEMENT)
    expect(joined.count(judging.REPLACEMENT) <= least, f"the text {text!r}", repr(joined))


@probe("unicode.characters", ASKED, needs=TEXT)
def characters(exchange: Exchange) -> None:
    """No character of the answer was replaced by U+FFFD."""
    judging.readable(judging.whole_text(CHAT, exchange))


@probe("unicode.characters-streamed", STREAMED, needs=TEXT)
def characters_streamed(exchange: Exchange) -> None:
    """A character of several tokens is streamed whole, not as U+FFFD."""
    judging.readable(judging.streamed(CHAT, exchange).text)


@probe("unicode.counted", ASKED, WITHOUT, needs=TEXT)
def counted(exchange: Exchange, bare: Exchange) -> None:
    """The characters reach the prompt: they cost tokens."""
    counts = judging.prompt_tokens(exchange, bare)
    expect(counts[0] >= counts[1] + 5, "at least 5 prompt_tokens more", counts)


@probe("unicode.escapes", ASKED, ESCAPED, needs=TEXT)
def escapes(exchange: Exchange, escaped: Exchange) -> None:
    """JSON escapes mean the characters themselves: they cost the same."""
    counts = judging.prompt_tokens(exchange, escaped)
    expect(counts[0] == counts[1], f"prompt_tokens {counts[0]}", counts[1])


@probe("unicode.same-text", ASKED, AGAIN, STREAMED, needs=(*TEXT, Feature.REPEATED))
def same_text(whole: Exchange, again: Exchange, stream: Exchange) -> None:
    """The stream has the characters of the answer in one piece."""
    text = judging.whole_text(CHAT, whole)
    judging.determined(text, judging.whole_text(CHAT, again))
    got = judging.streamed(CHAT, stream).text
    judging.same_text(text, got, "the text of the answer in one piece")


@probe("unicode.said", ASKED, STREAMED, needs=CHOSEN)
def chosen_text(whole: Exchange, stream: Exchange) -> None:
    """Characters that lie in several tokens arrive as they were said, streamed or not."""
    _same_as_chosen(UNICODE, whole, stream)


@probe("unicode.escaped", ASKED_JSON, JSON_STREAMED, needs=CHOSEN)
def escaped(whole: Exchange, stream: Exchange) -> None:
    """Quotes, backslashes and line ends of an answer arrive as they were said."""
    _same_as_chosen(JSON_TEXT, whole, stream)


def _same_as_chosen(text: str, whole: Exchange, stream: Exchange) -> None:
    judging.same_text(text, judging.whole_text(CHAT, whole), "the answer that was said")
    judging.same_text(text, judging.streamed(CHAT, stream).text, "the answer that was said")


@probe("unicode.lone-surrogate", LONE, profile=Profile.EXTENDED, needs=TEXT)
def lone_surrogate(exchange: Exchange) -> None:
    """Half a surrogate pair is refused with 400 or replaced: it is no error of the server."""
    expect(0 < exchange.status < 500, "HTTP 200 or 400", exchange.summary)  # noqa: PLR2004


@probe("unicode.nul", NUL, profile=Profile.EXTENDED, needs=TEXT)
def nul(exchange: Exchange) -> None:
    """A NUL character in a prompt is no error of the server."""
    expect(0 < exchange.status < 500, "HTTP 200 or 400", exchange.summary)  # noqa: PLR2004
