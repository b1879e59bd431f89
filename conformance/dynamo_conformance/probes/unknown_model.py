"""What must be refused, and in which shape."""

from __future__ import annotations

import requests

from dynamo_conformance.probes.graph_probe import (
    Endpoint,
    GraphProbe,
    JsonObject,
    expect,
    writes_text,
)

UNKNOWN_MODEL = "nobody/serves-this"


def unknown_model(endpoint: Endpoint) -> None:
    """A model that is not served is a 404 with the error body that OpenAI clients expect."""
    body: JsonObject = {"model": UNKNOWN_MODEL}
    if writes_text(endpoint.serving):
        path = "/v1/chat/completions"
        body |= {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 1}
    else:
        path = "/v1/embeddings"
        body |= {"input": "Hello"}
    answer = endpoint.post(path, body)
    repeat = endpoint.curl(path, body)
    got = f"an unknown model is answered {answer.status_code}, expected 404"
    expect(answer.status_code == requests.codes.not_found, got, repeat=repeat)
    try:
        error = answer.json()
    except ValueError:
        error = None
    # OpenAI nests the error; a flat body with message and type is read by its clients as well.
    inner = error.get("error", error) if isinstance(error, dict) else None
    shaped = isinstance(inner, dict) and isinstance(inner.get("message"), str)
    expect(shaped, f"the 404 has no OpenAI error body: {answer.text[:200]}", repeat=repeat)


PROBES = (GraphProbe(id="unknown-model", run=unknown_model),)
