"""`dynamo deploy --target local`: what it writes answers, and ends the way a person ends it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
import requests

from dynamo_conformance.engines.serving import serving
from dynamo_conformance.manifest.read import read_graphs
from dynamo_conformance.targets.local.local_script import run_script
from dynamo_conformance.targets.readiness import wait_ready
from sandbox import REPOSITORY, SECONDS

if TYPE_CHECKING:
    from pathlib import Path

    from dynamo_conformance.manifest.graph import Graph
    from dynamo_conformance.targets.interface import Worker
    from sandbox import Sandbox

PUBLISHED = REPOSITORY / "tests" / "unit" / "deploy" / "published"
KEYS_FILE = "hf-token-secret.env"
READY_SECONDS = 120.0


def written(sandbox: Sandbox, *words: str) -> tuple[Path, Graph]:
    """Write a script, and the manifest of the same graph."""
    for target in ("local", "k8s"):
        ended = sandbox.dynamo("deploy", *words, "--target", target, "--out-dir", target)
        assert ended.code == 0, ended.text
    (sandbox.folder / "local" / KEYS_FILE).write_text("HF_TOKEN=none\n", encoding="utf-8")
    manifest = next((sandbox.folder / "k8s").glob("*.yaml"))
    return next((sandbox.folder / "local").glob("*.sh")), read_graphs(manifest)[0]


def requests_of(worker: Worker) -> float:
    """Return how many requests a worker has counted; none while it still starts."""
    try:
        text = requests.get(f"{worker.system_url}/metrics", timeout=10).text
    except requests.ConnectionError:
        return 0.0
    lines = [one for one in text.splitlines() if "component_requests_total{" in one]
    return sum(float(one.rpartition(" ")[2]) for one in lines if '"generate"' in one)


def answers(script: Path, graph: Graph) -> float:
    """Run a script until its graph answers; return how many requests the workers then counted."""
    promised = serving(graph)
    assert promised is not None
    with run_script(script, serving=promised) as deployment:
        wait_ready(deployment, model=promised.model, timeout=READY_SECONDS)
        counted = sum(requests_of(worker) for worker in deployment.workers)
        deployment.interrupt()
        return counted


@pytest.mark.parametrize("name", ["agg", "disagg_router"])
def test_a_published_graph_written_as_a_script_answers(name: str, sandbox: Sandbox) -> None:
    script, graph = written(sandbox, "-f", str(PUBLISHED / f"{name}.yaml"))
    assert answers(script, graph) >= 3
    assert sandbox.left_behind() == []


def test_the_manifest_passes_every_check_of_the_plugin(sandbox: Sandbox) -> None:
    written(sandbox, "-f", str(PUBLISHED / "disagg.yaml"))
    ended = sandbox.pytest("k8s/vllm-disagg.yaml", "--dynamo-target=local", "-v")
    assert ended.code == 0, ended.text
    assert "vllm-disagg.yaml::lint PASSED" in ended.text
    assert "vllm-disagg.yaml::local::" in ended.text


def test_an_alternative_of_the_proposal_answers(sandbox: Sandbox) -> None:
    """The three of them give the same script, tests/unit/deploy tells."""
    config = REPOSITORY / "examples" / "deploy" / "one_file" / "config.yaml"
    script, graph = written(sandbox, "-f", str(config))
    promised = serving(graph)
    assert promised is not None
    with run_script(script, serving=promised) as deployment:
        wait_ready(deployment, model=promised.model, timeout=READY_SECONDS)


def test_a_script_without_its_secret_says_so(sandbox: Sandbox) -> None:
    script, graph = written(sandbox, "-f", str(PUBLISHED / "agg.yaml"))
    (script.parent / KEYS_FILE).unlink()
    with run_script(script, serving=serving(graph)) as deployment:
        deadline = time.monotonic() + SECONDS
        while deployment.process.exit_code() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        assert deployment.process.exit_code() == 1
        assert f"{KEYS_FILE} is missing: write the keys" in "\n".join(deployment.process.tail())
