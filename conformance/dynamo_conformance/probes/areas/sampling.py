"""Parameters that change how tokens are drawn: each must have its effect."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from dynamo_conformance.probes import judging
from dynamo_conformance.probes.exchange import (
    CannotShow,
    Fault,
    Unjudged,
    expect,
    find,
    number,
    objects,
    shown,
    string,
)
from dynamo_conformance.probes.probe import (
    DYNAMO,
    Feature,
    Profile,
    probe,
)
from dynamo_conformance.probes.questions import (
    CHAT,
    COMPLETIONS,
    PROMPT,
    STOP_TOKENS,
    STREAM,
    USAGE,
    chat,
    completion,
    stop_across,
    text_at,
    user,
)
from dynamo_conformance.probes.templates import TEXT, bound, template

if TYPE_CHECKING:
    from dynamo_conformance.probes.exchange import Exchange, JsonObject
    from dynamo_conformance.probes.questions import TextApi

COMPARED = (Feature.TEXT, Feature.DETERMINED)
ALIKE = (Feature.TEXT, Feature.REPEATED)
CHOICES = (Feature.TEXT, Feature.CHOICES)
LOGPROBS = (Feature.TEXT, Feature.LOGPROBS)
TOP: Final = 3
LEAST: Final = 6
STORY: Final = "Invent the name of a town, and write one sentence about it."

TWO = chat("chat-n", n=2)
THREE = chat("chat-n-different", messages=[user(STORY)], n=3, temperature=1.5)
TWO_STREAMED = chat("chat-n-streamed", n=2, stream_options=USAGE, **STREAM)
SEEDED = [
    chat(f"chat-seed-{name}", messages=[user(STORY)], seed=seed, temperature=1)
    for name, seed in (("one", 11), ("again", 11))
]
HOT = [
    chat(f"chat-hot-{name}", messages=[user(STORY)], temperature=1.5)
    for name in ("one", "two", "three")
]
NARROW = [
    chat(f"chat-top-p-{name}", messages=[user(STORY)], temperature=1, top_p=1e-6)
    for name in ("one", "two")
]
LISTED = chat("chat-logprobs", logprobs=True, top_logprobs=TOP)
LISTED_ALONE = chat("chat-logprobs-alone", logprobs=True)
LISTED_STREAM = chat("chat-logprobs-streamed", logprobs=True, stream_options=USAGE, **STREAM)
COMPLETION_LISTED = completion("completions-logprobs", logprobs=TOP)
STOP_TEXT = chat("chat-stop-text", stop="e", max_tokens=STOP_TOKENS)
STOP_LIST: Final = ("a", "e", "i", "o")
STOP_EACH = completion("completions-stop-each", prompt=[PROMPT] * 32, stop=[*STOP_LIST])
STOP_NO_EOS = chat("chat-stop-ignore-eos", stop=["e"], ignore_eos=True, max_tokens=STOP_TOKENS)
MIN_TOKENS = chat("chat-min-tokens", stop=[*STOP_LIST], min_tokens=LEAST)
PENALTIES = chat("chat-penalties", frequency_penalty=0.5, presence_penalty=0.5, top_p=0.9)
BIASED = CHAT.ask_determined("logit-bias", logit_bias={"1000": 100})
REPEATED = [
    chat(f"chat-presence-{name}", messages=[user("Repeat the word sea.")], temperature=0, **fields)
    for name, fields in (("none", {}), ("most", {"presence_penalty": 2, "frequency_penalty": 2}))
]


def _stopped(api: TextApi, plain: Exchange, again: Exchange, text: str, reason: object) -> None:
    uncut = judging.whole_text(api, plain)
    judging.determined(uncut, judging.whole_text(api, again))
    stop = stop_across(uncut)
    judging.same_text(uncut.partition(stop)[0], text, f"the answer up to {stop!r}")
    expect(reason == judging.FINISH_STOP, "finish_reason stop", shown(reason))


@template("stop-across", "determined", "determined_again", "across", needs=ALIKE)
def across(api: TextApi, plain: Exchange, again: Exchange, stopped: Exchange) -> None:
    """A stop word that lies over the border of tokens ends the answer right before it."""
    reason = find(stopped.answer, "choices", 0, "finish_reason")
    _stopped(api, plain, again, judging.whole_text(api, stopped), reason)


@template("stop-across-streamed", "determined", "determined_again", "across_stream", needs=ALIKE)
def across_streamed(api: TextApi, plain: Exchange, again: Exchange, stopped: Exchange) -> None:
    """A stop word over the border of tokens is not streamed, in no part."""
    got = judging.streamed(api, stopped)
    _stopped(api, plain, again, got.text, got.reason)


@template("stop-unused", "determined", "determined_again", "unstopped", needs=ALIKE)
def stop_unused(api: TextApi, plain: Exchange, again: Exchange, unstopped: Exchange) -> None:
    """A stop word that does not come changes nothing."""
    text = judging.whole_text(api, plain)
    judging.determined(text, judging.whole_text(api, again))
    judging.same_text(text, judging.whole_text(api, unstopped), "the answer without a stop word")


@template(
    "temperature-zero",
    "determined",
    "determined_again",
    profile=Profile.EXTENDED,
    needs=COMPARED,
)
def repeats(api: TextApi, first: Exchange, second: Exchange) -> None:
    """With temperature 0 and a seed an answer repeats."""
    texts = [judging.whole_text(api, exchange) for exchange in (first, second)]
    judging.same_text(texts[0], texts[1], "the same answer again")


CHAT_TEMPLATES = bound(globals(), CHAT, "sampling.chat-")
COMPLETIONS_TEMPLATES = bound(globals(), COMPLETIONS, "sampling.completions-")


def _texts(exchange: Exchange) -> list[str]:
    count = len(objects(exchange.answer, "choices"))
    return [text_at(exchange.answer, place, CHAT.text) for place in range(count)]


@probe("sampling.n", TWO, needs=CHOICES)
def two(exchange: Exchange) -> None:
    """With n 2 there are two choices, indexes 0 and 1."""
    judging.indexes(objects(exchange.answer, "choices"), 2)


@probe(
    "sampling.n-different", THREE, profile=Profile.EXTENDED, needs=(*CHOICES, Feature.DETERMINED)
)
def different(exchange: Exchange) -> None:
    """The choices of n are drawn each for itself: with a high temperature they differ."""
    texts = _texts(exchange)
    if len(texts) == 1:
        raise Unjudged("one choice came, see sampling.n")
    expect(len(set(texts)) > 1, "choices that differ", texts)


@probe("sampling.n-usage", CHAT.plain, TWO, needs=CHOICES)
def two_usage(single: Exchange, exchange: Exchange) -> None:
    """With n 2 the prompt is counted once."""
    counts = judging.prompt_tokens(single, exchange)
    expect(counts[0] == counts[1], f"prompt_tokens {counts[0]}", counts[1])


@probe("sampling.n-usage-text", TWO, needs=CHOICES)
def two_usage_text(exchange: Exchange) -> None:
    """With n 2 the tokens of both choices are counted."""
    texts = _texts(exchange)
    judging.usage_matches(judging.usage_of(exchange.answer), " ".join(texts))


@probe("sampling.n-streamed", TWO_STREAMED, needs=CHOICES)
def two_streamed(exchange: Exchange) -> None:
    """With n 2 two choices are streamed, each with its own text."""
    texts = judging.streamed(CHAT, exchange).texts
    got = {str(index): text for index, text in texts.items()}
    expect({*texts} == {0, 1} and all(texts.values()), "text for the indexes 0 and 1", got)


@probe("sampling.n-streamed-finish", TWO_STREAMED, needs=CHOICES)
def two_streamed_finish(exchange: Exchange) -> None:
    """With n 2 each choice is streamed with one finish_reason."""
    reasons = judging.streamed(CHAT, exchange).reasons
    got = {str(index): finishes for index, finishes in reasons.items()}
    expect(
        {index: len(finishes) for index, finishes in reasons.items()} == {0: 1, 1: 1},
        "one each",
        got,
    )


@probe("sampling.seed", *SEEDED, profile=Profile.EXTENDED, needs=COMPARED)
def seed(first: Exchange, second: Exchange) -> None:
    """A seed repeats a draw."""
    texts = [judging.whole_text(CHAT, exchange) for exchange in (first, second)]
    judging.same_text(texts[0], texts[1], "the same draw again")


@probe("sampling.temperature", *HOT, profile=Profile.EXTENDED, needs=COMPARED)
def temperature(*exchanges: Exchange) -> None:
    """Without a seed a high temperature draws different answers."""
    texts = [judging.whole_text(CHAT, exchange) for exchange in exchanges]
    expect(len(set(texts)) > 1, "answers that differ", f"three times {texts[0]!r}")


@probe("sampling.top-p", *NARROW, profile=Profile.EXTENDED, needs=(*TEXT, Feature.TOP_P))
def top_p(first: Exchange, second: Exchange) -> None:
    """A top_p near 0 leaves one token to draw, so that an answer repeats."""
    texts = [judging.whole_text(CHAT, exchange) for exchange in (first, second)]
    judging.same_text(texts[0], texts[1], "the likeliest answer again")


@probe(
    "sampling.logit-bias", CHAT.determined, CHAT.determined_again, BIASED,
    profile=Profile.EXTENDED, needs=COMPARED,
)  # fmt: skip
def logit_bias(plain: Exchange, again: Exchange, biased: Exchange) -> None:
    """A token with the highest logit_bias is drawn in place of the likeliest."""
    text = judging.whole_text(CHAT, plain)
    judging.determined(text, judging.whole_text(CHAT, again))
    expect(judging.whole_text(CHAT, biased) != text, "another answer than without it", text)


@probe("sampling.penalties", PENALTIES, needs=(*TEXT, Feature.PENALTIES))
def penalties(exchange: Exchange) -> None:
    """Penalties and top_p within their ranges are taken."""
    expect(judging.whole_text(CHAT, exchange).strip(), "a text", exchange.summary)


@probe(
    "sampling.penalties-effect", *REPEATED, profile=Profile.EXTENDED,
    needs=(*COMPARED, Feature.PENALTIES),
)  # fmt: skip
def penalties_effect(none: Exchange, most: Exchange) -> None:
    """The highest penalties change an answer that repeats words."""
    texts = [judging.whole_text(CHAT, exchange) for exchange in (none, most)]
    words = texts[0].split()
    if len(words) == len(set(words)):
        raise CannotShow(f"no word is repeated in {texts[0]!r}")
    expect(texts[0] != texts[1], "another answer than without penalties", texts[1])


@probe("sampling.stop-text", STOP_TEXT, needs=TEXT)
def stop_text(exchange: Exchange) -> None:
    """A stop word can be a text in place of a list."""
    reason = find(exchange.answer, "choices", 0, "finish_reason")
    text = judging.whole_text(CHAT, exchange)
    judging.finish_by_stop(reason, judging.usage_of(exchange.answer), text)


@probe("sampling.stop-earliest", STOP_EACH, profile=Profile.EXTENDED, needs=TEXT)
def stop_earliest(exchange: Exchange) -> None:
    """Of several stop words the one that comes first ends the answer, wherever it is listed."""
    for choice in objects(exchange.answer, "choices"):
        judging.stop_left_out(string(choice, "text"), STOP_LIST)


@probe(
    "sampling.stop-ignore-eos",
    STOP_NO_EOS,
    source=DYNAMO,
    profile=Profile.EXTENDED,
    needs=(*TEXT, Feature.DYNAMO),
)
def stop_ignore_eos(exchange: Exchange) -> None:
    """A stop word ends an answer though the end of the text is ignored."""
    reason = find(exchange.answer, "choices", 0, "finish_reason")
    text = judging.whole_text(CHAT, exchange)
    judging.finish_by_stop(reason, judging.usage_of(exchange.answer), text)


@probe(
    "sampling.min-tokens", MIN_TOKENS, source=DYNAMO, profile=Profile.EXTENDED,
    needs=(*TEXT, Feature.DYNAMO, Feature.MIN_TOKENS),
)  # fmt: skip
def min_tokens(exchange: Exchange) -> None:
    """No stop word ends an answer before min_tokens."""
    tokens = number(judging.usage_of(exchange.answer), "completion_tokens")
    expect(tokens >= LEAST, f"completion_tokens {LEAST} or more", tokens)


def _listed(exchange: Exchange) -> list[JsonObject]:
    if find(exchange.answer, "choices", 0, "logprobs", "content") is None:
        raise Unjudged("no logprobs came, see sampling.logprobs")
    return objects(exchange.answer, "choices", 0, "logprobs", "content")


def _logprob(entry: JsonObject) -> float:
    value = entry.get("logprob")
    if not isinstance(value, int | float) or isinstance(value, bool) or value > 0:
        raise Fault("a logprob of at most 0", shown(entry))
    return value


@probe("sampling.logprobs", LISTED_ALONE, needs=LOGPROBS)
def logprobs(exchange: Exchange) -> None:
    """With logprobs there is one entry for each token."""
    tokens = number(exchange.answer, "usage", "completion_tokens")
    count = len(objects(exchange.answer, "choices", 0, "logprobs", "content"))
    expect(count in (tokens, tokens - 1), f"{tokens} entries", f"{count} entries")


@probe("sampling.logprobs-text", LISTED_ALONE, needs=LOGPROBS)
def logprobs_text(exchange: Exchange) -> None:
    """The tokens of logprobs, put together by their bytes, are the text."""
    joined = judging.logprobs_text(_listed(exchange))
    text = judging.whole_text(CHAT, exchange).strip(judging.REPLACEMENT)
    # What the bytes of a character are that tokens share is asked by unicode.logprobs.
    alike = "".join(
        re.escape(letter) if letter.isascii() else f"(?:{re.escape(letter)}|{judging.REPLACEMENT}+)"
        for letter in text
    )
    match = re.search(alike, joined)
    # Thoughts, and the marks around them, are tokens too, and stand before the text.
    thinks = judging.whole_text(CHAT, exchange) != judging.made_text(CHAT, exchange)
    is_text = match is not None and (match.start() == 0 or thinks)
    expect(is_text, f"the text {text!r}", repr(joined))


@probe("sampling.logprobs-range", LISTED_ALONE, needs=LOGPROBS)
def logprobs_range(exchange: Exchange) -> None:
    """A logprob is the logarithm of a probability: at most 0."""
    for entry in _listed(exchange):
        _logprob(entry)


@probe("sampling.top-logprobs", LISTED, needs=LOGPROBS)
def top_logprobs(exchange: Exchange) -> None:
    """top_logprobs brings as many alternatives as are asked for; fewer for some tokens alone."""
    counts = [len(objects(entry, "top_logprobs")) for entry in _listed(exchange)]
    is_so = all(0 < count <= TOP for count in counts) and TOP in counts
    expect(is_so, f"{TOP} alternatives for each token, seldom fewer", counts)


@probe("sampling.top-logprobs-order", LISTED, profile=Profile.EXTENDED, needs=LOGPROBS)
def top_logprobs_order(exchange: Exchange) -> None:
    """The alternatives stand in order, the likeliest first."""
    for entry in _listed(exchange):
        values = [_logprob(alternative) for alternative in objects(entry, "top_logprobs")]
        expect(values == sorted(values, reverse=True), "the likeliest first", values)


@probe("sampling.logprobs-streamed", LISTED_STREAM, needs=LOGPROBS)
def logprobs_streamed(exchange: Exchange) -> None:
    """A stream brings the logprobs of each token too."""
    got = judging.streamed(CHAT, exchange)
    count = sum(len(_entries(chunk)) for chunk in got.chunks)
    tokens = number(got.usage, "completion_tokens")
    expect(count in (tokens, tokens - 1), f"{tokens} entries", f"{count} entries")


def _entries(chunk: JsonObject) -> list[JsonObject]:
    listed = find(chunk, "choices", 0, "logprobs", "content")
    return (
        [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
    )


@probe("sampling.completions-logprobs", COMPLETION_LISTED, needs=LOGPROBS)
def completions_logprobs(exchange: Exchange) -> None:
    """The logprobs of completions are four lists of one length."""
    lists = [
        find(exchange.answer, "choices", 0, "logprobs", name)
        for name in ("tokens", "token_logprobs", "top_logprobs", "text_offset")
    ]
    counts = [len(listed) if isinstance(listed, list) else -1 for listed in lists]
    expect(counts[0] > 0 and len(set(counts)) == 1, "four lists of one length", counts)
