"""/v1/responses, in one piece and streamed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from dynamo_conformance.probes import judging
from dynamo_conformance.probes.exchange import (
    ID,
    MODEL,
    CannotShow,
    Json,
    JsonObject,
    Question,
    expect,
    find,
    number,
    objects,
)
from dynamo_conformance.probes.probe import SPECIFICATION, Feature, Profile, probe
from dynamo_conformance.probes.questions import MAX_TOKENS, PROMPT, get
from dynamo_conformance.probes.shapes import Shape, check_types
from dynamo_conformance.probes.sse import read_stream

if TYPE_CHECKING:
    from dynamo_conformance.probes.exchange import Exchange

NEEDS = (Feature.TEXT, Feature.RESPONSES)
PATH: Final = "/v1/responses"
LAST: Final = ("response.completed", "response.incomplete")


def _asked(name: str, **fields: Json) -> Question:
    body: JsonObject = {"model": MODEL, "input": PROMPT, "max_output_tokens": MAX_TOKENS}
    return Question(name=f"responses-{name}", path=PATH, fields={**body, **fields})


PLAIN = _asked("one")
STREAMED = _asked("streamed", stream=True)
STORED = _asked("stored", store=True)
READ = replace(get("responses-read", f"{PATH}/{ID}"), after=STORED)
NEXT = replace(
    _asked("next"),
    after=STORED,
    derive=lambda stored: {"previous_response_id": stored.answer.get("id")},
)
UNKNOWN = _asked("unknown-model", model="nobody/serves-this")


def _text(response: Json) -> str:
    parts = [
        find(part, "text")
        for item in objects(response, "output")
        if item.get("type") == "message"
        for part in objects(item, "content")
    ]
    return "".join(part for part in parts if isinstance(part, str))


def _is_all_thoughts(response: Json) -> bool:
    kinds = {item.get("type") for item in objects(response, "output")}
    return kinds == {"reasoning"} and find(response, "status") == "incomplete"


def _events(exchange: Exchange) -> list[JsonObject]:
    exchange.require_answered()
    events = read_stream(exchange).documents
    expect(events, "events", exchange.summary)
    return events


@probe("responses.answered", PLAIN, profile=Profile.EXTENDED, needs=NEEDS)
def answered(exchange: Exchange) -> None:
    """A text is answered with 200 and output of text, or of thoughts alone where it was cut."""
    has_text = _text(exchange.answer).strip() or _is_all_thoughts(exchange.answer)
    expect(has_text, "a text", exchange.summary)


@probe("responses.shape", PLAIN, source=SPECIFICATION, profile=Profile.EXTENDED, needs=NEEDS)
def shape(exchange: Exchange) -> None:
    """All fields have the types and constants of OpenAI's specification."""
    check_types(Shape.RESPONSE, exchange.answer)


@probe("responses.id", PLAIN, profile=Profile.EXTENDED, needs=NEEDS)
def has_id(exchange: Exchange) -> None:
    """The response has an id that is not empty."""
    judging.has_id(exchange.answer)


@probe("responses.model", PLAIN, profile=Profile.EXTENDED, needs=NEEDS)
def model(exchange: Exchange) -> None:
    """The response names the model that was asked for."""
    judging.names_model(exchange, exchange.answer)


@probe("responses.usage", PLAIN, profile=Profile.EXTENDED, needs=NEEDS)
def usage(exchange: Exchange) -> None:
    """The usage adds up, and keeps max_output_tokens."""
    got = judging.usage_of(exchange.answer)
    read, written = number(got, "input_tokens"), number(got, "output_tokens")
    expect(number(got, "total_tokens") == read + written, f"total_tokens {read + written}", got)
    expect(0 < written <= MAX_TOKENS, f"output_tokens from 1 to {MAX_TOKENS}", got)


@probe("responses.status", PLAIN, profile=Profile.EXTENDED, needs=NEEDS)
def status(exchange: Exchange) -> None:
    """A response that was cut is incomplete, with the reason; another is completed."""
    written = number(exchange.answer, "usage", "output_tokens")
    wanted = "incomplete" if written >= MAX_TOKENS else "completed"
    got = exchange.answer.get("status")
    expect(got == wanted, f"status {wanted} after {written} of {MAX_TOKENS} tokens", got)
    reason = find(exchange.answer, "incomplete_details", "reason")
    wanted_reason = "max_output_tokens" if wanted == "incomplete" else None
    expect(reason == wanted_reason, f"incomplete_details for {wanted_reason}", reason)


@probe("responses.events", STREAMED, source=SPECIFICATION, profile=Profile.EXTENDED, needs=NEEDS)
def events(exchange: Exchange) -> None:
    """Each event of a stream has the shape of OpenAI's specification."""
    for event in _events(exchange):
        check_types(Shape.RESPONSE_EVENT, event)


@probe("responses.names", STREAMED, profile=Profile.EXTENDED, needs=NEEDS)
def names(exchange: Exchange) -> None:
    """The name of an event is the type in its data."""
    _events(exchange)
    for frame in read_stream(exchange).frames:
        if frame.data.startswith("{"):
            expect(f'"{frame.event}"' in frame.data and frame.event, "event: TYPE", frame.data)


@probe("responses.sequence", STREAMED, profile=Profile.EXTENDED, needs=NEEDS)
def sequence(exchange: Exchange) -> None:
    """The events are numbered in order, each once."""
    got = [number(event, "sequence_number") for event in _events(exchange)]
    expect(got == list(range(got[0], got[0] + len(got))), "numbers in order", got)


@probe("responses.order", STREAMED, profile=Profile.EXTENDED, needs=NEEDS)
def order(exchange: Exchange) -> None:
    """response.created comes first, and response.completed or incomplete last."""
    kinds = [event.get("type") for event in _events(exchange)]
    is_so = kinds[0] == "response.created" and kinds[-1] in LAST
    expect(is_so, f"response.created first, {' or '.join(LAST)} last", [kinds[0], kinds[-1]])


@probe("responses.streamed-text", STREAMED, profile=Profile.EXTENDED, needs=NEEDS)
def streamed_text(exchange: Exchange) -> None:
    """The deltas add up to the text that the last event has."""
    got = _events(exchange)
    kind = "response.output_text.delta"
    deltas = [str(event.get("delta")) for event in got if event.get("type") == kind]
    if not deltas and _is_all_thoughts(got[-1].get("response")):
        raise CannotShow(f"all of {MAX_TOKENS} tokens are thoughts")
    expect(deltas, "deltas of text", f"none in {len(got)} events")
    expected = "the text of the whole response"
    judging.same_text(_text(got[-1].get("response")), "".join(deltas), expected)


@probe("responses.stored", STORED, READ, profile=Profile.EXTENDED, needs=NEEDS)
def stored(made: Exchange, read: Exchange) -> None:
    """A response that is stored is found by its id."""
    wanted = judging.has_id(made.answer)
    expect(read.answer.get("id") == wanted, f"id {wanted}", read.answer)


@probe("responses.previous", STORED, NEXT, profile=Profile.EXTENDED, needs=NEEDS)
def previous(made: Exchange, following: Exchange) -> None:
    """A response continues another one that is stored: that one's text costs tokens too."""
    counts = [number(exchange.answer, "usage", "input_tokens") for exchange in (made, following)]
    expect(counts[1] > counts[0], f"more than {counts[0]} input_tokens", counts[1])


@probe("responses.unknown-model", UNKNOWN, profile=Profile.EXTENDED, needs=NEEDS)
def unknown_model(exchange: Exchange) -> None:
    """A model that is not served is refused with 404 or 400."""
    expect(exchange.status in (400, 404), "HTTP 404", exchange.summary)
