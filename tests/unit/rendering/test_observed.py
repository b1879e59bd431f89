"""Every pod template the real operator made of the fifteen recorded graphs, field for field."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from conformance.api.cluster import Cluster
from conformance.manifest.read import read_graphs
from conformance.rendering import names
from conformance.rendering.failure import NO_ORCHESTRATOR, NOT_RECONCILED, ReconcileFailure
from conformance.rendering.pod import Workload, render

if TYPE_CHECKING:
    from conformance.manifest.graph import Graph
    from conformance.manifest.node import Plain
    from conformance.rendering.pod import PodTemplate

Object = dict[str, "Plain"]

RECORDED = Path(__file__).parents[2] / "data/observed/render"
INPUTS = sorted(RECORDED.glob("*.input.yaml"))
NAMESPACE = "NAMESPACE"

FAILED = {"07": NOT_RECONCILED, "09": NO_ORCHESTRATOR}
"""Graphs of which the operator made no workload, and why."""

BOOK_KEEPING = ("nvidia.com/last-applied-generation", "nvidia.com/last-applied-hash")
DESCRIBED = "<shell, to be written anew"
SCRIPT = "SCRIPT"

API_DEFAULTS: dict[str, Plain] = {
    "apiVersion": "v1",
    "defaultMode": 0o644,
    "dnsPolicy": "ClusterFirst",
    "hostNetwork": False,
    "imagePullPolicy": "IfNotPresent",
    "protocol": "TCP",
    "resources": {},
    "schedulerName": "default-scheduler",
    "scheme": "HTTP",
    "successThreshold": 1,
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
}
PROBE_DEFAULTS: dict[str, Plain] = {"failureThreshold": 3, "periodSeconds": 10, "timeoutSeconds": 1}
"""What the API server, not the operator, fills in (or leaves out) when it stores a Deployment."""


def code(path: Path) -> str:
    return path.name[:2]


def read(path: Path) -> tuple[Graph, list[Object]]:
    """Return a recorded graph and its objects, our worker hash in place of the operator's."""
    (graph,) = read_graphs(path)
    recorded = path.with_name(path.name.replace(".input.", ".objects."))
    objects = []
    # The recordings were written by PyYAML, to which a bare `n` is text.
    for plain in yaml.safe_load_all(recorded.read_text(encoding="utf-8")):
        assert isinstance(plain, dict)
        objects.append(plain)
    theirs = text(objects[0], "metadata", "annotations", "nvidia.com/current-worker-hash-v2")
    ours = names.worker_hash(graph)
    return graph, [table(renamed(one, theirs, ours)) for one in objects]


def renamed(value: Plain, old: str, new: str) -> Plain:
    if isinstance(value, dict):
        return {key: renamed(item, old, new) for key, item in value.items()}
    if isinstance(value, list):
        return [renamed(item, old, new) for item in value]
    return value.replace(old, new) if isinstance(value, str) else value


def table(value: Plain, *keys: str) -> Object:
    for key in keys:
        assert isinstance(value, dict)
        value = value.get(key, {})
    assert isinstance(value, dict)
    return value


def text(value: Plain, *keys: str) -> str:
    found = table(value, *keys[:-1])[keys[-1]]
    assert isinstance(found, str)
    return found


def normal(value: Plain, *, in_probe: bool = False) -> Plain:
    """Return `value` without what the API server adds when it is stored."""
    if isinstance(value, list):
        return [normal(item) for item in value]
    if not isinstance(value, dict):
        return value
    defaults = {**API_DEFAULTS, **(PROBE_DEFAULTS if in_probe else {})}
    return {
        key: normal(item, in_probe=key.endswith("Probe"))
        for key, item in value.items()
        if not (key in defaults and item == defaults[key]) and key != "serviceAccount"
    }


def workloads(objects: list[Object]) -> dict[str, Object]:
    kinds = ("Deployment", "LeaderWorkerSet")
    return {text(one, "metadata", "name"): one for one in objects if one["kind"] in kinds}


def template(ours: PodTemplate | None) -> Object:
    assert ours is not None
    metadata: Object = {"labels": {**ours.labels}}
    if ours.annotations:
        metadata["annotations"] = {**ours.annotations}
    return {"metadata": metadata, "spec": ours.spec.plain()}


def templates(workload: Workload, theirs: Object) -> list[tuple[Object, Object]]:
    """Return our templates beside the recorded ones."""
    if workload.kind == "Deployment":
        assert workload.follower is None
        return [(template(workload.leader), table(theirs, "spec", "template"))]
    group = table(theirs, "spec", "leaderWorkerTemplate")
    return [
        (template(workload.leader), table(group, "leaderTemplate")),
        (template(workload.follower), table(group, "workerTemplate")),
    ]


def without_scripts(ours: Object, theirs: Object) -> None:
    """Put one word in place of scripts that the record only describes."""
    main, recorded = (first_container(one) for one in (ours, theirs))
    described, script = recorded.get("args"), main.get("args")
    if isinstance(described, list) and str(described[0]).startswith(DESCRIBED):
        assert isinstance(script, list)
        assert [type(one) for one in script] == [str]
        main["args"] = recorded["args"] = SCRIPT


def first_container(pod: Object) -> Object:
    containers = table(pod, "spec")["containers"]
    assert isinstance(containers, list)
    return table(containers[0])


def by_code(*, failed: bool) -> list[Path]:
    return [path for path in INPUTS if (code(path) in FAILED) is failed]


def test_all_records_are_here() -> None:
    assert [code(path) for path in INPUTS] == [f"{number:02}" for number in range(1, 16)]


@pytest.mark.parametrize("path", by_code(failed=False), ids=code)
def test_pod_templates(path: Path) -> None:
    graph, objects = read(path)
    recorded = workloads(objects)
    for workload in render(graph, namespace=NAMESPACE, cluster=Cluster(lws=code(path) > "10")):
        for ours, theirs in templates(workload, recorded[workload.name]):
            without_scripts(ours, theirs)
            assert normal(ours) == normal(theirs)


@pytest.mark.parametrize("path", by_code(failed=False), ids=code)
def test_workloads(path: Path) -> None:
    graph, objects = read(path)
    recorded = workloads(objects)
    ours = render(graph, namespace=NAMESPACE, cluster=Cluster(lws=code(path) > "10"))
    assert sorted(one.name for one in ours) == sorted(recorded)
    for one in ours:
        theirs = recorded[one.name]
        spec = table(theirs, "spec")
        annotations = table(theirs, "metadata", "annotations")
        assert one.kind == theirs["kind"]
        assert one.labels == table(theirs, "metadata", "labels")
        assert one.annotations == {
            key: value for key, value in annotations.items() if key not in BOOK_KEEPING
        }
        assert one.replicas == spec["replicas"]
        assert one.selector == table(spec, "selector", "matchLabels")
        assert one.size == table(spec, "leaderWorkerTemplate").get("size", 1)


@pytest.mark.parametrize("path", by_code(failed=False), ids=code)
def test_services_are_named(path: Path) -> None:
    graph, objects = read(path)
    recorded = {text(one, "metadata", "name") for one in objects if one["kind"] == "Service"}
    generation = names.worker_hash(graph)
    ours = {
        names.service_name(names.workload_name(graph, one, worker_hash=generation))
        for one in graph.components
    }
    assert ours == {name for name in recorded if not name.startswith("dynamo-model-")}
    assert graph.frontend is not None
    assert names.frontend_service(graph, graph.frontend) in recorded


@pytest.mark.parametrize("path", by_code(failed=True), ids=code)
def test_graphs_that_fail(path: Path) -> None:
    graph, objects = read(path)
    assert workloads(objects) == {}
    with pytest.raises(ReconcileFailure) as caught:
        render(graph, namespace=NAMESPACE)
    assert caught.value.reason == FAILED[code(path)]


def test_both_versions_of_a_graph_are_one_generation() -> None:
    hashes = {names.worker_hash(read(path)[0]) for path in INPUTS if "agg-minimal" in path.name}
    assert len(hashes) == 1
