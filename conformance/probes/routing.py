"""On a graph with a KV router, a repeated prefix goes to the worker that holds it."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING

from conformance.engines.role import Role
from conformance.probes.client import openai_client
from conformance.probes.disaggregation import DECODE, PREFILL
from conformance.probes.metrics import requests_served
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
    """Each prefix, sent again, reaches the worker that served it first, and finds it cached.

    A router that takes turns or draws lots would have to be lucky PREFIXES x REPEATS times.
    """
    component = _prefilling(endpoint)
    first_to: dict[str, str] = {}
    with openai_client(endpoint) as client:
        for _ in range(PREFIXES):
            prefix = " ".join(uuid.uuid4().hex[:6] for _ in range(WORDS))
            first, _cached = _ask(endpoint, client, component, prefix)
            first_to[prefix] = first
        time.sleep(SETTLE_SECONDS)
        for prefix, first in first_to.items():
            for repeat in range(1, REPEATS + 1):
                worker, cached = _ask(endpoint, client, component, prefix)
                text = f"repeat {repeat} of a prefix that {first} holds went to {worker}"
                expect(worker == first, text)
                expect(cached > 0, f"repeat {repeat} at {worker} found nothing cached")


def _ask(endpoint: Endpoint, client: OpenAI, component: str, prompt: str) -> tuple[str, int]:
    """Send one prompt; return the worker that prefilled it and how many tokens were cached."""
    before = requests_served(endpoint).get(component, {})
    answer = client.completions.create(model=endpoint.model, prompt=prompt, max_tokens=2)
    after = requests_served(endpoint).get(component, {})
    served = [name for name, count in after.items() if count > before.get(name, 0)]
    expect(len(served) == 1, f"one request, counted by {served or 'no worker'} as {component}")
    details = answer.usage.prompt_tokens_details if answer.usage is not None else None
    return served[0], (details.cached_tokens or 0) if details is not None else 0


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
    return (
        serving is not None
        and serving.router_mode == "kv"
        and not serving.roles.keys() <= {Role.ENCODE}
    )


PROBES = (Probe(id="kv-router", run=kv_router, applies=_routes_by_kv),)
