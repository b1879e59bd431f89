"""On a disaggregated graph, the prefill workers do the prefill: their own counters say so."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from conformance.engines.role import COMPONENTS, Role
from conformance.probes.client import openai_client
from conformance.probes.metrics import requests_served
from conformance.probes.probe import Endpoint, Probe, expect

if TYPE_CHECKING:
    from conformance.engines.serving import Serving

REQUESTS = 4
PREFILL, DECODE = COMPONENTS[Role.PREFILL], COMPONENTS[Role.DECODE]
"""The components that workers of these roles register as."""


def prefill(endpoint: Endpoint) -> None:
    """Every request passes a prefill worker and a decode worker, once each."""
    before = _totals(endpoint)
    with openai_client(endpoint) as client:
        for _ in range(REQUESTS):
            # A new prompt each time, so that no cache can answer in a worker's place.
            words = f"{uuid.uuid4()} " * 20
            client.completions.create(model=endpoint.model, prompt=words, max_tokens=2)
    after = _totals(endpoint)
    for component in (PREFILL, DECODE):
        served = after.get(component, 0) - before.get(component, 0)
        text = f"{component} workers served {served} of {REQUESTS} requests"
        expect(served >= REQUESTS, f"{text}; counted before {before}, after {after}")


def _totals(endpoint: Endpoint) -> dict[str, int]:
    return {name: sum(each.values()) for name, each in requests_served(endpoint).items()}


def _disaggregated(serving: Serving | None) -> bool:
    return serving is not None and serving.disaggregated


PROBES = (Probe(id="prefill", run=prefill, applies=_disaggregated),)
