"""On a graph with a KV router, a repeated prefix goes to the worker that holds it."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING

from conformance.probes.client import openai_client
from conformance.probes.disaggregation import DECODE, PREFILL
from conformance.probes.metrics import requests_served, tokens_routed_by_prefix
from conformance.probes.probe import Endpoint, Probe, Unsupported, expect

if TYPE_CHECKING:
    from openai import OpenAI

    from conformance.engines.serving import Serving

PREFIXES = 4
REPEATS = 3
WORDS = 100
SETTLE_SECONDS = 0.5
"""How long a worker's KV events may take to reach the router."""


def kv_router(endpoint: Endpoint) -> None:
    """Each prefix, sent again, reaches the worker that served it first, and the router knew why.

    A router that takes turns or draws lots would have to be lucky PREFIXES x REPEATS times; one
    that guesses right without the workers' KV events counts no token as cached.
    """
    component = _prefilling(endpoint)
    first_to: dict[str, str] = {}
    with openai_client(endpoint) as client:
        for _ in range(PREFIXES):
            prefix = " ".join(uuid.uuid4().hex[:6] for _ in range(WORDS))
            first_to[prefix] = _served_by(endpoint, client, component, prefix)
        time.sleep(SETTLE_SECONDS)
        for prefix, first in first_to.items():
            for repeat in range(1, REPEATS + 1):
                known_before = tokens_routed_by_prefix(endpoint)
                worker = _served_by(endpoint, client, component, prefix)
                text = f"repeat {repeat} of a prefix that {first} holds went to {worker}"
                expect(worker == first, text)
                known = tokens_routed_by_prefix(endpoint) - known_before
                text = f"repeat {repeat} went to {worker}, but the router knew of no cached token"
                expect(known > 0, text)


def _served_by(endpoint: Endpoint, client: OpenAI, component: str, prompt: str) -> str:
    """Send one prompt and return the worker that prefilled it, by the workers' own counters."""
    before = requests_served(endpoint).get(component, {})
    client.completions.create(model=endpoint.model, prompt=prompt, max_tokens=2)
    after = requests_served(endpoint).get(component, {})
    served = [name for name, count in after.items() if count > before.get(name, 0)]
    expect(len(served) == 1, f"one request, counted by {served or 'no worker'} as {component}")
    return served[0]


def _prefilling(endpoint: Endpoint) -> str:
    """Return the component whose workers hold the prefixes.

    Raises:
        Unsupported: There is only one such worker, so every router would do.
    """
    served = requests_served(endpoint)
    component = PREFILL if PREFILL in served else DECODE
    if len(served.get(component, {})) < 2:  # noqa: PLR2004 - one worker leaves no choice
        raise Unsupported(f"one {component} worker leaves the router no choice")
    return component


def _routes_by_kv(serving: Serving | None) -> bool:
    return serving is not None and serving.routes_by_kv and not serving.embeds


PROBES = (Probe(id="kv-router", run=kv_router, applies=_routes_by_kv),)
