"""/v1/chat/completions and /v1/completions, in one piece and streamed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.probes.graph_probe import Endpoint, GraphProbe, expect, writes_text
from dynamo_conformance.probes.openai_client import openai_client

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeVar

    from openai import OpenAI, Stream
    from openai.types import CompletionChoice
    from openai.types.chat import (
        ChatCompletion,
        ChatCompletionChunk,
        ChatCompletionMessageParam,
    )
    from openai.types.chat.chat_completion import Choice
    from openai.types.completion_usage import CompletionUsage

    _Choice = TypeVar("_Choice", Choice, CompletionChoice)

MAX_TOKENS = 8
MESSAGES: list[ChatCompletionMessageParam] = [
    {"role": "user", "content": "Name three rivers, and say where they end."}
]
PROMPT = "Three rivers that end in the North Sea are"
FINISH_REASONS = ("stop", "length")
DONE = "[DONE]"
"""What ends a stream."""


def chat(endpoint: Endpoint) -> None:
    """An answer has one choice with readable text, a finish reason, and a usage that adds up."""
    with openai_client(endpoint) as client:
        answer = _ask(client, endpoint)
    expect(answer.model == endpoint.model, f"the answer names model {answer.model}")
    message = _only_choice(answer.choices).message
    expect(message.role == "assistant", f"the answer's role is {message.role}")
    expect(message.content, f"the answer has no text: {message}")
    check_usage(answer.usage)


def chat_stream(endpoint: Endpoint) -> None:
    """A stream has text, exactly one finish reason, the usage that was asked for, and its end."""
    with openai_client(endpoint) as client:
        _check_end(client, endpoint)
        chunks = list(_ask_streamed(client, endpoint))
    choices = [choice for chunk in chunks for choice in chunk.choices]
    texts = [choice.delta.content or "" for choice in choices]
    _check_stream(len(chunks), texts, [choice.finish_reason for choice in choices])
    ids = {chunk.id for chunk in chunks}
    expect(len(ids) == 1, f"the chunks of one stream carry {len(ids)} ids")
    usages = [chunk.usage for chunk in chunks if chunk.usage is not None]
    expect(len(usages) == 1, f"{len(usages)} chunks carry a usage, expected the last one only")
    expect(chunks[-1].usage is not None, "the usage does not come last")
    check_usage(usages[0])


def usage_agrees(endpoint: Endpoint) -> None:
    """The same prompt costs the same, streamed or not, and max_tokens holds."""
    with openai_client(endpoint) as client:
        plain = _ask(client, endpoint).usage
        stream = _ask_streamed(client, endpoint)
        streamed = next((chunk.usage for chunk in stream if chunk.usage is not None), None)
    check_usage(plain)
    check_usage(streamed)
    if plain is not None and streamed is not None:
        same = plain.prompt_tokens == streamed.prompt_tokens
        counts = f"{plain.prompt_tokens} in one piece, {streamed.prompt_tokens} streamed"
        expect(same, f"one prompt, two prompt_tokens: {counts}")


def completions(endpoint: Endpoint) -> None:
    """An answer has text, a finish reason, and a usage that adds up."""
    with openai_client(endpoint) as client:
        answer = client.completions.create(
            model=endpoint.model, prompt=PROMPT, max_tokens=MAX_TOKENS
        )
    expect(_only_choice(answer.choices).text, "the answer has no text")
    check_usage(answer.usage)


def completions_stream(endpoint: Endpoint) -> None:
    """A stream has text and exactly one finish reason."""
    with openai_client(endpoint) as client:
        stream = client.completions.create(
            model=endpoint.model, prompt=PROMPT, max_tokens=MAX_TOKENS, stream=True
        )
        chunks = list(stream)
    choices = [choice for chunk in chunks for choice in chunk.choices]
    _check_stream(
        len(chunks),
        [choice.text for choice in choices],
        [choice.finish_reason for choice in choices],
    )


def _ask(client: OpenAI, endpoint: Endpoint) -> ChatCompletion:
    return client.chat.completions.create(
        model=endpoint.model, messages=MESSAGES, max_tokens=MAX_TOKENS
    )


def _ask_streamed(client: OpenAI, endpoint: Endpoint) -> Stream[ChatCompletionChunk]:
    return client.chat.completions.create(
        model=endpoint.model,
        messages=MESSAGES,
        max_tokens=MAX_TOKENS,
        stream=True,
        stream_options={"include_usage": True},
    )


def _check_end(client: OpenAI, endpoint: Endpoint) -> None:
    """Read a stream itself: the client takes one that breaks off for one that ends."""
    with client.chat.completions.with_streaming_response.create(
        model=endpoint.model, messages=MESSAGES, max_tokens=MAX_TOKENS, stream=True
    ) as response:
        lines = [line for line in response.iter_lines() if line.startswith("data:")]
    data = [line.removeprefix("data:").strip() for line in lines]
    expect(data and data[-1] == DONE, f"the stream does not end with {DONE}")
    expect(data.count(DONE) == 1, f"the stream has {data.count(DONE)} times {DONE}")


def _only_choice(choices: Sequence[_Choice]) -> _Choice:
    expect(len(choices) == 1, f"{len(choices)} choices instead of one")
    reason = choices[0].finish_reason
    expect(reason in FINISH_REASONS, f"finish_reason is {reason}, not one of {FINISH_REASONS}")
    return choices[0]


def _check_stream(chunks: int, texts: Sequence[str], reasons: Sequence[str | None]) -> None:
    expect("".join(texts), f"{chunks} chunks, and no text in any of them")
    given = [reason for reason in reasons if reason]
    expect(len(given) == 1, f"finish reasons {given}, expected exactly one")


def check_usage(usage: CompletionUsage | None) -> None:
    """Raise unless the numbers are there, add up and respect max_tokens."""
    expect(usage is not None, "the answer has no usage")
    if usage is None:
        return
    prompt, completion, total = usage.prompt_tokens, usage.completion_tokens, usage.total_tokens
    expect(prompt > 0, f"prompt_tokens is {prompt}")
    within = 0 < completion <= MAX_TOKENS
    expect(within, f"completion_tokens is {completion} with max_tokens {MAX_TOKENS}")
    expect(prompt + completion == total, f"usage does not add up: {prompt}+{completion}!={total}")


PROBES = (
    GraphProbe(id="chat", run=chat, applies=writes_text),
    GraphProbe(id="chat-stream", run=chat_stream, applies=writes_text),
    GraphProbe(id="usage", run=usage_agrees, applies=writes_text),
    GraphProbe(id="completions", run=completions, applies=writes_text),
    GraphProbe(id="completions-stream", run=completions_stream, applies=writes_text),
)
