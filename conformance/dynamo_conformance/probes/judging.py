"""What several probes judge in the same way: pure functions of exchanges."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from dynamo_conformance.probes.exchange import (
    CannotShow,
    Fault,
    NotAnswered,
    expect,
    find,
    number,
    objects,
    shortened,
    shown,
    string,
)
from dynamo_conformance.probes.questions import STOP_TOKENS, STOPS, text_at, thoughts_in
from dynamo_conformance.probes.sse import DONE, read_stream

if TYPE_CHECKING:
    from dynamo_conformance.probes.exchange import Exchange, Json, JsonObject
    from dynamo_conformance.probes.questions import TextApi

REPLACEMENT: Final = "\ufffd"
CLOCK_DIFFERS: Final = 3600
"""Seconds by which the clock of a server may be wrong."""

FEW: Final = 4
FINISH_LENGTH: Final = "length"
FINISH_STOP: Final = "stop"


def utf8(exchange: Exchange) -> None:
    """All bytes of the answer are UTF-8."""
    exchange.require_answered()
    try:
        exchange.body.decode("utf-8")
    except UnicodeDecodeError as error:
        wrong = exchange.body[max(error.start - 10, 0) : error.end + 10]
        raise Fault("UTF-8", f"{error.reason} in {wrong!r}") from error


def has_id(answer: JsonObject) -> str:
    """The answer has an id that is not empty."""
    name = string(answer, "id")
    expect(name.strip(), "an id that is not empty", name)
    return name


def created_now(exchange: Exchange, answer: JsonObject) -> None:
    """`created` is the second in which the question was asked."""
    created = number(answer, "created")
    early, late = exchange.began - CLOCK_DIFFERS, exchange.began + exchange.seconds + CLOCK_DIFFERS
    expect(early <= created <= late, f"created near {exchange.began:.0f}", str(created))


def names_model(exchange: Exchange, answer: JsonObject) -> None:
    """The answer names the model that was asked for."""
    asked = exchange.request.get("model")
    expect(answer.get("model") == asked, f"model {shown(asked)}", answer.get("model"))


def indexes(choices: list[JsonObject], count: int) -> None:
    """The choices are numbered from 0 without a gap, each once."""
    got = sorted(number(choice, "index") for choice in choices)
    expect(got == list(range(count)), f"choices with the indexes 0 to {count - 1}", got)


def readable(text: str) -> None:
    """No character was replaced; the last one may be, where an answer was cut within it."""
    at = text.rstrip(REPLACEMENT).find(REPLACEMENT)
    expect(at < 0, "characters that are whole", shortened(text[max(at - 20, 0) : at + 20]))


def usage_of(answer: JsonObject) -> JsonObject:
    """Return the usage; fault when there is none."""
    usage = answer.get("usage")
    if not isinstance(usage, dict):
        raise Fault("a usage", shown(answer))
    return usage


def prompt_tokens(*exchanges: Exchange) -> list[int]:
    """Return how many tokens each prompt cost."""
    return [number(exchange.answer, "usage", "prompt_tokens") for exchange in exchanges]


def usage_sums(usage: JsonObject) -> None:
    """Prompt and completion add up to the total."""
    prompt, total = number(usage, "prompt_tokens"), number(usage, "total_tokens")
    wanted = prompt + number(usage, "completion_tokens")
    expect(total == wanted, f"total_tokens {wanted}", usage)


def usage_counts_prompt(usage: JsonObject) -> None:
    """The prompt costs tokens."""
    expect(number(usage, "prompt_tokens") > 0, "prompt_tokens over 0", usage)


def usage_within(usage: JsonObject, most: int) -> None:
    """No more tokens are answered than were allowed."""
    tokens = number(usage, "completion_tokens")
    expect(0 < tokens <= most, f"completion_tokens from 1 to {most}", usage)


def usage_matches(usage: JsonObject, text: str) -> None:
    """A text has no more words than tokens, and no fewer bytes; a few may be of no text."""
    words, tokens = len(text.split()), number(usage, "completion_tokens")
    got = f"{words} words under completion_tokens {tokens}: {shortened(text, 120)}"
    expect(words <= tokens + 1, "a token for each word", got)
    expect(tokens <= len(text.encode("utf-8", "replace")) + FEW, "text for each token", got)


def finish_by_length(*answers: tuple[Json, JsonObject, int]) -> None:
    """An answer that uses all its tokens was cut, and one that does not was not.

    The last token that is allowed can be the end of the text as well; that it is so in all answers
    is no chance.

    Args:
        answers: The finish reason of each, its usage, and how many tokens it may have.
    """
    at_the_end: list[str] = []
    for reason, usage, most in answers:
        tokens = number(usage, "completion_tokens")
        wanted = FINISH_LENGTH if tokens >= most else FINISH_STOP
        got = f"{shown(reason)} after {tokens} of {most} tokens"
        if tokens == most and reason == FINISH_STOP:
            at_the_end.append(got)
        else:
            expect(reason == wanted, f"finish_reason {wanted}", got)
    expect(len(at_the_end) < len(answers), f"finish_reason {FINISH_LENGTH}", ", ".join(at_the_end))


def finish_by_stop(reason: Json, usage: JsonObject, text: str) -> None:
    """An answer that a stop word ends says so."""
    tokens, most = number(usage, "completion_tokens"), STOP_TOKENS
    if reason == FINISH_LENGTH and tokens >= most and not any(stop in text for stop in STOPS):
        raise CannotShow(f"no stop word came in {tokens} tokens")
    got = f"{shown(reason)} after {tokens} of {most} tokens"
    expect(reason == FINISH_STOP, "finish_reason stop, for a stop word came", got)


def stop_left_out(text: str, stops: tuple[str, ...] = STOPS) -> None:
    """No stop word is in the answer."""
    held = [stop for stop in stops if stop in text]
    expect(not held, f"an answer without {shown(list(stops))}", text)


def first_difference(first: str, second: str) -> int:
    """Return how many characters two texts have in common at their beginning."""
    pairs = enumerate(zip(first, second, strict=False))
    shorter = min(len(first), len(second))
    return next((place for place, (left, right) in pairs if left != right), shorter)


def same_text(first: str, second: str, expected: str) -> None:
    """Two texts are the same, but for half a character where they were cut."""
    first, second = first.rstrip(REPLACEMENT), second.rstrip(REPLACEMENT)
    if first == second:
        return
    at = first_difference(first, second)
    around = slice(max(at - 20, 0), at + 40)
    got = f"{second[around]!r} in place of {first[around]!r} from character {at}"
    raise Fault(expected, got)


def determined(first: str, second: str) -> None:
    """Raise `CannotShow` unless a question that allows one answer is answered the same twice."""
    if first != second:
        raise CannotShow("answers at temperature 0 differ, so none is to be compared with another")


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamedText:
    """The chunks of a streamed answer, put together.

    Attributes:
        chunks: All JSON objects, in order.
        texts: The text of each choice, by its index; its thoughts where it has no other text.
        thoughts: The thoughts of each choice.
        reasons: The finish reasons of each choice, in order.
        after: What each choice still says after its finish reason.
        usages: The chunks with a usage, and where they are.
    """

    chunks: list[JsonObject]
    texts: dict[int, str]
    thoughts: dict[int, str]
    reasons: dict[int, list[Json]]
    after: dict[int, str]
    usages: list[tuple[int, JsonObject]]

    @property
    def text(self) -> str:
        """The text of the first choice."""
        return self.texts.get(0, "")

    @property
    def made(self) -> str:
        """All that the model made for the first choice: its thoughts cost tokens as its text."""
        thought = self.thoughts.get(0, "")
        return self.text if self.text == thought else f"{thought}{self.text}"

    @property
    def reason(self) -> Json:
        """The finish reason of the first choice; fault when there is none."""
        reasons = self.reasons.get(0)
        if not reasons:
            raise Fault("a finish_reason", "none in the stream")
        return reasons[0]

    @property
    def usage(self) -> JsonObject:
        """The usage; fault when there is none."""
        if not self.usages:
            raise Fault("a chunk with the usage that was asked for", "none in the stream")
        return self.usages[-1][1]


def chunks(exchange: Exchange) -> list[JsonObject]:
    """Return the chunks of a stream.

    Raises:
        NotAnswered: There are none, or one is an error.
    """
    exchange.require_answered()
    documents = read_stream(exchange).documents
    failed = next((document for document in documents if "error" in document), None)
    if not documents or failed is not None:
        got = shown(failed) if failed is not None else ""
        raise NotAnswered(exchange, expected="chunks in JSON, none of them an error", got=got)
    return documents


def streamed(api: TextApi, exchange: Exchange) -> StreamedText:
    """Return a streamed answer, put together.

    Raises:
        NotAnswered: It cannot be.
    """
    try:
        return _put_together(api, chunks(exchange))
    except Fault as fault:
        raise NotAnswered(exchange, expected=fault.expected, got=fault.got) from fault


def _put_together(api: TextApi, chunks: list[JsonObject]) -> StreamedText:
    texts: dict[int, str] = defaultdict(str)
    thoughts: dict[int, str] = defaultdict(str)
    reasons: dict[int, list[Json]] = defaultdict(list)
    after: dict[int, str] = defaultdict(str)
    usages: list[tuple[int, JsonObject]] = []
    for place, chunk in enumerate(chunks):
        usage = chunk.get("usage")
        if isinstance(usage, dict):
            usages.append((place, usage))
        for choice in objects(chunk, "choices"):
            index = number(choice, "index")
            text = find(choice, *api.delta)
            thoughts[index] += thoughts_in(find(choice, *api.delta[:-1]))
            if isinstance(text, str):
                texts[index] += text
                after[index] += text if reasons[index] else ""
            if choice.get("finish_reason") is not None:
                reasons[index].append(choice["finish_reason"])
    return StreamedText(
        chunks=chunks,
        texts={index: texts[index] or thoughts[index] for index in {*texts, *thoughts}},
        thoughts=dict(thoughts),
        reasons=dict(reasons),
        after=dict(after),
        usages=usages,
    )


def whole_text(api: TextApi, exchange: Exchange) -> str:
    """Return the text of the first choice of a whole answer."""
    return text_at(exchange.answer, 0, api.text)


def made_text(api: TextApi, exchange: Exchange) -> str:
    """Return all that the model made for the first choice: thoughts cost tokens as text does."""
    thought = thoughts_in(find(exchange.answer, "choices", 0, *api.text[:-1]))
    text = whole_text(api, exchange)
    return text if text == thought else f"{thought}{text}"


def logprobs_text(entries: list[JsonObject]) -> str:
    """Return what the bytes of tokens are together; a token without bytes is its text."""
    pieces = b"".join(_bytes(entry) for entry in entries)
    return pieces.decode("utf-8", errors="ignore")


def _bytes(entry: JsonObject) -> bytes:
    values = entry.get("bytes")
    if isinstance(values, list):
        return bytes(value for value in values if isinstance(value, int) and 0 <= value < 256)  # noqa: PLR2004
    return string(entry, "token").encode()


def done_frames(exchange: Exchange) -> list[int]:
    """Return where the frames that end a stream are."""
    exchange.require_answered()
    return [at for at, frame in enumerate(read_stream(exchange).frames) if frame.data == DONE]


def same_in_all(chunks: list[JsonObject], key: str) -> None:
    """A field is the same in all chunks."""
    values = {shown(chunk.get(key)) for chunk in chunks}
    expect(len(values) == 1, f"one {key} in all chunks", ", ".join(sorted(values)[:4]))
