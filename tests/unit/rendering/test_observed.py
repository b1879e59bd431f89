"""Every pod template the real operator made of the fifteen recorded graphs, field for field."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from dynamo_conformance.api.cluster_parts import Cluster
from dynamo_conformance.kube.resources import Owner
from dynamo_conformance.manifest.document import Document
from dynamo_conformance.manifest.node import Mapping, from_plain
from dynamo_conformance.manifest.read import read_graph, read_graphs
from dynamo_conformance.operator.objects.graph_objects import RenderContext, graph_objects
from dynamo_conformance.operator.objects.last_applied import LAST_HASH
from dynamo_conformance.operator.objects.multinode import SshKey
from dynamo_conformance.rendering import names
from dynamo_conformance.rendering.pod import Workload, render
from dynamo_conformance.rendering.reconcile_failure import (
    NO_ORCHESTRATOR,
    NOT_RECONCILED,
    ReconcileFailure,
)

if TYPE_CHECKING:
    from dynamo_conformance.kube.resources import KubeObject
    from dynamo_conformance.manifest.graph import Graph
    from dynamo_conformance.manifest.node import Plain
    from dynamo_conformance.operator.objects.graph_objects import GraphObjects
    from dynamo_conformance.rendering.pod import PodTemplate

Object = dict[str, "Plain"]

RECORDED = Path(__file__).parents[2] / "data/observed/render"
INPUTS = sorted(RECORDED.glob("*.input.yaml"))
NAMESPACE = "NAMESPACE"

FAILED = {"07": NOT_RECONCILED, "09": NO_ORCHESTRATOR}
"""Graphs of which the operator made no workload, and why."""

DESCRIBED = "<shell, to be written anew"
SCRIPT = "SCRIPT"

API_DEFAULTS: dict[str, Plain] = {
    "apiVersion": "v1",
    "defaultMode": 0o644,
    "dnsPolicy": "ClusterFirst",
    "hostNetwork": False,
    "imagePullPolicy": "IfNotPresent",
    "internalTrafficPolicy": "Cluster",
    "ipFamilies": ["IPv4"],
    "ipFamilyPolicy": "SingleStack",
    "progressDeadlineSeconds": 600,
    "protocol": "TCP",
    "resources": {},
    "revisionHistoryLimit": 10,
    "schedulerName": "default-scheduler",
    "scheme": "HTTP",
    "sessionAffinity": "None",
    "successThreshold": 1,
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
    "type": "ClusterIP",
    "volumeMode": "Filesystem",
}
DERIVED = ("clusterIPs", "finalizers", "serviceAccount")
"""What it makes of other fields."""

PROBE_DEFAULTS: dict[str, Plain] = {"failureThreshold": 3, "periodSeconds": 10, "timeoutSeconds": 1}
"""What the API server, not the operator, fills in (or leaves out) when it stores an object."""


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
        if not (key in defaults and item == defaults[key]) and key not in DERIVED
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


def rendered(path: Path, graph: Graph) -> GraphObjects:
    around = RenderContext(
        namespace=NAMESPACE,
        owner=Owner(name=graph.name, uid="UID"),
        cluster=Cluster(lws=code(path) > "10"),
        ssh_key=SshKey(private=b"private", public=b"public"),
        # The one claim that the recorder, not the operator, had made.
        claims=("model-cache",),
    )
    return graph_objects(graph, around)


def key(one: Object) -> tuple[str, str]:
    return text(one, "kind"), text(one, "metadata", "name")


def is_made_for_pods(one: Object) -> bool:
    """Whether it is neither the graph, nor the layer below it, nor what was there before."""
    if one["kind"] in ("DynamoGraphDeployment", "DynamoComponentDeployment"):
        return False
    return one["kind"] != "PersistentVolumeClaim" or "ownerReferences" in table(one, "metadata")


def comparable(one: Object) -> Object:
    """Return an object without what differs by its nature, and what others write on it."""
    found = table(normal(one))
    metadata = table(found, "metadata")
    annotations = {
        name: "HASH" if name == LAST_HASH and re.fullmatch("[0-9a-f]{64}", str(value)) else value
        for name, value in table(metadata, "annotations").items()
        if not name.startswith("volume.")
    }
    owners = metadata.get("ownerReferences", [])
    assert isinstance(owners, list)
    wanted: Object = {
        "name": metadata["name"],
        "labels": metadata.get("labels", {}),
        "annotations": {**annotations},
        "owners": [owner(reference) for reference in owners],
    }
    if found["kind"] in ("ConfigMap", "Secret"):
        found["data"] = dict.fromkeys(table(found, "data"), "DATA")
    return {**found, "metadata": wanted}


def owner(reference: Plain) -> Plain:
    """Return who owns an object; the layer that we leave out counts as the graph."""
    kept = {name: value for name, value in table(reference).items() if name != "uid"}
    if kept["kind"] in ("DynamoGraphDeployment", "DynamoComponentDeployment"):
        kept["kind"] = kept["name"] = "GRAPH"
    return kept


def pods(one: Object) -> list[Object]:
    if one["kind"] == "Deployment":
        return [table(one, "spec", "template")]
    group = table(one, "spec", "leaderWorkerTemplate")
    return [table(group, "leaderTemplate"), table(group, "workerTemplate")]


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


@pytest.mark.parametrize("path", INPUTS, ids=code)
def test_objects(path: Path) -> None:
    """Every object but the graph itself, whole; none is missing and none is more."""
    graph, objects = read(path)
    assert_recorded(rendered(path, graph).objects, objects)


@pytest.mark.parametrize("path", INPUTS, ids=code)
def test_objects_of_the_graph_as_it_is_stored(path: Path) -> None:
    """The same, from what the API server holds: v1beta1, with v1alpha1's own words in a note."""
    _, objects = read(path)
    root = from_plain(objects[0])
    assert isinstance(root, Mapping)
    graph = read_graph(Document(file=path.name, index=0, root=root))
    theirs = text(objects[0], "metadata", "annotations", "nvidia.com/current-worker-hash-v2")
    ours = names.worker_hash(graph)
    recorded = [table(renamed(one, theirs, ours)) for one in objects]
    assert_recorded(rendered(path, graph).objects, recorded)


def assert_recorded(made: tuple[KubeObject, ...], objects: list[Object]) -> None:
    recorded = {key(one): one for one in objects if is_made_for_pods(one)}
    assert {one.namespace for one in made} == {NAMESPACE}
    ours = {key(one): one for one in made}
    assert sorted(ours) == sorted(recorded)
    for at, theirs in recorded.items():
        mine, expected = comparable(ours[at]), comparable(theirs)
        if at[0] in ("Deployment", "LeaderWorkerSet"):
            for one, other in zip(pods(mine), pods(expected), strict=True):
                without_scripts(one, other)
        assert mine == expected, at


@pytest.mark.parametrize("path", by_code(failed=False), ids=code)
def test_requests_go_to_the_recorded_frontend(path: Path) -> None:
    graph, objects = read(path)
    assert graph.frontend is not None
    name = names.frontend_service(graph, graph.frontend)
    assert ("Service", name) in {key(one) for one in objects}


@pytest.mark.parametrize("path", by_code(failed=True), ids=code)
def test_graphs_that_fail(path: Path) -> None:
    graph, objects = read(path)
    assert workloads(objects) == {}
    with pytest.raises(ReconcileFailure) as caught:
        render(graph, namespace=NAMESPACE)
    assert caught.value.reason == FAILED[code(path)]
    failure = rendered(path, graph).failure
    assert failure is not None
    assert failure.reason == FAILED[code(path)]


def test_both_versions_of_a_graph_are_one_generation() -> None:
    hashes = {names.worker_hash(read(path)[0]) for path in INPUTS if "agg-minimal" in path.name}
    assert len(hashes) == 1
