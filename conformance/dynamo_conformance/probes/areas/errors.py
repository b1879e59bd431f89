"""What must be refused, how, and in which shape."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from dynamo_conformance.probes.exchange import Question, Unjudged, expect, find, shown
from dynamo_conformance.probes.probe import (
    HTTP,
    OPENAI,
    SPECIFICATION,
    Feature,
    Probe,
    Profile,
    probe,
)
from dynamo_conformance.probes.questions import (
    CHAT,
    CHAT_PATH,
    chat,
    completion,
    user,
    varied,
    without,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from dynamo_conformance.probes.exchange import Exchange, Json

TEXT = (Feature.TEXT,)
NOBODY: Final = "nobody/serves-this"
BAD: Final = (400, 422)
LONG: Final = "Donaudampfschifffahrtsgesellschaft " * 40_000
"""Over 400,000 tokens; so many in few words cost a server a quarter of the time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """One request that is wrong in one way.

    Attributes:
        name: Its name in the ids of the probes.
        sentence: What is wrong, and what must come.
        question: The request.
        statuses: What it may be answered with.
        param: The field that the error must name; empty when it need not.
        streamed: Whether it is asked streamed too.
        profile: Of the status; the shape is core with it.
    """

    name: str
    sentence: str
    question: Question
    statuses: tuple[int, ...] = BAD
    param: str = ""
    streamed: bool = False
    profile: Profile = Profile.CORE
    source: str = OPENAI


def _raw(name: str, body: bytes) -> Question:
    return Question(name=name, path=CHAT_PATH, body=body)


def _out(name: str, what: str, *, core: bool = False, **fields: Json) -> Refusal:
    """Return the refusal of a field that is out of its range, or of a wrong type."""
    param = next(iter(fields))
    return Refusal(
        name=name,
        sentence=f"{what} is refused with 400.",
        question=chat(f"error-{name}", **fields),
        param=param,
        profile=Profile.CORE if core else Profile.EXTENDED,
    )


REFUSALS: Final = (
    Refusal(
        name="unknown-model",
        sentence="A model that is not served is refused with 404.",
        question=chat("error-unknown-model", model=NOBODY),
        statuses=(404,),
        streamed=True,
    ),
    Refusal(
        name="completions-unknown-model",
        sentence="A model that is not served is refused with 404 by completions too.",
        question=completion("error-completions-unknown-model", model=NOBODY),
        statuses=(404,),
    ),
    Refusal(
        name="no-json",
        sentence="A body that is no JSON is refused with 400.",
        question=_raw("error-no-json", b'{"model": '),
    ),
    Refusal(
        name="no-object",
        sentence="A body that is no JSON object is refused with 400.",
        question=_raw("error-no-object", b"[]"),
    ),
    Refusal(
        name="empty",
        sentence="An empty body is refused with 400.",
        question=_raw("error-empty", b""),
    ),
    Refusal(
        name="no-utf8",
        sentence="A body that is no UTF-8 is refused with 400.",
        question=_raw(
            "error-no-utf8",
            b'{"model":"{model}","messages":[{"role":"user","content":"\xff"}],"max_tokens":4}',
        ),
        profile=Profile.EXTENDED,
    ),
    Refusal(
        name="no-messages",
        sentence="A chat without messages is refused with 400.",
        question=without(chat("chat-base"), "error-no-messages", "messages"),
        param="messages",
        streamed=True,
    ),
    Refusal(
        name="empty-messages",
        sentence="A chat with an empty list of messages is refused with 400.",
        question=varied(CHAT.plain, "error-empty-messages", messages=[]),
        param="messages",
    ),
    Refusal(
        name="no-model",
        sentence="A question that names no model is refused with 400.",
        question=without(chat("chat-base"), "error-no-model", "model"),
        param="model",
    ),
    Refusal(
        name="no-prompt",
        sentence="A completion without a prompt is refused with 400.",
        question=without(completion("completions-base"), "error-no-prompt", "prompt"),
        param="prompt",
    ),
    Refusal(
        name="messages-type",
        sentence="Messages that are no list are refused with 400.",
        question=varied(CHAT.plain, "error-messages-type", messages="Hello"),
        param="messages",
    ),
    Refusal(
        name="role",
        sentence="A message of an unknown role is refused with 400.",
        question=varied(
            CHAT.plain, "error-role", messages=[{"role": "wizard", "content": "Hello"}]
        ),
        param="messages[0].role",
    ),
    _out("temperature", "A temperature over 2", core=True, temperature=3),
    _out("temperature-type", "A temperature that is no number", core=True, temperature="hot"),
    _out("top-p", "A top_p over 1", core=True, top_p=2),
    _out("max-tokens-zero", "max_tokens 0", max_tokens=0),
    _out("max-tokens-negative", "max_tokens under 0", core=True, max_tokens=-1),
    _out("max-tokens-type", "max_tokens that is no number", core=True, max_tokens="four"),
    _out("n-zero", "n 0", n=0),
    _out("frequency-penalty", "A frequency_penalty over 2", frequency_penalty=3),
    _out("presence-penalty", "A presence_penalty under -2", presence_penalty=-3),
    _out("logit-bias", "A logit_bias over 100", logit_bias={"1": 101}),
    _out("top-logprobs", "top_logprobs over 20", top_logprobs=21, logprobs=True),
    _out("top-logprobs-alone", "top_logprobs without logprobs", top_logprobs=2),
    _out("stops", "A list of five stop words", stop=["q1", "q2", "q3", "q4", "q5"]),
    _out("response-format", "An unknown response_format", response_format={"type": "bogus"}),
    _out("stream-type", "stream that is no boolean", stream="yes"),
    _out("stream-options", "stream_options without stream", stream_options={"include_usage": True}),
    _out("tool-choice", "tool_choice required without tools", tool_choice="required"),
    Refusal(
        name="best-of",
        sentence="best_of below n is refused with 400.",
        question=completion("error-best-of", n=3, best_of=2),
        param="best_of",
        profile=Profile.EXTENDED,
    ),
    Refusal(
        name="completions-logprobs",
        sentence="logprobs over 5 is refused with 400 by completions.",
        question=completion("error-completions-logprobs", logprobs=6),
        param="logprobs",
        profile=Profile.EXTENDED,
    ),
    Refusal(
        name="temperature-streamed",
        sentence="A value out of range is refused with 400, not within a stream.",
        question=chat("error-temperature-streamed", stream=True, temperature=3),
        param="temperature",
    ),
    Refusal(
        name="too-long",
        sentence="A prompt that is longer than the context is refused with 400.",
        question=varied(CHAT.plain, "error-too-long", messages=[user(LONG)]),
        statuses=(400, 413, 422),
        streamed=True,
        profile=Profile.EXTENDED,
    ),
    Refusal(
        name="method",
        sentence="GET on an address that takes POST is refused with 405.",
        question=Question(name="error-method", path=CHAT_PATH, method="GET", headers=()),
        statuses=(404, 405),
        source=HTTP,
    ),
    Refusal(
        name="media-type",
        sentence="A body that is said to be no JSON is refused with 415.",
        question=replace(
            CHAT.plain, name="error-media-type", headers=(("content-type", "text/plain"),)
        ),
        statuses=(400, 415, 422),
        profile=Profile.EXTENDED,
        source=HTTP,
    ),
    Refusal(
        name="path",
        sentence="An address that is not there is refused with 404.",
        question=Question(name="error-path", path="/v1/nothing/here", method="GET", headers=()),
        statuses=(404,),
        source=HTTP,
    ),
)


def _status(refusal: Refusal, question: Question, name: str, sentence: str) -> Probe:
    def judge(exchange: Exchange) -> None:
        expected = " or ".join(f"HTTP {status}" for status in refusal.statuses)
        expect(exchange.status in refusal.statuses, expected, exchange.summary)

    return _refusal_probe(refusal, question, name, sentence, judge)


def _require_refused(refusal: Refusal, exchange: Exchange) -> None:
    if exchange.status not in refusal.statuses:
        raise Unjudged(f"it is not refused as it must be, see errors.{refusal.name}")


def _shape(refusal: Refusal) -> Probe:
    def judge(exchange: Exchange) -> None:
        _require_refused(refusal, exchange)
        error = find(exchange.json_object, "error")
        expected = '{"error": {"message", "type", "param", "code"}}'
        message = find(error, "message")
        expect(isinstance(message, str) and message, expected, exchange.summary)
        expect(isinstance(find(error, "type"), str), expected, exchange.summary)
        is_full = isinstance(error, dict) and {"param", "code"} <= error.keys()
        expect(is_full, expected, exchange.summary)

    sentence = f"{refusal.sentence.removesuffix('.')}, in the shape of OpenAI's errors."
    return _refusal_probe(refusal, refusal.question, f"{refusal.name}-shape", sentence, judge)


def _param(refusal: Refusal) -> Probe:
    def judge(exchange: Exchange) -> None:
        _require_refused(refusal, exchange)
        got = find(exchange.json_object, "error", "param")
        expect(got == refusal.param, f"param {shown(refusal.param)}", exchange.summary)

    sentence = f"{refusal.sentence.removesuffix('.')}, and the error names the field."
    made = _refusal_probe(refusal, refusal.question, f"{refusal.name}-param", sentence, judge)
    return replace(made, profile=Profile.EXTENDED)


def _refusal_probe(
    refusal: Refusal,
    question: Question,
    name: str,
    sentence: str,
    judge: Callable[[Exchange], None],
) -> Probe:
    return Probe(
        id=f"errors.{name}",
        sentence=sentence,
        source=refusal.source,
        asks=(question,),
        judge=judge,
        profile=refusal.profile,
        needs=frozenset(TEXT),
    )


def _probes(refusal: Refusal) -> list[Probe]:
    made = [_status(refusal, refusal.question, refusal.name, refusal.sentence), _shape(refusal)]
    if refusal.param:
        made.append(_param(refusal))
    if refusal.streamed:
        question = varied(refusal.question, f"{refusal.question.name}-streamed", stream=True)
        sentence = f"{refusal.sentence.removesuffix('.')}, streamed too."
        made.append(_status(refusal, question, f"{refusal.name}-streamed", sentence))
    return made


ALL = tuple(probe for refusal in REFUSALS for probe in _probes(refusal))


@probe("errors.code", REFUSALS[2].question, REFUSALS[0].question, source=SPECIFICATION, needs=TEXT)
def code(*exchanges: Exchange) -> None:
    """The code of an error is a text or null, and so is its param."""
    for exchange in exchanges:
        error = find(exchange.json_object, "error")
        if not isinstance(error, dict):
            raise Unjudged("errors have no object `error`, see errors.unknown-model-shape")
        wrong = [name for name in ("code", "param") if not isinstance(error.get(name), str | None)]
        expect(not wrong, "texts or null as code and param", exchange.summary)


@probe("errors.content-type", REFUSALS[0].question, REFUSALS[2].question, needs=TEXT)
def content_type(*exchanges: Exchange) -> None:
    """An error is JSON, and its content type says so."""
    for exchange in exchanges:
        expect(exchange.media_type == "application/json", "application/json", exchange.media_type)


@probe(
    "errors.alive", REFUSALS[0].question, REFUSALS[2].question, CHAT.ask("after-errors"), needs=TEXT
)
def alive(_unknown_model: Exchange, _no_json: Exchange, exchange: Exchange) -> None:
    """After questions that are refused the next one is answered."""
    exchange.require_answered()
