"""Counters that the workers of the Dynamo runtime keep about themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families

from dynamo_conformance.probes.graph_probe import REQUEST_SECONDS, Endpoint, Unsupported

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.samples import Sample

    from dynamo_conformance.targets.interface import Worker

REQUESTS = "dynamo_component_requests_total"
ROUTED_BY_PREFIX = "dynamo_component_router_kv_selected_cached_prefix_tokens_total"
"""Tokens that the KV router knew to be cached at the workers it chose (Dynamo 1.6.1)."""


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


def tokens_routed_by_prefix(endpoint: Endpoint) -> int:
    """Return how many prompt tokens the frontend's router has sent to where they were cached."""
    samples = _samples(endpoint, endpoint.url, (ROUTED_BY_PREFIX,))
    return sum(int(sample.value) for sample in samples if sample.name == ROUTED_BY_PREFIX)


def worker_counts(endpoint: Endpoint, beginnings: tuple[str, ...]) -> dict[str, float]:
    """Return the workers' metrics whose names begin so, each summed over all workers."""
    counts: dict[str, float] = {}
    for worker in endpoint.workers:
        for sample in _samples(endpoint, worker.system_url, beginnings):
            counts[sample.name] = counts.get(sample.name, 0.0) + sample.value
    return counts


def _of_worker(endpoint: Endpoint, worker: Worker) -> dict[str, int]:
    counts: dict[str, int] = {}
    for sample in _samples(endpoint, worker.system_url, (REQUESTS,)):
        if sample.name == REQUESTS and sample.labels.get("dynamo_endpoint") == "generate":
            component = sample.labels.get("dynamo_component", "")
            counts[component] = counts.get(component, 0) + int(sample.value)
    return counts


def _samples(endpoint: Endpoint, url: str, beginnings: tuple[str, ...]) -> Iterator[Sample]:
    """Yield the samples whose names begin so."""
    with endpoint.session() as session:
        answer = session.get(f"{url}/metrics", timeout=REQUEST_SECONDS)
    answer.raise_for_status()
    # There are hundreds of lines, and parsing a line takes longer than fetching all.
    wanted = "\n".join(line for line in answer.text.splitlines() if line.startswith(beginnings))
    for family in text_string_to_metric_families(f"{wanted}\n"):
        yield from family.samples
