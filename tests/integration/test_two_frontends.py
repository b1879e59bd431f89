"""Two real frontends behind one address: routing is proven of both, and nothing passes by luck."""

from __future__ import annotations

import re
from contextlib import contextmanager
from itertools import cycle
from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.engines.serving import serving
from dynamo_conformance.manifest.read import read_graphs
from dynamo_conformance.probes.areas import load_probes
from dynamo_conformance.probes.graph import served_graph
from dynamo_conformance.probes.probe import Feature, Outcome, Result
from dynamo_conformance.probes.recorder import Address, Recorder
from dynamo_conformance.probes.run import Judge
from dynamo_conformance.targets.local.deployment import LocalTarget
from dynamo_conformance.targets.readiness import wait_ready, wait_registered
from lies import forwarded
from right_server import on_port
from sandbox import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EXAMPLES = REPOSITORY / "examples" / "llm" / "vllm_v1" / "launch" / "k8s"
MODEL = "Qwen/Qwen3-0.6B"
READY_SECONDS = 120.0
ONE, TWO = "type: frontend\n      replicas: 1", "type: frontend\n      replicas: 2"
SECOND = re.compile(r"Frontend-1: port 8000 -> (\d+)")


@contextmanager
def served(example: str, folder: Path, *, router: str = "kv") -> Iterator[str]:
    """Serve an example with two frontends, and yield an address that leads to each in turn."""
    text = (EXAMPLES / f"{example}.yaml").read_text(encoding="utf-8")
    assert text.count(ONE) == text.count("value: kv\n") == 1
    path = folder / f"{example}.yaml"
    path.write_text(text.replace(ONE, TWO).replace("value: kv\n", f"value: {router}\n"))
    (graph,) = read_graphs(path)
    promised = serving(graph)
    assert promised is not None
    with LocalTarget(engine="mock").deploy(graph) as deployment:
        wait_ready(deployment, model=MODEL, timeout=READY_SECONDS)
        (port,) = (
            match[1] for change in deployment.changes if (match := SECOND.match(str(change)))
        )
        urls = (deployment.url, f"http://127.0.0.1:{port}")
        for each in urls:
            wait_registered(each, promised.registers)
        turns = cycle(forwarded(each) for each in urls)
        with on_port(lambda *asked: next(turns)(*asked)) as url:  # noqa: PLW0108 - in turn
            yield url


def results(url: str, *promised: Feature) -> dict[str, Result]:
    """Return what becomes of the probes of the area."""
    with Recorder(Address(url=url, model=MODEL)) as recorder:
        features = frozenset({Feature.TEXT, *promised})
        judge = Judge(recorder, served_graph(recorder, engine="mock", promised=features))
        area = [probe for probe in load_probes() if probe.area == "routing"]
        return {result.probe.id: result for result in judge.results(area)}


def wrong(judged: dict[str, Result]) -> dict[str, tuple[Outcome, str]]:
    """Return those that did not pass, with why."""
    return {
        name: (result.outcome, result.reason or result.got)
        for name, result in judged.items()
        if result.outcome is not Outcome.PASS
    }


@pytest.mark.parametrize(
    ("example", "promised"),
    [
        ("agg_router", (Feature.KV_ROUTER,)),
        ("disagg_router", (Feature.KV_ROUTER, Feature.DISAGGREGATED)),
    ],
)
def test_routing_is_proven_of_both(
    example: str, promised: tuple[Feature, ...], tmp_path: Path
) -> None:
    with served(example, tmp_path) as url:
        failed = wrong(results(url, *promised))
    if Feature.DISAGGREGATED not in promised:
        assert failed.pop("routing.disaggregated")[0] is Outcome.UNSUPPORTED
    assert failed == {}


def test_frontends_that_take_turns_fail_what_a_router_promises(tmp_path: Path) -> None:
    with served("agg_router", tmp_path, router="round-robin") as url:
        failed = wrong(results(url, Feature.KV_ROUTER, Feature.DISAGGREGATED))
    assert failed.keys() == {"routing.prefix", "routing.prefix-known", "routing.disaggregated"}
    for name in ("routing.prefix", "routing.disaggregated"):
        assert failed[name][0] is Outcome.FAIL
