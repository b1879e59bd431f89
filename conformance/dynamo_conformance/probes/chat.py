"""/v1/chat/completions, in one piece and streamed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.probes.client import openai_client
from dynamo_conformance.probes.probe import Endpoint, Probe, expect, writes_text

if TYPE_CHECKING:
    from openai import OpenAI, Stream
    from openai.types.chat import (
        ChatCompletion,
        ChatCompletionChunk,
        ChatCompletionMessageParam,
    )
    from openai.types.completion_usage import CompletionUsage

MAX_TOKENS = 8
MESSAGES: list[ChatCompletionMessageParam] = [
    {"role": "user", "content": "Name three rivers, and say where they end."}
]
FINISH_REASONS = ("stop", "length")


def chat(endpoint: Endpoint) -> None:
    """An answer has one choice with readable text, a finish reason, and a usage that adds up."""
    with openai_client(endpoint) as client:
        answer = _ask(client, endpoint)
    expect(answer.model == endpoint.model, f"the answer names model {answer.model}")
    expect(len(answer.choices) == 1, f"{len(answer.choices)} choices instead of one")
    choice = answer.choices[0]
    expect(choice.message.role == "assistant", f"the answer's role is {choice.message.role}")
    expect(choice.message.content, f"the answer has no text: {choice.message}")
    reason = choice.finish_reason
    expect(reason in FINISH_REASONS, f"finish_reason is {reason}, not one of {FINISH_REASONS}")
    check_usage(answer.usage)


def chat_stream(endpoint: Endpoint) -> None:
    """A stream has text, exactly one finish reason, and then the usage that was asked for."""
    with openai_client(endpoint) as client:
        chunks = list(_ask_streamed(client, endpoint))
    text = "".join(c.delta.content or "" for chunk in chunks for c in chunk.choices)
    expect(text, f"{len(chunks)} chunks, and no text in any of them")
    reasons = [c.finish_reason for chunk in chunks for c in chunk.choices if c.finish_reason]
    expect(len(reasons) == 1, f"finish reasons {reasons}, expected exactly one")
    ids = {chunk.id for chunk in chunks}
    expect(len(ids) == 1, f"the chunks of one stream carry {len(ids)} ids")
    usages = [chunk.usage for chunk in chunks if chunk.usage is not None]
    expect(len(usages) == 1, f"{len(usages)} chunks carry a usage, expected the last one only")
    expect(chunks[-1].usage is not None, "the usage does not come last")
    check_usage(usages[0])


def usage_agrees(endpoint: Endpoint) -> None:
    """The same prompt costs the same, streamed or not, and max_tokens holds."""
    with openai_client(endpoint) as client:
        whole = _ask(client, endpoint).usage
        stream = _ask_streamed(client, endpoint)
        streamed = next((c.usage for c in stream if c.usage is not None), None)
    check_usage(whole)
    check_usage(streamed)
    if whole is not None and streamed is not None:
        same = whole.prompt_tokens == streamed.prompt_tokens
        counts = f"{whole.prompt_tokens} in one piece, {streamed.prompt_tokens} streamed"
        expect(same, f"one prompt, two prompt_tokens: {counts}")


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
    Probe(id="chat", run=chat, applies=writes_text),
    Probe(id="chat-stream", run=chat_stream, applies=writes_text),
    Probe(id="usage", run=usage_agrees, applies=writes_text),
)
