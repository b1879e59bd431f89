"""Workers that are killed under real streams: with a migration limit nobody notices."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dynamo_conformance.engines.features import GraphFeature
from dynamo_conformance.engines.serving import serving
from dynamo_conformance.manifest.read import read_graphs
from dynamo_conformance.probes.areas import load_probes
from dynamo_conformance.probes.graph import served_graph
from dynamo_conformance.probes.probe import Outcome, Profile
from dynamo_conformance.probes.recorder import Address, Recorder
from dynamo_conformance.probes.run import Judge, chosen
from dynamo_conformance.targets.local.deployment import LocalTarget
from dynamo_conformance.targets.readiness import wait_ready, wait_registered
from sandbox import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

    from sandbox import Sandbox

READY_SECONDS = 120.0
EXAMPLE = REPOSITORY / "examples" / "llm" / "vllm_v1" / "launch" / "k8s" / "agg_router.yaml"
LIMIT = '- name: DYN_MIGRATION_LIMIT\n                  value: "3"'


def killed(path: Path) -> dict[str, Outcome]:
    """Return what becomes of streams of a killed worker, whether the manifest promises or not."""
    (graph,) = read_graphs(path)
    known = serving(graph)
    assert known is not None
    promised = replace(known, features=known.features | {GraphFeature.MIGRATION})
    with LocalTarget().deploy(graph) as deployment:
        ready = wait_ready(deployment, model=known.model, timeout=READY_SECONDS)
        for worker in deployment.workers:
            assert worker.system_url
        wait_registered(deployment.url, known.registers)
        address = Address(url=deployment.url, model=ready.model)
        with Recorder(address, workers=deployment.workers, hand=deployment) as recorder:
            judge = Judge(recorder, served_graph(recorder, serving=promised))
            probes = chosen(load_probes(), profile=Profile.CORE, ids=("life.worker-killed",))
            return {probe.id: judge.result(probe).outcome for probe in probes}


def test_streams_of_a_killed_worker_go_on() -> None:
    assert killed(EXAMPLE) == {"life.worker-killed": Outcome.PASS}


def test_without_a_migration_limit_they_end(tmp_path: Path) -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    assert text.count(LIMIT) == 1
    path = tmp_path / "graph.yaml"
    path.write_text(text.replace(LIMIT, LIMIT.replace("3", "0")), encoding="utf-8")
    assert killed(path) == {"life.worker-killed": Outcome.FAIL}


def test_nothing_is_done_to_a_graph_where_life_is_not_named(sandbox: Sandbox) -> None:
    ended = sandbox.pytest("-m", "life", "--collect-only", "-q", str(EXAMPLE))
    assert "life.worker-killed" in ended.text
    ended = sandbox.pytest("-m", "e2e", "--collect-only", "-q", str(EXAMPLE))
    assert "life." not in ended.text
