"""The OpenAI client that people really use, with nothing that could hide a fault."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dynamo_conformance.probes.graph_probe import REQUEST_SECONDS

if TYPE_CHECKING:
    from openai import OpenAI
    from openai.types import Completion

    from dynamo_conformance.probes.graph_probe import Endpoint

MAX_TOKENS = 2
ROUTE_FIELDS = {"nvext": {"extra_fields": ["worker_id", "timing"]}}
"""Asks the frontend to name in its answer which workers served the request (Dynamo 1.6.1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """What the frontend reports about a request; None where it does not.

    Attributes:
        prefill: The instance that prefilled it.
        decode: The instance that decoded it; the same instance when the graph is aggregated.
        hit_rate: The share of its prompt that the KV router knew to be cached there.
    """

    prefill: int | None
    decode: int | None
    hit_rate: float | None


NO_ROUTE = Route(prefill=None, decode=None, hit_rate=None)


def openai_client(endpoint: Endpoint) -> OpenAI:
    """Return an OpenAI client for the endpoint; it never retries."""
    # A run that asks no graph, as one that lints, starts without it.
    from openai import DefaultHttpxClient, OpenAI

    # Reading the system's certificates takes a fifth of a second of computing, and an endpoint
    # here is plain HTTP.
    http = DefaultHttpxClient(verify=not endpoint.url.startswith("http://"))
    return OpenAI(
        base_url=f"{endpoint.url}/v1",
        api_key="none",
        max_retries=0,
        timeout=REQUEST_SECONDS,
        http_client=http,
    )


def route_of(client: OpenAI, endpoint: Endpoint, prompt: str) -> Route:
    """Send one prompt and return which workers the frontend reports to have served it."""
    from openai import BadRequestError, UnprocessableEntityError

    try:
        answer = client.completions.create(
            model=endpoint.model, prompt=prompt, max_tokens=MAX_TOKENS, extra_body=ROUTE_FIELDS
        )
    except (BadRequestError, UnprocessableEntityError):
        # A release that does not know the fields may refuse them; anything else fails again.
        client.completions.create(model=endpoint.model, prompt=prompt, max_tokens=MAX_TOKENS)
        return NO_ROUTE
    return _read(answer)


def _read(answer: Completion) -> Route:
    extra = _table((answer.model_extra or {}).get("nvext"))
    workers, timing = _table(extra.get("worker_id")), _table(extra.get("timing"))
    prefill, decode = workers.get("prefill_worker_id"), workers.get("decode_worker_id")
    rate = timing.get("kv_hit_rate")
    return Route(
        prefill=prefill if isinstance(prefill, int) else None,
        decode=decode if isinstance(decode, int) else None,
        hit_rate=float(rate) if isinstance(rate, int | float) else None,
    )


def _table(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}
