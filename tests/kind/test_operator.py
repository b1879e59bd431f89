"""The reference operator in a live cluster: what it makes, how it says so, and how it comes back.

`DYN_CONFORMANCE_KUBECONFIG` names a cluster with the CRDs; without it the fixture `kubeconfig`
gives one. Where the operator does not run in the cluster, its controller runs on this machine.
"""

from __future__ import annotations

import os
import re
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
import yaml
from operator_cluster import CRDS, Cluster, RunningOperator

from dynamo_conformance.kube.labels import OPERATOR, PART, WORLD
from dynamo_conformance.kube.resources import (
    ADAPTERS,
    CLAIMS,
    DEPLOYMENTS,
    NAMESPACES,
    PODS,
    SERVICES,
    KubeObject,
    table,
)
from dynamo_conformance.manifest.document import KIND
from dynamo_conformance.operator.objects.last_applied import LAST_HASH
from dynamo_conformance.rendering.labels import GRAPH

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.manifest.node import Plain

Body = dict[str, "Plain"]

RECORDED = Path(__file__).parents[1] / "data/observed/render"
CURRENT_HASH = "nvidia.com/current-worker-hash-v2"
SPEC_NOTE = "nvidia.com/dgd-spec"

IN_ANY_CLUSTER = ("03", "04", "05", "08", "10")
IN_OLD_WORDS = ("01", "02", "06", "07", "15")
WITHOUT_GROUPS = ("09",)
WITH_GROUPS = ("11", "12", "13", "14")

HEALTHZ = "{host: 127.0.0.1, port: 10248, path: /healthz}"
"""The kubelet's own; it answers where `pause` does not."""


@pytest.fixture(scope="module")
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    named = os.environ.get("DYN_CONFORMANCE_KUBECONFIG")
    found = Cluster(Path(named) if named else Path(request.getfixturevalue("kubeconfig")))
    yield found
    found.close()


@pytest.fixture(scope="module")
def operator(cluster: Cluster) -> Iterator[RunningOperator]:
    running = RunningOperator(cluster)
    yield running
    if not running.is_in_cluster:
        running.kill()


@pytest.fixture
def namespace(cluster: Cluster, operator: RunningOperator) -> Iterator[str]:
    operator.start()
    name = f"dyn-operator-{secrets.token_hex(3)}"
    metadata: Body = {"name": name, "labels": {PART: WORLD}}
    cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}, NAMESPACES)
    yield name
    cluster.delete_namespace(name)


@pytest.fixture(scope="module")
def has_groups(cluster: Cluster) -> bool:
    listed = (cluster.get("/apis") or {}).get("groups")
    names = {table(one).get("name") for one in (listed if isinstance(listed, list) else [])}
    return {"leaderworkerset.x-k8s.io", "scheduling.volcano.sh"} <= names


@pytest.fixture(scope="module")
def converts(cluster: Cluster) -> bool:
    """Whether the API server can take v1alpha1 without losing what v1beta1 has no word for."""
    crd = cluster.get(CRDS.path(None, "dynamographdeployments.nvidia.com")) or {}
    return table(table(crd["spec"]).get("conversion")).get("strategy") == "Webhook"


@pytest.fixture(scope="module")
def pause(cluster: Cluster) -> Idler:
    """The image that every node has, and the program in it that does nothing, for ever."""
    image = cluster.node_image("pause:")
    if image is None:
        pytest.skip("no node here, so nothing can run: a control plane by itself")
    pods = [cluster.create(idle_pod(image, program), PODS) for program in PROGRAMS]
    try:
        found = cluster.wait("a pod that idles", lambda: cluster.running(pods), seconds=240)
    finally:
        for pod in pods:
            cluster.delete(pod)
    return Idler(image=image, program=PROGRAMS[found[0]])


@dataclass(frozen=True)
class Idler:
    """What runs in a pod and does nothing."""

    image: str
    program: str


NOWHERE = Idler(image="none/none:1.6.1", program="/none")
"""An image that no node has, for pods that need not run."""

PROGRAMS = ("/pause", "/usr/local/bin/pause")
"""Where that image has its program; who built it decides."""


def idle_pod(image: str, program: str) -> Body:
    name = f"dyn-operator-idle-{secrets.token_hex(3)}"
    metadata: Body = {"name": name, "namespace": "default", "labels": {PART: WORLD}}
    container: Body = {"name": "main", "image": image, "command": [program]}
    spec: Body = {"containers": [container], "restartPolicy": "Never"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def small(idler: Idler = NOWHERE, *, replicas: int = 1, word: str = "a", extra: str = "") -> Body:
    """Return a graph whose pods become ready without doing anything."""
    text = f"""
apiVersion: nvidia.com/v1beta1
kind: DynamoGraphDeployment
spec:
  components:
  - name: Idle
    podTemplate: {{spec: {{terminationGracePeriodSeconds: 0, containers: [
      {{name: main, image: "{idler.image}", imagePullPolicy: Never,
       command: ["{idler.program}"]}}]}}}}
    runtimeVersionOverride: 1.6.1
  - name: Worker
    type: worker
    replicas: {replicas}
    runtimeVersionOverride: 1.6.1
    {extra}
    podTemplate: {{spec: {{terminationGracePeriodSeconds: 0, containers: [
      {{name: main, image: "{idler.image}", imagePullPolicy: Never,
       command: ["{idler.program}"], env: [{{name: WORD, value: "{word}"}}],
       livenessProbe: {{httpGet: {HEALTHZ}, periodSeconds: 1}},
       startupProbe: {{httpGet: {HEALTHZ}, periodSeconds: 1}},
       readinessProbe: {{httpGet: {HEALTHZ}, periodSeconds: 1}}}}]}}}}
"""
    return cast("Body", yaml.safe_load(text))


def named(body: Body, name: str, namespace: str, annotations: Body | None = None) -> Body:
    metadata: Body = {"name": name, "namespace": namespace, "annotations": annotations or {}}
    return {**body, "metadata": metadata}


def is_successful(cluster: Cluster, namespace: str, name: str) -> bool:
    return cluster.status(namespace, name).get("state") == "successful"


# --- the recorded graphs ---


@pytest.mark.parametrize("code", [*IN_ANY_CLUSTER, *IN_OLD_WORDS, *WITHOUT_GROUPS, *WITH_GROUPS])
def test_recorded_graphs(
    code: str, cluster: Cluster, namespace: str, *, has_groups: bool, converts: bool
) -> None:
    """The real operator's objects, from a live API server with all its defaults."""
    if code in WITHOUT_GROUPS and has_groups:
        pytest.skip("recorded where no groups of nodes can run; this cluster runs them")
    if code in (*WITH_GROUPS, "15") and not has_groups:
        pytest.skip("this cluster has no LeaderWorkerSet")
    (path,) = RECORDED.glob(f"{code}-*.input.yaml")
    body = cast("Body", yaml.safe_load(path.read_text(encoding="utf-8")))
    recorded = read_recorded(path)
    if code == "06":
        cluster.create(claim("model-cache", namespace))
    name = str(table(body["metadata"])["name"])
    if converts:
        metadata = {**table(body["metadata"]), "namespace": namespace}
        version = str(body["apiVersion"]).rpartition("/")[2]
        cluster.create_graph({**body, "metadata": metadata}, version)
    elif code == "07":
        pytest.skip("an unknown type gets in by way of v1alpha1 alone")
    else:
        # As the API server would store it: what v1beta1 cannot say is in a note.
        stored = recorded[0]
        notes = table(table(stored["metadata"])["annotations"])
        kept = {key: value for key, value in notes.items() if key == SPEC_NOTE}
        cluster.create_graph(named(stored, name, namespace, kept))
    expected = {key_of(one): one for one in recorded if is_made_for_pods(one)}
    cluster.wait("its status", lambda: cluster.ready(namespace, name), seconds=240)
    annotations = table(table(cluster.graph(namespace, name)["metadata"])["annotations"])
    ours = str(annotations[CURRENT_HASH])
    theirs = str(table(table(recorded[0]["metadata"])["annotations"])[CURRENT_HASH])
    made = [
        renamed(one, {ours: theirs, namespace: "NAMESPACE"})
        for one in cluster.made(namespace, f"{PART}={OPERATOR}")
    ]
    live = {key_of(one): comparable(one) for one in made}
    assert sorted(live) == sorted(expected)
    for key, one in expected.items():
        assert live[key] == comparable(one), key


def read_recorded(path: Path) -> list[Body]:
    text = path.with_name(path.name.replace(".input.", ".objects.")).read_text(encoding="utf-8")
    return [cast("Body", one) for one in yaml.safe_load_all(text)]


def key_of(one: Plain) -> tuple[str, str]:
    body = table(one)
    name = str(table(body["metadata"])["name"])
    return str(body["kind"]), name


def is_made_for_pods(one: Body) -> bool:
    if one["kind"] in (KIND, "DynamoComponentDeployment"):
        return False
    return one["kind"] != "PersistentVolumeClaim" or "ownerReferences" in table(one["metadata"])


def renamed(value: Plain, names: dict[str, str]) -> Plain:
    if isinstance(value, dict):
        return {str(renamed(key, names)): renamed(item, names) for key, item in value.items()}
    if isinstance(value, list):
        return [renamed(item, names) for item in value]
    if isinstance(value, str):
        for ours, theirs in names.items():
            value = value.replace(ours, theirs)
    return value


def comparable(value: Plain) -> Plain:
    """Return an object without what differs from one cluster, and one run, to the next."""
    body = {**table(value)}
    metadata = table(body["metadata"])
    body.pop("status", None)
    labels = {key: one for key, one in table(metadata.get("labels")).items() if key != PART}
    annotations = {
        key: "HASH" if key == LAST_HASH and re.fullmatch("[0-9a-f]{64}", str(one)) else one
        for key, one in table(metadata.get("annotations")).items()
        if not key.startswith("volume.") and key != "deployment.kubernetes.io/revision"
    }
    owners = metadata.get("ownerReferences")
    body["metadata"] = {
        "name": metadata["name"],
        "labels": labels,
        "annotations": annotations,
        "owned": bool(owners),
    }
    if body["kind"] == "Service":
        kept = table(body["spec"])
        body["spec"] = {
            key: one
            for key, one in kept.items()
            if key not in ("clusterIP", "clusterIPs") or one in ("None", ["None"])
        }
    if body["kind"] in ("ConfigMap", "Secret"):
        body["data"] = dict.fromkeys(table(body["data"]), "DATA")
    return without_scripts(body)


def without_scripts(value: Plain) -> Plain:
    """Return a value with one word in place of scripts that the record only describes."""
    if isinstance(value, list):
        return [without_scripts(item) for item in value]
    if not isinstance(value, dict):
        return value
    # What goes through a Go program comes back with the empty one written out.
    found = {
        key: without_scripts(item)
        for key, item in value.items()
        if (key, item) != ("resources", {})
    }
    args = found.get("args")
    if isinstance(args, list) and re.match("<shell, |keys=|set -eu|SSH_PORT=", str(args[:1])[2:]):
        found["args"] = "SCRIPT"
    return found


def claim(name: str, namespace: str) -> Body:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }


# --- life ---


def test_a_graph_becomes_ready_and_goes_with_all_that_is_its_own(
    cluster: Cluster, namespace: str, pause: Idler
) -> None:
    graph = cluster.create_graph(named(small(pause), "g", namespace))
    cluster.wait("ready", lambda: is_successful(cluster, namespace, "g"), seconds=240)
    status = cluster.status(namespace, "g")
    components = table(status["components"])
    assert table(components["Worker"])["readyReplicas"] == 1
    assert status["observedGeneration"] == 1
    metadata = table(cluster.graph(namespace, "g")["metadata"])
    assert "finalizers" not in metadata
    assert not [key for key in table(metadata["annotations"]) if "kopf" in key]
    cluster.delete(graph)
    selected = f"{GRAPH}=g"
    cluster.wait(
        "all gone",
        lambda: not cluster.made(namespace, selected) and not cluster.graph(namespace, "g"),
        seconds=60,
    )
    left = {one.name for one in cluster.made(namespace, f"{PART}={OPERATOR}")}
    assert left == {"planner-serviceaccount", "planner-serviceaccount-binding"}


def test_workers_are_replaced_without_a_gap(cluster: Cluster, namespace: str, pause: Idler) -> None:
    graph = cluster.create_graph(named(small(pause, replicas=2), "g", namespace))
    cluster.wait("ready", lambda: is_successful(cluster, namespace, "g"), seconds=240)
    (old,) = [name for name in cluster.deployments(namespace) if name.startswith("g-worker-")]
    seen_phases, fewest = set(), 2
    cluster.edit(graph, replaced_word("b"))
    deadline = time.monotonic() + 240
    while not is_rolled(cluster, namespace, old):
        assert time.monotonic() < deadline
        rolling = table(cluster.status(namespace, "g").get("rollingUpdate"))
        seen_phases.add(rolling.get("phase"))
        available = [
            table(one.get("status")).get("availableReplicas") or 0
            for one in cluster.items(DEPLOYMENTS, namespace)
            if one.name.startswith("g-worker-")
        ]
        fewest = min(fewest, sum(int(str(one)) for one in available))
        time.sleep(0.05)
    assert "InProgress" in seen_phases
    assert fewest >= 2
    rolling = table(cluster.status(namespace, "g")["rollingUpdate"])
    assert rolling["phase"] == "Completed"
    assert rolling["updatedComponents"] == ["Worker"]
    services = [one.name for one in cluster.items(SERVICES, namespace)]
    assert old not in services
    events = cluster.get(f"/apis/events.k8s.io/v1/namespaces/{namespace}/events") or {}
    listed = events["items"]
    reasons = [table(one).get("reason") for one in (listed if isinstance(listed, list) else [])]
    assert reasons.count("RollingUpdateStarted") == 1
    assert reasons.count("RollingUpdateCompleted") == 1


def replaced_word(word: str) -> Body:
    path = "/spec/components/1/podTemplate/spec/containers/0/env/0/value"
    return {"op": "replace", "path": path, "value": word}


def is_rolled(cluster: Cluster, namespace: str, old: str) -> bool:
    is_gone = old not in cluster.deployments(namespace)
    return is_gone and is_successful(cluster, namespace, "g")


@pytest.mark.parametrize("after", [0.0, 0.05, 0.15, 0.5])
def test_a_controller_that_is_killed_goes_on_where_it_was(
    after: float, cluster: Cluster, namespace: str, pause: Idler, operator: RunningOperator
) -> None:
    graph = cluster.create_graph(named(small(pause), "g", namespace))
    time.sleep(after)
    operator.kill()
    operator.start()
    cluster.wait("ready", lambda: is_successful(cluster, namespace, "g"), seconds=240)
    (old,) = [name for name in cluster.deployments(namespace) if name.startswith("g-worker-")]
    # The graph may be ready without the operator; its webhooks must answer again first.
    cluster.wait("edited", lambda: cluster.try_edit(graph, replaced_word("b")))
    time.sleep(after)
    operator.kill()
    operator.start()
    cluster.wait("rolled", lambda: is_rolled(cluster, namespace, old), seconds=240)
    assert len(cluster.deployments(namespace)) == 2


def test_what_is_deleted_or_changed_by_hand_comes_back(cluster: Cluster, namespace: str) -> None:
    cluster.create_graph(named(small(), "g", namespace))
    cluster.wait("made", lambda: cluster.ready(namespace, "g"))
    (idle,) = [one for one in cluster.items(DEPLOYMENTS, namespace) if one.name == "g-idle"]
    cluster.merge(idle, {"spec": {"replicas": 5}})
    (service,) = [one for one in cluster.items(SERVICES, namespace) if one.name == "g-idle"]
    cluster.delete(service)
    cluster.wait("back", lambda: cluster.deployments(namespace)["g-idle"] == 1)
    cluster.wait(
        "made again", lambda: "g-idle" in [one.name for one in cluster.items(SERVICES, namespace)]
    )


def test_an_adapter_scales_its_component(cluster: Cluster, namespace: str) -> None:
    body = small(extra="scalingAdapter: {}")
    cluster.create_graph(named(body, "g", namespace))
    (adapter,) = cluster.wait("an adapter", lambda: cluster.items(ADAPTERS, namespace))
    cluster.edit(
        adapter, {"op": "replace", "path": "/spec/replicas", "value": 3}, subresource="scale"
    )
    cluster.wait(
        "three workers",
        lambda: 3 in cluster.deployments(namespace).values(),
    )
    status = cluster.wait(
        "the adapter's status",
        lambda: table(cluster.items(ADAPTERS, namespace)[0].get("status")),
    )
    assert status["replicas"] == 3
    assert status["selector"] == f"nvidia.com/dynamo-component=Worker,{GRAPH}=g"


def test_a_claim_that_is_missing_fails_the_graph_until_it_is_there(
    cluster: Cluster, namespace: str
) -> None:
    note = '{"version":1,"spec":{"pvcs":[{"create":false,"name":"cache","size":"0"}]}}'
    cluster.create_graph(named(small(), "g", namespace, {SPEC_NOTE: note}))
    ready = cluster.wait("a verdict", lambda: cluster.ready(namespace, "g"))
    assert ready["reason"] == "failed_to_reconcile_the_resources"
    assert 'PVC "cache" does not exist' in str(ready["message"])
    assert cluster.status(namespace, "g")["state"] == "failed"
    assert cluster.deployments(namespace) == {}
    cluster.create(claim("cache", namespace), CLAIMS)
    cluster.wait("the workloads", lambda: len(cluster.deployments(namespace)) == 2)
    cluster.wait(
        "another verdict",
        lambda: cluster.ready(namespace, "g")["reason"] == "some_resources_are_not_ready",
    )


def test_an_unknown_type_fails_the_graph(
    cluster: Cluster, namespace: str, *, converts: bool
) -> None:
    if not converts:
        pytest.skip("an unknown type gets in by way of v1alpha1 alone")
    text = """
apiVersion: nvidia.com/v1alpha1
kind: DynamoGraphDeployment
spec:
  services:
    Main: {componentType: main, extraPodSpec: {mainContainer: {image: "none/none:1.6.1"}}}
"""
    body = cast("Body", yaml.safe_load(text))
    cluster.create_graph(named(body, "g", namespace), "v1alpha1")
    ready = cluster.wait("a verdict", lambda: cluster.ready(namespace, "g"))
    assert ready["reason"] == "failed_to_reconcile_the_resources"
    assert cluster.deployments(namespace) == {}


def test_groups_of_nodes_fail_where_they_cannot_run(
    cluster: Cluster, namespace: str, *, has_groups: bool
) -> None:
    if has_groups:
        pytest.skip("this cluster runs groups of nodes")
    body = small(extra="multinode: {nodeCount: 2}")
    cluster.create_graph(named(body, "g", namespace))
    ready = cluster.wait("a verdict", lambda: cluster.ready(namespace, "g"))
    assert ready["reason"] == "no_multinode_orchestrator_available"
    assert cluster.deployments(namespace) == {}


def test_many_graphs_do_not_wait_for_each_other(cluster: Cluster, namespace: str) -> None:
    names = [f"g{number}" for number in range(10)]
    started = time.monotonic()
    for name in names:
        cluster.create_graph(named(small(), name, namespace))
    cluster.wait("all made", lambda: len(cluster.deployments(namespace)) == 20, seconds=240)
    cluster.wait("verdicts", lambda: all(cluster.ready(namespace, name) for name in names))
    assert time.monotonic() - started < 60


def test_a_graph_with_a_long_history_is_one_list_away(cluster: Cluster, namespace: str) -> None:
    """Deleting a graph and making it again at once does not mix the two."""
    first = cluster.create_graph(named(small(), "g", namespace))
    cluster.wait("made", lambda: cluster.ready(namespace, "g"))
    cluster.delete(first)
    cluster.wait("gone", lambda: not cluster.graph(namespace, "g"))
    second = cluster.create_graph(named(small(word="b"), "g", namespace))
    uid = second.metadata["uid"]

    def owners() -> set[Plain]:
        found = cluster.items(DEPLOYMENTS, namespace)
        return {owner_uid(one) for one in found}

    cluster.wait(
        "its own",
        lambda: owners() == {uid} and len(cluster.deployments(namespace)) == 2,
        seconds=60,
    )


def owner_uid(one: KubeObject) -> Plain:
    owners = one.metadata.get("ownerReferences")
    return table(owners[0]).get("uid") if isinstance(owners, list) and owners else None
