"""Overlays: what kustomize makes of them is published, lints clean, and reaches the pods."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from dynamo_conformance.lint.check import check_bytes
from dynamo_conformance.lint.options import LintOptions
from dynamo_conformance.manifest.prerequisites import documents_in, graphs_in
from dynamo_conformance.manifest.read import read_graph
from dynamo_conformance.rendering.pod import render

if TYPE_CHECKING:
    from dynamo_conformance.rendering.pod import Workload

EXAMPLES = Path(__file__).parents[3] / "examples" / "llm"
ENGINES = sorted(path.parent for path in EXAMPLES.glob("*/overlays"))
OVERLAYS = sorted(path.parent for path in EXAMPLES.glob("*/overlays/*/kustomization.yaml"))
NAME = "nvidia.com/dynamo-graph-deployment-name"
AS_WRITTEN = ("affinity", "securityContext", "terminationGracePeriodSeconds")
"""What of a pod the operator must not change."""

pytestmark = pytest.mark.skipif(which("kubectl") is None, reason="kubectl renders overlays")

Objects = dict[tuple[str, str], dict[str, Any]]
"""Objects by their kinds and names."""


@cache
def rendered(overlay: Path) -> str:
    words = ["kubectl", "kustomize", str(overlay)]
    done = subprocess.run(words, capture_output=True, check=False, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def objects(text: str) -> Objects:
    return {
        (each["kind"], each["metadata"]["name"]): each for each in yaml.safe_load_all(text) if each
    }


def workloads(overlay: Path) -> tuple[Workload, ...]:
    (document,) = graphs_in(documents_in(rendered(overlay), file="overlay.yaml"))
    return render(read_graph(document), namespace="default")


def of(path: Path) -> str:
    return path.relative_to(EXAMPLES).as_posix()


def test_each_engine_has_its_overlays() -> None:
    assert [path.name for path in ENGINES] == ["sglang", "tensorrt_llm", "vllm_v1"]
    assert len(OVERLAYS) == 2 * len(ENGINES)


@pytest.mark.parametrize("engine", ENGINES, ids=of)
def test_production_is_what_its_overlay_makes(engine: Path) -> None:
    published = (engine / "launch/k8s/production.yaml").read_text(encoding="utf-8")
    assert objects(published) == objects(rendered(engine / "overlays/production"))


@pytest.mark.parametrize("overlay", OVERLAYS, ids=of)
def test_an_overlay_lints_clean(overlay: Path) -> None:
    checked = check_bytes(rendered(overlay).encode(), file="overlay.yaml", options=LintOptions())
    assert [str(finding) for document in checked for finding in document.findings] == []
    assert any(document.name for document in checked)


@pytest.mark.parametrize("overlay", OVERLAYS, ids=of)
def test_each_budget_finds_the_pods_of_one_component(overlay: Path) -> None:
    budgets = [each for (kind, _), each in objects(rendered(overlay)).items() if "Budget" in kind]
    found = []
    for budget in budgets:
        labels = budget["spec"]["selector"]["matchLabels"].items()
        matching = [each for each in workloads(overlay) if labels <= each.leader.labels.items()]
        found += [(each.component.name, each.replicas > 1) for each in matching]
    assert sorted(found) == sorted((each.component.name, True) for each in workloads(overlay))


@pytest.mark.parametrize("overlay", OVERLAYS, ids=of)
def test_what_production_adds_reaches_the_pods(overlay: Path) -> None:
    for workload in workloads(overlay):
        written = workload.component.pod_spec
        assert written is not None
        pod = workload.leader.spec
        for key in AS_WRITTEN:
            assert written.get(key) is not None, key
            assert pod.get(key) == written.get(key), key
        template = workload.leader
        assert template.labels[NAME] in str(written.get("affinity"))
        assert template.annotations["prometheus.io/scrape"] == "true"
        ports = [port.integer("containerPort") for port in template.main.node.mappings("ports")]
        assert int(template.annotations["prometheus.io/port"]) in ports
        hooked = template.main.node.mapping("lifecycle") is not None
        assert hooked == (workload.component.name == "Frontend")


@pytest.mark.parametrize("engine", ENGINES, ids=of)
def test_rdma_adds_devices_and_pinned_memory_to_workers_alone(engine: Path) -> None:
    without = objects(rendered(engine / "overlays/production"))
    made = objects(rendered(engine / "overlays/production_rdma"))
    (graph,) = (each for (kind, _), each in made.items() if kind == "DynamoGraphDeployment")
    for component in graph["spec"]["components"][1:]:
        (container,) = component["podTemplate"]["spec"]["containers"]
        assert container["resources"]["limits"].pop("rdma/ib") == "1"
        assert container["securityContext"]["capabilities"].pop("add") == ["IPC_LOCK"]
        assert container["securityContext"].pop("runAsUser") == 0
        assert container["securityContext"].pop("runAsNonRoot") is False
    assert made == without


@pytest.mark.parametrize("engine", ENGINES, ids=of)
def test_the_job_fills_the_volume_with_the_model_that_is_served(engine: Path) -> None:
    volume, job = objects((engine / "overlays/model_cache.yaml").read_text("utf-8")).values()
    pod = job["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    (model,) = container["args"]
    name = volume["metadata"]["name"]
    (graph,) = (
        each
        for (kind, _), each in objects(rendered(engine / "overlays/production")).items()
        if kind == "DynamoGraphDeployment"
    )
    frontend, *workers = graph["spec"]["components"]
    assert [each["podTemplate"]["spec"]["containers"][0]["args"][1] for each in workers] == [
        model,
        model,
    ]
    for spec in (pod, *(each["podTemplate"]["spec"] for each in (frontend, *workers))):
        assert {"claimName": name} in [
            each.get("persistentVolumeClaim") for each in spec["volumes"]
        ]
        (variables,) = (each["env"] for each in spec["containers"])
        home = next(each["value"] for each in variables if each["name"] == "HF_HOME")
        assert home in [each["mountPath"] for each in spec["containers"][0]["volumeMounts"]]
