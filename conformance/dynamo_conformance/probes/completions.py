"""/v1/completions, in one piece and streamed."""

from __future__ import annotations

from dynamo_conformance.probes.chat import FINISH_REASONS, MAX_TOKENS, check_usage
from dynamo_conformance.probes.client import openai_client
from dynamo_conformance.probes.probe import Endpoint, Probe, expect, writes_text

PROMPT = "Three rivers that end in the North Sea are"


def completions(endpoint: Endpoint) -> None:
    """An answer has text, a finish reason, and a usage that adds up."""
    with openai_client(endpoint) as client:
        answer = client.completions.create(
            model=endpoint.model, prompt=PROMPT, max_tokens=MAX_TOKENS
        )
    expect(len(answer.choices) == 1, f"{len(answer.choices)} choices instead of one")
    expect(answer.choices[0].text, "the answer has no text")
    reason = answer.choices[0].finish_reason
    expect(reason in FINISH_REASONS, f"finish_reason is {reason}, not one of {FINISH_REASONS}")
    check_usage(answer.usage)


def completions_stream(endpoint: Endpoint) -> None:
    """A stream has text and exactly one finish reason."""
    with openai_client(endpoint) as client:
        stream = client.completions.create(
            model=endpoint.model, prompt=PROMPT, max_tokens=MAX_TOKENS, stream=True
        )
        chunks = list(stream)
    text = "".join(choice.text for chunk in chunks for choice in chunk.choices)
    expect(text, f"{len(chunks)} chunks, and no text in any of them")
    # The client types the reason as always there; in a stream it is, but in one chunk only.
    reasons = list(filter(None, (c.finish_reason for chunk in chunks for c in chunk.choices)))
    expect(len(reasons) == 1, f"finish reasons {reasons}, expected exactly one")


PROBES = (
    Probe(id="completions", run=completions, applies=writes_text),
    Probe(id="completions-stream", run=completions_stream, applies=writes_text),
)
