"""What every answer in one piece must be, for chat and completions alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.probes import judging
from dynamo_conformance.probes.exchange import expect, find, number, objects
from dynamo_conformance.probes.probe import (
    SPECIFICATION,
    Probe,
    Profile,
)
from dynamo_conformance.probes.questions import MAX_TOKENS, PROMPT
from dynamo_conformance.probes.shapes import check_required, check_types
from dynamo_conformance.probes.templates import bound, template

if TYPE_CHECKING:
    from dynamo_conformance.probes.exchange import Exchange
    from dynamo_conformance.probes.questions import TextApi


@template("answered", "plain")
def answered(_api: TextApi, exchange: Exchange) -> None:
    """A simple question is answered with 200 and a JSON object."""
    expect(exchange.answer, "a JSON object", exchange.summary)


@template("media-type", "plain")
def media_type(_api: TextApi, exchange: Exchange) -> None:
    """The content type is application/json."""
    exchange.require_answered()
    expect(exchange.media_type == "application/json", "application/json", exchange.media_type)


@template("utf8", "plain")
def utf8(_api: TextApi, exchange: Exchange) -> None:
    """The bytes of the answer are UTF-8."""
    judging.utf8(exchange)


@template("shape", "plain", source=SPECIFICATION)
def shape(api: TextApi, exchange: Exchange) -> None:
    """All fields have the types and constants of OpenAI's specification."""
    check_types(api.whole, exchange.answer)


@template("required", "plain", source=SPECIFICATION)
def required(api: TextApi, exchange: Exchange) -> None:
    """Fields that may be null are there all the same."""
    check_required(api.whole, exchange.answer)


@template("id", "plain")
def has_id(_api: TextApi, exchange: Exchange) -> None:
    """The answer has an id that is not empty."""
    judging.has_id(exchange.answer)


@template("id-unique", "plain", "again")
def id_unique(_api: TextApi, first: Exchange, second: Exchange) -> None:
    """Two answers have two ids."""
    ids = [judging.has_id(first.answer), judging.has_id(second.answer)]
    expect(ids[0] != ids[1], "two ids", ids)


@template("created", "plain")
def created(_api: TextApi, exchange: Exchange) -> None:
    """`created` is the time of the answer, in seconds since 1970."""
    judging.created_now(exchange, exchange.answer)


@template("model", "plain")
def model(_api: TextApi, exchange: Exchange) -> None:
    """The answer names the model that was asked for."""
    judging.names_model(exchange, exchange.answer)


@template("one-choice", "plain")
def one_choice(_api: TextApi, exchange: Exchange) -> None:
    """Unless more are asked for there is one choice, with index 0."""
    judging.indexes(objects(exchange.answer, "choices"), 1)


@template("text", "plain")
def text(api: TextApi, exchange: Exchange) -> None:
    """The answer has text."""
    got = judging.whole_text(api, exchange)
    expect(got.strip(), "a text", find(exchange.answer, "choices", 0))


@template("characters", "plain", "determined")
def characters(api: TextApi, *exchanges: Exchange) -> None:
    """No character of the text was replaced by U+FFFD."""
    for exchange in exchanges:
        judging.readable(judging.whole_text(api, exchange))


@template("finish-length", "plain", "again")
def finish_length(_api: TextApi, *exchanges: Exchange) -> None:
    """An answer that max_tokens cut has finish_reason length, and no other has."""
    answers = [exchange.answer for exchange in exchanges]
    reasons = [find(answer, "choices", 0, "finish_reason") for answer in answers]
    usages = map(judging.usage_of, answers)
    judging.finish_by_length(
        *((reason, usage, MAX_TOKENS) for reason, usage in zip(reasons, usages, strict=True))
    )


@template("finish-stop", "stopped")
def finish_stop(api: TextApi, exchange: Exchange) -> None:
    """An answer that a stop word ended has finish_reason stop."""
    reason = find(exchange.answer, "choices", 0, "finish_reason")
    text = judging.whole_text(api, exchange)
    judging.finish_by_stop(reason, judging.usage_of(exchange.answer), text)


@template("stop-left-out", "stopped")
def stop_left_out(api: TextApi, exchange: Exchange) -> None:
    """The text ends before the stop word."""
    judging.stop_left_out(judging.whole_text(api, exchange))


@template("no-logprobs", "plain")
def no_logprobs(_api: TextApi, exchange: Exchange) -> None:
    """Unless they are asked for there are no logprobs."""
    got = find(exchange.answer, "choices", 0, "logprobs")
    expect(got is None, "logprobs null", got)


@template("usage", "plain")
def usage(_api: TextApi, exchange: Exchange) -> None:
    """The answer has a usage."""
    judging.usage_of(exchange.answer)


@template("usage-sum", "plain", "stopped")
def usage_sum(_api: TextApi, *exchanges: Exchange) -> None:
    """prompt_tokens and completion_tokens add up to total_tokens."""
    for exchange in exchanges:
        judging.usage_sums(judging.usage_of(exchange.answer))


@template("usage-prompt", "plain")
def usage_prompt(_api: TextApi, exchange: Exchange) -> None:
    """The prompt costs at least one token."""
    judging.usage_counts_prompt(judging.usage_of(exchange.answer))


@template("max-tokens", "plain")
def max_tokens(_api: TextApi, exchange: Exchange) -> None:
    """No more tokens are answered than max_tokens allows."""
    judging.usage_within(judging.usage_of(exchange.answer), MAX_TOKENS)


@template("usage-text", "plain")
def usage_text(api: TextApi, exchange: Exchange) -> None:
    """The completion_tokens count the text: it has words and bytes for so many."""
    text = judging.made_text(api, exchange)
    judging.usage_matches(judging.usage_of(exchange.answer), text)


@template("usage-same", "plain", "again")
def usage_same(_api: TextApi, first: Exchange, second: Exchange) -> None:
    """The same prompt costs the same each time."""
    counts = judging.prompt_tokens(first, second)
    expect(counts[0] == counts[1], "one number of prompt_tokens", counts)


@template("usage-grows", "plain", "longer")
def usage_grows(_api: TextApi, short: Exchange, long: Exchange) -> None:
    """A prompt of many more words costs more tokens."""
    counts = judging.prompt_tokens(short, long)
    more = 20 * len(PROMPT.split())
    expect(counts[1] - counts[0] >= more, f"at least {more} prompt_tokens more", counts)


@template("usage-stop", "stopped", profile=Profile.EXTENDED)
def usage_stop(api: TextApi, exchange: Exchange) -> None:
    """An answer that a stop word ended costs no more than it has."""
    text = judging.made_text(api, exchange)
    usage = judging.usage_of(exchange.answer)
    tokens = number(usage, "completion_tokens")
    expect(tokens <= len(text) + 2, f"completion_tokens for {text!r}", usage)


def whole_answers(api: TextApi) -> tuple[Probe, ...]:
    """Return the probes of an API's answers in one piece."""
    return bound(globals(), api, f"{api.name}.")
