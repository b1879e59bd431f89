"""Counters that the workers of the Dynamo runtime keep about themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families

from conformance.probes.probe import REQUEST_SECONDS, Endpoint, Unsupported

if TYPE_CHECKING:
    from conformance.targets.target import Worker

REQUESTS = "dynamo_component_requests_total"


def requests_served(endpoint: Endpoint) -> dict[str, dict[str, int]]:
    """Return how many `generate` requests each worker has served, by component and worker.

    Raises:
        Unsupported: The graph's workers have no system port that could be asked.
    """
    if not endpoint.workers:
        raise Unsupported("no worker of this graph has a system port to ask")
    served: dict[str, dict[str, int]] = {}
    for worker in endpoint.workers:
        for component, count in _of_worker(endpoint, worker).items():
            served.setdefault(component, {})[worker.name] = count
    return served


def _of_worker(endpoint: Endpoint, worker: Worker) -> dict[str, int]:
    with endpoint.session() as session:
        answer = session.get(f"{worker.system_url}/metrics", timeout=REQUEST_SECONDS)
    answer.raise_for_status()
    counts: dict[str, int] = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            if sample.name == REQUESTS and sample.labels.get("dynamo_endpoint") == "generate":
                component = sample.labels.get("dynamo_component", "")
                counts[component] = counts.get(component, 0) + int(sample.value)
    return counts
