"""What the frontend lists: the served model alone, and the promised workers, each in its role."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING

from dynamo_conformance.engines.role import COMPONENTS
from dynamo_conformance.probes.graph_probe import (
    REQUEST_SECONDS,
    Endpoint,
    GraphProbe,
    expect,
    promised,
)

if TYPE_CHECKING:
    from collections.abc import Iterable


SECONDS = 10.0
"""How long the last worker may take after the first answers."""

POLL_SECONDS = 0.2


def models(endpoint: Endpoint) -> None:
    """The list holds the served id, once, and nothing else."""
    repeat = endpoint.curl("/v1/models")
    with endpoint.session() as session:
        answer = session.get(f"{endpoint.url}/v1/models", timeout=REQUEST_SECONDS)
    expect(answer.ok, f"/v1/models is answered {answer.status_code}", repeat=repeat)
    ids = [model["id"] for model in answer.json()["data"]]
    text = f"/v1/models lists {ids}, expected exactly {endpoint.model}"
    expect(ids == [endpoint.model], text, repeat=repeat)


def roles(endpoint: Endpoint) -> None:
    """As many workers have registered in each role as the manifest promises.

    A prefill worker without its flag registers as one that does everything, and the graph answers
    all the same.
    """
    assert endpoint.serving is not None  # noqa: S101 - `applies` checks it
    wanted = endpoint.serving.registers
    deadline = time.monotonic() + SECONDS
    registered = _registered(endpoint, wanted)
    while not _fits(registered, wanted) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
        registered = _registered(endpoint, wanted)
    text = f"registered are {_text(registered)}; the manifest promises {_promised(wanted)}"
    expect(_fits(registered, wanted), text, repeat=endpoint.curl("/health"))


def instances(endpoint: Endpoint) -> dict[str, int]:
    """Return how many instances that answer prompts the frontend knows, by Dynamo component."""
    with endpoint.session() as session:
        health = session.get(f"{endpoint.url}/health", timeout=REQUEST_SECONDS).json()
    return dict(
        Counter(
            instance["component"]
            for instance in health["instances"]
            if instance["endpoint"] == "generate"
        )
    )


def _registered(endpoint: Endpoint, wanted: Iterable[str]) -> dict[str, int]:
    """Return how many workers the frontend knows, by their Dynamo component.

    What is neither promised nor a worker's component is somebody's own, or the planner.
    """
    of_workers = {*COMPONENTS.values(), *wanted}
    return {name: count for name, count in instances(endpoint).items() if name in of_workers}


def _fits(registered: dict[str, int], wanted: dict[str, tuple[int, int]]) -> bool:
    if registered.keys() != wanted.keys():
        return False
    return all(fewest <= registered[name] <= most for name, (fewest, most) in wanted.items())


def _text(registered: dict[str, int]) -> str:
    return (
        ", ".join(f"{count} {name}" for name, count in sorted(registered.items())) or "no workers"
    )


def _promised(wanted: dict[str, tuple[int, int]]) -> str:
    counts = {
        name: str(fewest) if fewest == most else f"{fewest} to {most}"
        for name, (fewest, most) in wanted.items()
    }
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))


PROBES = (
    GraphProbe(id="models", run=models),
    GraphProbe(id="roles", run=roles, applies=promised(lambda serving: bool(serving.registers))),
)
