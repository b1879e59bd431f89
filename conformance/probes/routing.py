"""On a graph with a KV router, a repeated prefix goes to the worker that holds it."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING

from conformance.engines.role import Role
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
CHOICE = 2
"""How many workers a router must have for its choice to say anything."""

REGISTER_SECONDS = 30.0
SETTLE_SECONDS = 0.5
"""How long a worker's KV events may take to reach the router."""


def kv_router(endpoint: Endpoint) -> None:
    """Each prefix, sent again, reaches the worker that served it first, and the router knew why.

    A router that takes turns or draws lots would have to be lucky PREFIXES x REPEATS times; one
    that guesses right without the workers' KV events counts no token as cached.
    """
    first_to: dict[str, str] = {}
    with openai_client(endpoint) as client:
        asked = _Asked(endpoint, client)
        for _ in range(PREFIXES):
            prefix = " ".join(uuid.uuid4().hex[:6] for _ in range(WORDS))
            first_to[prefix] = asked.served_by(prefix)
        time.sleep(SETTLE_SECONDS)
        known = tokens_routed_by_prefix(endpoint)
        for prefix, first in first_to.items():
            for repeat in range(1, REPEATS + 1):
                worker = asked.served_by(prefix)
                text = f"repeat {repeat} of a prefix that {first} holds went to {worker}"
                expect(worker == first, text)
                known, before = tokens_routed_by_prefix(endpoint), known
                text = f"repeat {repeat} went to {worker}, but the router knew of no cached token"
                expect(known > before, text)


class _Asked:
    """The workers that hold the prefixes, and how many prompts each has served so far.

    Raises:
        Unsupported: There is only one such worker, so every router would do.
    """

    def __init__(self, endpoint: Endpoint, client: OpenAI) -> None:
        self._endpoint = endpoint
        self._client = client
        promised = _promised(endpoint.serving)
        deadline = time.monotonic() + REGISTER_SECONDS
        while True:
            served = requests_served(endpoint)
            self._component = PREFILL if PREFILL in served else DECODE
            self._counts = served.get(self._component, {})
            # A graph answers as soon as one worker does; the others may be a little late.
            if len(self._counts) >= min(promised, CHOICE) or time.monotonic() > deadline:
                break
            time.sleep(SETTLE_SECONDS)
        found = len(self._counts)
        text = f"{found} of {promised} {self._component} workers after {REGISTER_SECONDS:.0f} s"
        expect(found >= min(promised, CHOICE), text)
        if found < CHOICE:
            raise Unsupported(f"one {self._component} worker leaves the router no choice")

    def served_by(self, prompt: str) -> str:
        """Send one prompt and return the worker that prefilled it, by the workers' own counters."""
        before = self._counts
        self._client.completions.create(model=self._endpoint.model, prompt=prompt, max_tokens=2)
        self._counts = requests_served(self._endpoint).get(self._component, {})
        served = [name for name, count in self._counts.items() if count > before.get(name, 0)]
        who = served or "no worker"
        expect(len(served) == 1, f"one request, counted by {who} as {self._component}")
        return served[0]


def _promised(serving: Serving | None) -> int:
    """Return how many workers are to hold prefixes."""
    if serving is None:
        return 0
    return serving.roles.get(Role.PREFILL) or serving.roles.get(Role.AGG, 0)


def _routes_by_kv(serving: Serving | None) -> bool:
    return serving is not None and serving.routes_by_kv and not serving.embeds


PROBES = (Probe(id="kv-router", run=kv_router, applies=_routes_by_kv),)
