"""On a graph with a KV router, a repeated prefix goes to the worker that holds it."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING

from dynamo_conformance.engines.role import Role
from dynamo_conformance.probes.disaggregation import DECODE, PREFILL
from dynamo_conformance.probes.graph_probe import (
    Endpoint,
    GraphProbe,
    ProbeFailure,
    Unsupported,
    expect,
    promised,
)
from dynamo_conformance.probes.metrics import requests_served, tokens_routed_by_prefix
from dynamo_conformance.probes.openai_client import openai_client, route_of
from dynamo_conformance.probes.registration import instances

if TYPE_CHECKING:
    from openai import OpenAI

    from dynamo_conformance.engines.serving import Serving

PREFIXES = 4
REPEATS = 3
WORDS = 100
CHOICE = 2
"""How many workers a router must have for its choice to mean anything."""

REGISTER_SECONDS = 30.0
SETTLE_SECONDS = 0.5
"""How long a worker's KV events may take to reach the router."""

LATE_SECONDS = 5.0
"""How long the second of several frontends may take longer than the first to know all workers."""


def kv_router(endpoint: Endpoint) -> None:
    """Each prefix, sent again, reaches the worker that served it first, and the router knew why.

    A router that takes turns or draws lots would have to be lucky PREFIXES x REPEATS times; one
    that guesses right without the workers' KV events knows of no cached token.
    """
    with openai_client(endpoint) as client:
        holders = _PrefixHolders(endpoint, client)
        try:
            _repeat_prefixes(holders)
        except ProbeFailure:
            if endpoint.frontends == 1:
                raise
            # Each frontend has a router of its own, and any of them answers.
            time.sleep(LATE_SECONDS)
            _repeat_prefixes(holders)


def _repeat_prefixes(holders: _PrefixHolders) -> None:
    prefixes = [_new_prefix() for _ in range(PREFIXES)]
    first_to = {prefix: holders.send(prefix)[0] for prefix in prefixes}
    time.sleep(SETTLE_SECONDS)
    unreported = False
    for prefix, first in first_to.items():
        for repeat in range(1, REPEATS + 1):
            worker, knew = holders.send(prefix)
            text = f"repeat {repeat} of a prefix that {first} holds went to {worker}"
            expect(worker == first, text)
            text = f"repeat {repeat} went to {worker}, but the router knew of no cached token"
            expect(knew is not False, text)
            unreported = unreported or knew is None
    if unreported:
        raise Unsupported(
            "repeated prefixes reach their worker, but whether the router knew why is not reported:"
            " the answers do not show it, and one of several frontends counts for itself"
        )


def _new_prefix() -> str:
    return " ".join(uuid.uuid4().hex[:6] for _ in range(WORDS))


class _PrefixHolders:
    """The workers that hold the prefixes, and how to find out which of them served a prompt.

    Raises:
        Unsupported: There is only one such worker, so every router would do.
        Unsupported: Nothing reports which worker served a prompt.
    """

    def __init__(self, endpoint: Endpoint, client: OpenAI) -> None:
        self._endpoint = endpoint
        self._client = client
        self._await_choice()
        self._named = route_of(client, endpoint, _new_prefix()).prefill is not None
        self._known = tokens_routed_by_prefix(endpoint)
        if self._named:
            return
        if endpoint.frontends > 1:
            raise Unsupported(
                "the frontend's answers do not name the workers, and each of the "
                f"{endpoint.frontends} frontends counts for itself"
            )
        self._counts = self._counted()

    def send(self, prompt: str) -> tuple[str, bool | None]:
        """Send one prompt.

        Returns:
            The worker that prefilled it, and whether the router knew of cached tokens there; None
            when nothing reports it.
        """
        route = route_of(self._client, self._endpoint, prompt)
        if not self._named:
            return self._by_counters()
        expect(route.prefill is not None, "an answer does not name the worker that prefilled")
        if route.hit_rate is not None:
            return f"worker {route.prefill}", route.hit_rate > 0
        if self._endpoint.frontends > 1:
            return f"worker {route.prefill}", None
        return f"worker {route.prefill}", self._more_known()

    def _by_counters(self) -> tuple[str, bool]:
        """Return who served the last prompt by the workers' own counters."""
        before, self._counts = self._counts, self._counted()
        served = [name for name, count in self._counts.items() if count > before.get(name, 0)]
        who = served or "no worker"
        expect(len(served) == 1, f"one request, counted by {who} as {self._component}")
        return served[0], self._more_known()

    def _more_known(self) -> bool:
        before, self._known = self._known, tokens_routed_by_prefix(self._endpoint)
        return self._known > before

    def _counted(self) -> dict[str, int]:
        return requests_served(self._endpoint).get(self._component, {})

    def _await_choice(self) -> None:
        """Wait for the workers that are to hold prefixes, by what the frontend lists."""
        promised = _promised(self._endpoint.serving)
        deadline = time.monotonic() + REGISTER_SECONDS
        while True:
            registered = instances(self._endpoint)
            self._component = PREFILL if PREFILL in registered else DECODE
            count = registered.get(self._component, 0)
            # A graph answers as soon as one worker does; the others may be a little late.
            if count >= min(promised, CHOICE) or time.monotonic() > deadline:
                break
            time.sleep(SETTLE_SECONDS)
        text = f"{count} of {promised} {self._component} workers after {REGISTER_SECONDS:.0f} s"
        expect(count >= min(promised, CHOICE), text)
        if count < CHOICE:
            raise Unsupported(f"one {self._component} worker leaves the router no choice")


def _promised(serving: Serving | None) -> int:
    """Return how many workers are to hold prefixes."""
    if serving is None:
        return 0
    return serving.roles.get(Role.PREFILL) or serving.roles.get(Role.AGG, 0)


PROBES = (
    GraphProbe(
        id="kv-router",
        run=kv_router,
        applies=promised(lambda serving: serving.routes_by_kv and not serving.embeds),
    ),
)
