"""Streamed answers of chat and completions: their framing, and what their chunks say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.mock_engine.chosen_answers import LONG
from dynamo_conformance.probes import judging
from dynamo_conformance.probes.exchange import Fault, expect, find, number, objects, shown
from dynamo_conformance.probes.probe import (
    SPECIFICATION,
    SSE,
    Feature,
    Profile,
    probe,
)
from dynamo_conformance.probes.questions import CHAT, COMPLETIONS, MAX_TOKENS, thoughts_in
from dynamo_conformance.probes.shapes import check_required, check_types
from dynamo_conformance.probes.sse import Problem, read_stream
from dynamo_conformance.probes.templates import TEXT, bound, template

if TYPE_CHECKING:
    from dynamo_conformance.probes.exchange import Exchange, JsonObject
    from dynamo_conformance.probes.questions import TextApi

COMPARED = (Feature.TEXT, Feature.REPEATED)


@template("answered", "streamed")
def answered(_api: TextApi, exchange: Exchange) -> None:
    """A question with stream true is answered with 200 and at least one chunk."""
    judging.chunks(exchange)


@template("media-type", "streamed", source=SSE)
def media_type(_api: TextApi, exchange: Exchange) -> None:
    """The content type is text/event-stream."""
    exchange.require_answered()
    expect(exchange.media_type == "text/event-stream", "text/event-stream", exchange.media_type)


@template("lines", "streamed", source=SSE)
def lines(_api: TextApi, exchange: Exchange) -> None:
    """Every line is a field of an event, a comment, or blank."""
    _framed(exchange, Problem.LINE, "lines of events")


@template("blank-lines", "streamed", source=SSE)
def blank_lines(_api: TextApi, exchange: Exchange) -> None:
    """A blank line stands between two events."""
    _framed(exchange, Problem.BLANK, "a blank line before the next data")


@template("ended", "streamed", source=SSE)
def ended(_api: TextApi, exchange: Exchange) -> None:
    """A blank line ends the last event, without which clients drop it."""
    _framed(exchange, Problem.END, "a blank line at the end")


@template("json", "streamed")
def is_json(_api: TextApi, exchange: Exchange) -> None:
    """The data of every event but [DONE] is one JSON object."""
    _framed(exchange, Problem.JSON, "JSON objects")


@template("done", "streamed")
def done(_api: TextApi, exchange: Exchange) -> None:
    """The stream has a [DONE]."""
    expect(judging.done_frames(exchange), "data: [DONE]", _tail(exchange))


@template("done-once", "streamed")
def done_once(_api: TextApi, exchange: Exchange) -> None:
    """[DONE] comes once."""
    count = len(judging.done_frames(exchange))
    expect(count <= 1, "data: [DONE] once", f"{count} of them")


@template("done-last", "streamed")
def done_last(_api: TextApi, exchange: Exchange) -> None:
    """Nothing comes after [DONE]."""
    places = judging.done_frames(exchange)
    frames = read_stream(exchange).frames
    late = [frame for frame in frames[places[0] + 1 :] if frame.data != "[DONE]"] if places else []
    expect(not late, "nothing after data: [DONE]", late[0].data if late else "")


@template("utf8", "streamed", "determined_stream", source=SSE)
def utf8(_api: TextApi, *exchanges: Exchange) -> None:
    """The bytes of all chunks together are UTF-8."""
    for exchange in exchanges:
        judging.utf8(exchange)


@template("pieces", "streamed")
def pieces(api: TextApi, exchange: Exchange) -> None:
    """The answer comes in pieces as it is made, not all at once."""
    exchange.require_answered()
    texts = [chunk for chunk in judging.chunks(exchange) if _says(api, chunk)]
    sent = len(exchange.chunks)
    got = f"{sent} piece(s) of the transport with {len(texts)} chunk(s) of text"
    expect(min(sent, len(texts)) > 1, "several pieces with text", got)


def _framed(exchange: Exchange, kind: Problem, expected: str) -> None:
    exchange.require_answered()
    wrong = read_stream(exchange).wrong(kind)
    expect(not wrong, expected, wrong)


def _tail(exchange: Exchange) -> str:
    return f"an end of {exchange.text[-120:]!r}"


def _says(api: TextApi, chunk: JsonObject) -> bool:
    thought = thoughts_in(find(chunk, "choices", 0, *api.delta[:-1]))
    return bool(thought or find(chunk, "choices", 0, *api.delta))


@template("shape", "streamed", "streamed_usage", source=SPECIFICATION)
def shape(api: TextApi, *exchanges: Exchange) -> None:
    """All fields of all chunks have the types and constants of OpenAI's specification."""
    for exchange in exchanges:
        for chunk in judging.chunks(exchange):
            check_types(api.chunk, chunk)


@template("required", "streamed", source=SPECIFICATION)
def required(api: TextApi, exchange: Exchange) -> None:
    """Fields of chunks that may be null are there all the same."""
    for chunk in judging.chunks(exchange):
        check_required(api.chunk, chunk)


@template("id", "streamed")
def has_id(_api: TextApi, exchange: Exchange) -> None:
    """Each chunk has an id that is not empty."""
    for chunk in judging.chunks(exchange):
        judging.has_id(chunk)


@template("id-same", "streamed")
def id_same(_api: TextApi, exchange: Exchange) -> None:
    """All chunks of a stream have one id."""
    judging.same_in_all(judging.chunks(exchange), "id")


@template("id-unique", "streamed", "streamed_usage")
def id_unique(_api: TextApi, first: Exchange, second: Exchange) -> None:
    """Two streams have two ids."""
    ids = [judging.has_id(judging.chunks(exchange)[0]) for exchange in (first, second)]
    expect(ids[0] != ids[1], "two ids", ids)


@template("created", "streamed")
def created(_api: TextApi, exchange: Exchange) -> None:
    """`created` is the time of the answer."""
    for chunk in judging.chunks(exchange):
        judging.created_now(exchange, chunk)


@template("created-same", "streamed")
def created_same(_api: TextApi, exchange: Exchange) -> None:
    """All chunks of a stream have one `created`."""
    judging.same_in_all(judging.chunks(exchange), "created")


@template("model", "streamed")
def model(_api: TextApi, exchange: Exchange) -> None:
    """Each chunk names the model that was asked for."""
    for chunk in judging.chunks(exchange):
        judging.names_model(exchange, chunk)


@template("index", "streamed")
def index(_api: TextApi, exchange: Exchange) -> None:
    """The only choice has index 0 in each chunk."""
    for chunk in judging.chunks(exchange):
        for choice in objects(chunk, "choices"):
            expect(number(choice, "index") == 0, "index 0", choice)


@template("no-logprobs", "streamed")
def no_logprobs(_api: TextApi, exchange: Exchange) -> None:
    """Unless they are asked for there are no logprobs in any chunk."""
    for chunk in judging.chunks(exchange):
        for choice in objects(chunk, "choices"):
            expect(choice.get("logprobs") is None, "logprobs null", choice)


@template("text", "streamed")
def text(api: TextApi, exchange: Exchange) -> None:
    """The chunks have text."""
    got = judging.streamed(api, exchange)
    expect(got.text.strip(), "a text", f"none in {len(got.chunks)} chunks")


@template("characters", "streamed", "determined_stream")
def characters(api: TextApi, *exchanges: Exchange) -> None:
    """No character was replaced by U+FFFD, those over the border of two chunks neither."""
    for exchange in exchanges:
        judging.readable(judging.streamed(api, exchange).text)


@template("same-text", "determined", "determined_again", "determined_stream", needs=COMPARED)
def same_text(api: TextApi, whole: Exchange, again: Exchange, stream: Exchange) -> None:
    """The chunks together say what the answer in one piece says: none is lost or doubled."""
    first = judging.whole_text(api, whole)
    judging.determined(first, judging.whole_text(api, again))
    got = judging.streamed(api, stream).text
    judging.same_text(first, got, "the text of the answer in one piece")


@template("same-finish", "determined", "determined_again", "determined_stream", needs=COMPARED)
def same_finish(api: TextApi, whole: Exchange, again: Exchange, stream: Exchange) -> None:
    """A stream ends for the same reason as the answer in one piece."""
    judging.determined(judging.whole_text(api, whole), judging.whole_text(api, again))
    reason = find(whole.answer, "choices", 0, "finish_reason")
    got = judging.streamed(api, stream).reason
    expect(got == reason, f"finish_reason {shown(reason)}", got)


@template("finish", "streamed")
def finish(api: TextApi, exchange: Exchange) -> None:
    """A choice has exactly one finish_reason."""
    reasons = judging.streamed(api, exchange).reasons.get(0, [])
    expect(len(reasons) == 1, "one finish_reason", reasons)


@template("finish-last", "streamed")
def finish_last(api: TextApi, exchange: Exchange) -> None:
    """After its finish_reason a choice says nothing more."""
    late = judging.streamed(api, exchange).after.get(0, "")
    expect(not late, "no text after the finish_reason", late)


@template("finish-length", "streamed_usage", "determined_stream")
def finish_length(api: TextApi, *exchanges: Exchange) -> None:
    """A stream that max_tokens cut has finish_reason length, and no other has."""
    answers = [
        (judging.streamed(api, exchange), number(exchange.request, "max_tokens"))
        for exchange in exchanges
    ]
    judging.finish_by_length(*((got.reason, got.usage, most) for got, most in answers))


@template("finish-stop", "stopped_stream")
def finish_stop(api: TextApi, exchange: Exchange) -> None:
    """A stream that a stop word ended has finish_reason stop."""
    got = judging.streamed(api, exchange)
    judging.finish_by_stop(got.reason, got.usage, got.text)


@template("stop-left-out", "stopped_stream")
def stop_left_out(api: TextApi, exchange: Exchange) -> None:
    """The streamed text ends before the stop word."""
    judging.stop_left_out(judging.streamed(api, exchange).text)


@template("no-usage", "streamed")
def no_usage(api: TextApi, exchange: Exchange) -> None:
    """Unless it is asked for no chunk has a usage."""
    usages = judging.streamed(api, exchange).usages
    expect(not usages, "no usage", usages[0][1] if usages else None)


@template("usage", "streamed_usage")
def usage(api: TextApi, exchange: Exchange) -> None:
    """With include_usage one chunk has the usage."""
    usages = judging.streamed(api, exchange).usages
    expect(len(usages) == 1, "one chunk with a usage", f"{len(usages)} of them")


@template("usage-last", "streamed_usage")
def usage_last(api: TextApi, exchange: Exchange) -> None:
    """The chunk with the usage is the last before [DONE]."""
    got = judging.streamed(api, exchange)
    if not got.usages:
        raise Fault("a chunk with the usage", "none")
    expect(got.usages[-1][0] == len(got.chunks) - 1, "the usage last", got.chunks[-1])


@template("usage-alone", "streamed_usage")
def usage_alone(api: TextApi, exchange: Exchange) -> None:
    """The chunk with the usage has no choices."""
    got = judging.streamed(api, exchange)
    for place, _ in got.usages:
        expect(got.chunks[place].get("choices") == [], "choices []", got.chunks[place])


@template("usage-null", "streamed_usage", profile=Profile.EXTENDED)
def usage_null(api: TextApi, exchange: Exchange) -> None:
    """With include_usage all other chunks have a usage of null."""
    *others, _ = judging.streamed(api, exchange).chunks
    for chunk in others:
        expect("usage" in chunk and chunk["usage"] is None, "usage null", chunk)


@template("usage-sum", "streamed_usage")
def usage_sum(api: TextApi, exchange: Exchange) -> None:
    """prompt_tokens and completion_tokens add up to total_tokens."""
    judging.usage_sums(judging.streamed(api, exchange).usage)


@template("usage-prompt", "plain", "streamed_usage")
def usage_prompt(api: TextApi, whole: Exchange, exchange: Exchange) -> None:
    """A prompt costs the same, streamed or not."""
    wanted = number(judging.usage_of(whole.answer), "prompt_tokens")
    got = number(judging.streamed(api, exchange).usage, "prompt_tokens")
    expect(got == wanted, f"prompt_tokens {wanted}", got)


@template("usage-same", "determined", "determined_again", "determined_stream", needs=COMPARED)
def usage_same(api: TextApi, whole: Exchange, again: Exchange, stream: Exchange) -> None:
    """The same answer costs the same, streamed or not."""
    judging.determined(judging.whole_text(api, whole), judging.whole_text(api, again))
    wanted = number(judging.usage_of(whole.answer), "completion_tokens")
    got = number(judging.streamed(api, stream).usage, "completion_tokens")
    expect(got == wanted, f"completion_tokens {wanted}", got)


@template("max-tokens", "streamed_usage")
def max_tokens(api: TextApi, exchange: Exchange) -> None:
    """No more tokens are streamed than max_tokens allows."""
    judging.usage_within(judging.streamed(api, exchange).usage, MAX_TOKENS)


@template("usage-text", "streamed_usage")
def usage_text(api: TextApi, exchange: Exchange) -> None:
    """The completion_tokens count what was streamed: it has words and bytes for so many."""
    got = judging.streamed(api, exchange)
    judging.usage_matches(got.usage, got.made)


@template("long", "long", "long_stream", needs=(Feature.TEXT, Feature.CHOSEN))
def long(api: TextApi, whole: Exchange, stream: Exchange) -> None:
    """A long answer comes to its end, streamed or not, and none of it is lost or doubled."""
    judging.same_text(LONG, judging.whole_text(api, whole), "the answer that was said")
    judging.same_text(LONG, judging.streamed(api, stream).text, "the answer that was said")


CHAT_STREAMS = bound(globals(), CHAT, "streaming.chat-")
COMPLETIONS_STREAMS = bound(globals(), COMPLETIONS, "streaming.completions-")


@probe("streaming.chat-role", CHAT.streamed, needs=TEXT)
def role(exchange: Exchange) -> None:
    """The first chunk with a choice says that the role is assistant."""
    chunks = judging.chunks(exchange)
    first = next((chunk for chunk in chunks if objects(chunk, "choices")), {})
    got = find(first, "choices", 0, "delta", "role")
    expect(got == "assistant", "role assistant in the first chunk", first)
