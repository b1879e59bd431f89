"""The endpoint suite on a real frontend: what it finds, and that no lie passes there either."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.manifest.read import read_graphs
from dynamo_conformance.probes.areas import load_probes
from dynamo_conformance.probes.graph import ServedGraph, served_graph
from dynamo_conformance.probes.probe import Outcome, Probe
from dynamo_conformance.probes.recorder import Address, Recorder
from dynamo_conformance.probes.run import Judge
from dynamo_conformance.targets.local.deployment import LocalTarget
from dynamo_conformance.targets.readiness import wait_ready
from lies import forwarded, lying
from more_lies import LIES
from right_server import on_port
from sandbox import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MANIFEST = REPOSITORY / "examples" / "llm" / "vllm_v1" / "launch" / "k8s" / "agg.yaml"
MODEL = "Qwen/Qwen3-0.6B"
READY_SECONDS = 120.0
REQUIREMENTS = tuple(probe for probe in load_probes() if not probe.disturbs)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with LocalTarget(engine="mock").deploy(read_graphs(MANIFEST)[0]) as deployment:
        wait_ready(deployment, model=MODEL, timeout=READY_SECONDS)
        yield deployment.url


@pytest.fixture(scope="module")
def graph(url: str) -> ServedGraph:
    with Recorder(Address(url=url, model=MODEL)) as recorder:
        return served_graph(recorder, engine="mock")


def outcomes(
    url: str, graph: ServedGraph, probes: Iterable[Probe] = REQUIREMENTS
) -> dict[str, Outcome]:
    with Recorder(Address(url=url, model=MODEL)) as recorder:
        results = Judge(recorder, graph).results(probes)
        return {one.probe.id: one.outcome for one in results}


@pytest.fixture(scope="module")
def own(url: str, graph: ServedGraph) -> dict[str, Outcome]:
    """What the graph does, nobody between."""
    return outcomes(url, graph)


def test_whatever_the_frontend_does_otherwise_is_known(own: dict[str, Outcome]) -> None:
    assert [name for name, outcome in own.items() if outcome is Outcome.FAIL] == []
    assert sum(outcome is Outcome.PASS for outcome in own.values()) > len(REQUIREMENTS) / 2


def test_with_no_lie_the_outcomes_are_the_graphs_own(
    url: str, graph: ServedGraph, own: dict[str, Outcome]
) -> None:
    with on_port(lying(forwarded(url), None)) as between:
        assert outcomes(between, graph) == own


def test_each_lie_fails_something_that_passed(
    url: str, graph: ServedGraph, own: dict[str, Outcome]
) -> None:
    untold, unseen = [], []
    for lie in LIES:
        ids = {name for name in lie.breaks if own[name] is Outcome.PASS}
        passed = [one for one in REQUIREMENTS if one.id in ids]
        if not passed:
            untold.append(lie.name)  # What it is about cannot be shown with this engine.
            continue
        with on_port(lying(forwarded(url), lie)) as between:
            found = outcomes(between, graph, passed)
        if Outcome.FAIL not in found.values():
            unseen.append((lie.name, found))
    assert unseen == []
    assert len(LIES) - len(untold) >= 50
