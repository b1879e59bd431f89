"""/v1/embeddings: a vector for each text, all of one length, and like texts like vectors."""

from __future__ import annotations

import math

from dynamo_conformance.probes.graph_probe import Endpoint, GraphProbe, expect, promised
from dynamo_conformance.probes.openai_client import openai_client

TEXTS = ["a boat on the river", "the price of copper", "a boat on the river"]
SAME = 0.99
"""How alike the vectors of one text must be, as the cosine between them."""


def embeddings(endpoint: Endpoint) -> None:
    """Three texts give three vectors of one length, in their order, and a usage."""
    with openai_client(endpoint) as client:
        answer = client.embeddings.create(model=endpoint.model, input=TEXTS)
    expect(answer.model == endpoint.model, f"the answer names model {answer.model}")
    order = [entry.index for entry in answer.data]
    expect(order == [0, 1, 2], f"the vectors of {len(TEXTS)} texts have the indices {order}")
    vectors = [entry.embedding for entry in answer.data]
    sizes = {len(entry) for entry in vectors}
    expect(len(sizes) == 1, f"vectors of {sorted(sizes)} numbers from one model")
    for vector in vectors:
        finite = all(math.isfinite(number) for number in vector)
        expect(finite and any(vector), "a vector is all zero, or holds what is no number")
    alike = cosine(vectors[0], vectors[2])
    expect(alike > SAME, f"the same text twice gives vectors with a cosine of {alike:.3f}")
    other = cosine(vectors[0], vectors[1])
    expect(other < alike, f"another text is as near ({other:.3f}) as the same one ({alike:.3f})")
    usage = answer.usage
    expect(usage.prompt_tokens > 0, f"prompt_tokens is {usage.prompt_tokens}")
    expect(usage.total_tokens == usage.prompt_tokens, f"usage does not add up: {usage}")


def embedding_base64(endpoint: Endpoint) -> None:
    """The same vector comes as numbers, and as base64 for the clients that ask so."""
    body = {"model": endpoint.model, "input": TEXTS[0]}
    path = "/v1/embeddings"
    numbers = endpoint.post(path, {**body, "encoding_format": "float"})
    packed = endpoint.post(path, {**body, "encoding_format": "base64"})
    repeat = endpoint.curl(path, {**body, "encoding_format": "base64"})
    expect(packed.ok, f"base64 is answered {packed.status_code}", repeat=repeat)
    first, second = numbers.json()["data"][0], packed.json()["data"][0]
    expect(
        isinstance(second["embedding"], str), "base64 was asked, and numbers came", repeat=repeat
    )
    expect(isinstance(first["embedding"], list), "numbers were asked, and something else came")


def cosine(first: list[float], second: list[float]) -> float:
    """Return the cosine of the angle between two vectors."""
    dot = sum(left * right for left, right in zip(first, second, strict=True))
    return dot / (math.hypot(*first) * math.hypot(*second))


_embeds = promised(lambda serving: serving.embeds)
PROBES = (
    GraphProbe(id="embeddings", run=embeddings, applies=_embeds),
    GraphProbe(id="embeddings-base64", run=embedding_base64, applies=_embeds),
)
