"""The mock engine and the engine itself, asked the same: what one shows, the other shows too."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.engines.serving import Serving, serving
from dynamo_conformance.manifest.read import read_graphs
from dynamo_conformance.probes.areas import load_probes
from dynamo_conformance.probes.areas.graph import of_workers
from dynamo_conformance.probes.graph import served_graph
from dynamo_conformance.probes.probe import Outcome, Profile
from dynamo_conformance.probes.recorder import Address, Recorder
from dynamo_conformance.probes.run import Judge, chosen
from dynamo_conformance.targets import CPU, MOCK
from dynamo_conformance.targets.local.deployment import LocalTarget
from dynamo_conformance.targets.readiness import wait_ready
from sandbox import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dynamo_conformance.probes.probe import Result

EXAMPLE = REPOSITORY / "examples" / "llm" / "vllm_v1" / "launch" / "k8s" / "agg.yaml"
SECONDS = 400.0
BAD_REQUEST = 400
SHOWN = (Outcome.PASS, Outcome.DEVIATION, Outcome.FAIL)
ENOUGH = 40
"""How many refusals there are at least to be held against each other."""

MOCKERS_OWN = {
    # It publishes KV events whenever it caches prefixes; an engine does where it is asked to.
    "dynamo_component_kv_publisher_engines_dropped_events_total",
    # What vLLM's metric was called before 0.11.
    "vllm:gpu_cache_usage_perc",
}
"""Metrics of Dynamo's mocker that vLLM's worker does not have, and that nothing switches off."""

METRIC = re.compile(r"^(vllm:\w+|dynamo_\w+?)(?:_bucket|_sum|_count|_created)?[{ ]", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Judged:
    """What an engine showed."""

    results: Mapping[str, Result]
    refusals: Mapping[str, tuple[int, str]]
    metrics: frozenset[str]


def judged(engine: str) -> Judged:
    """Serve the example with an engine, and ask everything."""
    (graph,) = read_graphs(EXAMPLE)
    known = serving(graph)
    assert isinstance(known, Serving)
    with LocalTarget(engine=engine).deploy(graph) as deployment:
        ready = wait_ready(deployment, model=known.model, timeout=SECONDS)
        address = Address(url=deployment.url, model=ready.model, timeout=60.0)
        with Recorder(address, workers=deployment.workers) as recorder:
            name = MOCK if engine == MOCK else "vllm"
            judge = Judge(recorder, served_graph(recorder, engine=name, serving=known))
            probes = chosen(load_probes(), profile=Profile.EXTENDED, ids=())
            results = {probe.id: judge.result(probe) for probe in probes}
            refusals = {
                name: (exchange.status, exchange.text)
                for name, exchange in recorder.exchanges.items()
                if exchange.status >= BAD_REQUEST
            }
            texts = [each.text for each in recorder.ask_workers(of_workers("counters"))]
    metrics = frozenset(name for text in texts for name in METRIC.findall(text))
    return Judged(results, refusals, metrics)


@pytest.fixture(scope="module")
def both() -> tuple[Judged, Judged]:
    return judged(MOCK), judged(CPU)


def test_they_come_to_the_same_outcome(both: tuple[Judged, Judged]) -> None:
    mock, engine = both
    others = {
        name: (str(result.outcome), str(engine.results[name].outcome))
        for name, result in mock.results.items()
        if result.outcome in SHOWN
        and engine.results[name].outcome in SHOWN
        and result.outcome != engine.results[name].outcome
    }
    assert others == {}


def test_the_engine_fails_nothing(both: tuple[Judged, Judged]) -> None:
    failed = [name for name, each in both[1].results.items() if each.outcome is Outcome.FAIL]
    assert failed == []


def test_the_engine_shows_what_the_mock_passes_over(both: tuple[Judged, Judged]) -> None:
    mock, engine = both
    more = [
        name
        for name, result in engine.results.items()
        if result.outcome is Outcome.PASS and mock.results[name].outcome is Outcome.UNSUPPORTED
    ]
    for name in ("sampling.seed", "sampling.n", "sampling.logprobs", "tools.required"):
        assert name in more
    # Which schemas random weights fill before the last token differs from machine to machine.
    assert any(name.startswith("structured.") for name in more)


def test_they_refuse_alike(both: tuple[Judged, Judged]) -> None:
    mock, engine = both
    names = mock.refusals.keys() & engine.refusals.keys()
    assert len(names) > ENOUGH
    others = {
        name: (mock.refusals[name], engine.refusals[name])
        for name in sorted(names)
        if plain(mock.refusals[name]) != plain(engine.refusals[name])
    }
    assert others == {}


def plain(refusal: tuple[int, str]) -> tuple[int, str]:
    """Return a refusal without what is of its request alone: ids, and counts of tokens."""
    status, text = refusal
    return status, re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{32}|\d+", "N", text)


def test_the_mock_counts_nothing_that_the_engine_does_not(both: tuple[Judged, Judged]) -> None:
    mock, engine = both
    assert mock.metrics
    assert mock.metrics - engine.metrics == MOCKERS_OWN
