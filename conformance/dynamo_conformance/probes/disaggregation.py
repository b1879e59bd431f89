"""On a disaggregated graph, the prefill workers do the prefill: their own counters show it."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from dynamo_conformance.engines.role import COMPONENTS, Role
from dynamo_conformance.probes.graph_probe import (
    Endpoint,
    GraphProbe,
    Unsupported,
    expect,
    promised,
)
from dynamo_conformance.probes.metrics import requests_served
from dynamo_conformance.probes.openai_client import openai_client, route_of

if TYPE_CHECKING:
    from dynamo_conformance.probes.openai_client import Route

REQUESTS = 4
PREFILL, DECODE = COMPONENTS[Role.PREFILL], COMPONENTS[Role.DECODE]
"""The components that workers of these roles register as."""


def prefill(endpoint: Endpoint) -> None:
    """Every request passes a prefill worker and a decode worker, once each."""
    before = _totals(endpoint) if endpoint.workers else {}
    with openai_client(endpoint) as client:
        # A new prompt each time, so that no cache can answer in a worker's place.
        prompts = [f"{uuid.uuid4()} " * 20 for _ in range(REQUESTS)]
        routes = [route_of(client, endpoint, prompt) for prompt in prompts]
    if not endpoint.workers:
        _by_answers(routes)
        return
    after = _totals(endpoint)
    for component in (PREFILL, DECODE):
        served = after.get(component, 0) - before.get(component, 0)
        text = f"{component} workers served {served} of {REQUESTS} requests"
        expect(served >= REQUESTS, f"{text}; counted before {before}, after {after}")


def _by_answers(routes: list[Route]) -> None:
    """Check what the frontend reports, where no worker can be asked.

    Raises:
        Unsupported: The frontend does not report it either.
    """
    if all(route.decode is None for route in routes):
        raise Unsupported(
            "no worker of this graph has a system port to ask, and the frontend's answers do not "
            "name the workers"
        )
    passed = sum(route.prefill not in (None, route.decode) for route in routes)
    text = f"{passed} of {REQUESTS} answers name a prefill worker beside the decode worker"
    expect(passed == REQUESTS, text)


def _totals(endpoint: Endpoint) -> dict[str, int]:
    return {name: sum(each.values()) for name, each in requests_served(endpoint).items()}


PROBES = (
    GraphProbe(id="prefill", run=prefill, applies=promised(lambda serving: serving.disaggregated)),
)
