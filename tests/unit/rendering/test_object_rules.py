"""What the recorded graphs do not show of the objects the operator makes."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.api.cluster_parts import Cluster
from dynamo_conformance.kube.resources import KubeObject, Owner, table
from dynamo_conformance.manifest.document import read_documents
from dynamo_conformance.manifest.read import read_graph
from dynamo_conformance.operator.objects import wait_for_leader
from dynamo_conformance.operator.objects.graph_objects import RenderContext, graph_objects
from dynamo_conformance.operator.objects.last_applied import LAST_HASH, digest
from dynamo_conformance.operator.objects.workloads import strategy
from dynamo_conformance.rendering.pull_secrets import PullSecret, auth_host, image_host
from dynamo_conformance.rendering.reconcile_failure import COMPONENT_ERROR, NOT_RECONCILED

if TYPE_CHECKING:
    from dynamo_conformance.manifest.graph import Graph
    from dynamo_conformance.manifest.node import Plain
    from dynamo_conformance.operator.objects.graph_objects import GraphObjects

BARE = RenderContext(namespace="ns", owner=Owner(name="g", uid="u"), cluster=Cluster())


def graph(worker: str = "", *, metadata: str = "name: g") -> Graph:
    text = f"""
apiVersion: nvidia.com/v1beta1
kind: DynamoGraphDeployment
metadata: {{{metadata}}}
spec:
  components:
  - name: Frontend
    type: frontend
    podTemplate: {{spec: {{containers: [{{name: main, image: "registry.example:5000/f:1.6.1"}}]}}}}
  - name: Worker
    type: worker
    podTemplate: {{spec: {{containers: [{{name: main, image: "w:1.6.1"}}]}}}}
    {worker}
"""
    (document,) = read_documents(text, file="g.yaml")
    return read_graph(document)


def with_claims(claims: str) -> Graph:
    text = f"""
apiVersion: nvidia.com/v1alpha1
kind: DynamoGraphDeployment
metadata: {{name: g}}
spec:
  pvcs: {claims}
  services:
    W: {{componentType: worker, extraPodSpec: {{mainContainer: {{image: "w:1.6.1"}}}}}}
"""
    (document,) = read_documents(text, file="g.yaml")
    return read_graph(document)


def around(**changes: object) -> RenderContext:
    fields = {name: getattr(BARE, name) for name in BARE.__slots__}
    return RenderContext(**{**fields, **changes})


def kinds(made: GraphObjects) -> list[str]:
    return sorted(one.kind for one in made.objects)


def one_of(made: GraphObjects, kind: str, name: str) -> KubeObject:
    (found,) = [one for one in made.objects if one.kind == kind and name in one.name]
    return found


def template(made: KubeObject) -> dict[str, Plain]:
    return table(made.spec["template"])


def test_a_claim_that_is_not_there_stops_everything_after_the_planners_account() -> None:
    made = graph_objects(with_claims("[{name: cache}]"), BARE)
    assert made.failure is not None
    assert made.failure.reason == NOT_RECONCILED
    assert '"cache" does not exist' in made.failure.message
    assert kinds(made) == ["RoleBinding", "ServiceAccount"]


def test_a_claim_that_is_there_is_left_alone() -> None:
    claims = (
        "[{name: cache}, {name: new, create: true, size: 1Gi, volumeAccessMode: ReadWriteMany}]"
    )
    made = graph_objects(with_claims(claims), around(claims=("cache",)))
    assert made.failure is None
    claim = one_of(made, "PersistentVolumeClaim", "new")
    assert claim.spec["accessModes"] == ["ReadWriteMany"]
    again = graph_objects(with_claims(claims), around(claims=("cache", "new")))
    assert "PersistentVolumeClaim" not in kinds(again)


def test_one_broken_component_leaves_the_others() -> None:
    made = graph_objects(graph("frontendSidecar: none"), BARE)
    assert made.failure is None
    (broken,) = made.broken
    assert broken.failure.reason == COMPONENT_ERROR
    assert broken.name.startswith("g-worker-")
    assert [one.name for one in made.objects if one.kind == "Deployment"] == ["g-frontend"]
    assert [one.name for one in made.objects if one.kind == "Service"] == ["g-frontend"]


def test_discovery_through_etcd_needs_no_account_and_one_service() -> None:
    made = graph_objects(
        graph(metadata="name: g, annotations: {nvidia.com/dynamo-discovery-backend: etcd}"), BARE
    )
    names = [one.name for one in made.objects]
    assert "g-k8s-service-discovery" not in names
    service = one_of(made, "Service", "")
    assert service.name == "g-frontend"
    assert "nvidia.com/dynamo-discovery-enabled" not in service.labels


def test_two_components_with_one_model_share_its_service() -> None:
    second = "modelRef: {name: m}\n  - {name: W2, type: worker, modelRef: {name: m}, podTemplate: "
    second += "{spec: {containers: [{name: main, image: w}]}}}"
    made = graph_objects(graph(second), BARE)
    assert len([one for one in made.objects if one.name.startswith("dynamo-model-")]) == 1


def test_a_restart_is_on_the_pods_and_makes_no_new_generation() -> None:
    quiet = one_of(graph_objects(graph(), BARE), "Deployment", "worker")
    restarted = one_of(
        graph_objects(graph(), around(restarts={"Worker": "now"})), "Deployment", "worker"
    )
    annotations = table(template(restarted)["metadata"])["annotations"]
    assert annotations == {"nvidia.com/restartAt": "now"}
    assert quiet.name == restarted.name
    assert "annotations" not in table(template(quiet)["metadata"])
    frontend = graph_objects(graph(), around(restarts={"Worker": "now"}))
    assert "annotations" not in table(template(one_of(frontend, "Deployment", "front"))["metadata"])


def test_replicas_of_a_generation_that_waits() -> None:
    made = graph_objects(graph("replicas: 4"), around(replicas={"Worker": 1}))
    assert one_of(made, "Deployment", "worker").spec["replicas"] == 1


def test_what_changes_an_object_changes_its_hash() -> None:
    first, second = (
        one_of(graph_objects(graph(f"replicas: {count}"), BARE), "Deployment", "worker")
        for count in (1, 2)
    )
    assert first.annotations[LAST_HASH] != second.annotations[LAST_HASH]
    assert first.annotations[LAST_HASH] == digest(first)


def test_secrets_are_found_by_registry() -> None:
    secrets = (
        PullSecret(name="b", hosts=frozenset({"registry.example:5000"})),
        PullSecret(name="a", hosts=frozenset({"registry.example:5000", "docker.io"})),
        PullSecret(name="c", hosts=frozenset({"elsewhere.example"})),
    )
    made = graph_objects(graph(), around(pull_secrets=secrets))
    frontend = table(template(one_of(made, "Deployment", "front"))["spec"])
    worker = table(template(one_of(made, "Deployment", "worker"))["spec"])
    assert frontend["imagePullSecrets"] == [{"name": "a"}, {"name": "b"}]
    assert worker["imagePullSecrets"] == [{"name": "a"}]


def test_no_secrets_are_looked_for_when_told_so() -> None:
    secrets = (PullSecret(name="a", hosts=frozenset({"docker.io"})),)
    off = "podTemplate: {metadata: {annotations: "
    off += '{nvidia.com/disable-image-pull-secret-discovery: "true"}}, '
    off += "spec: {imagePullSecrets: [{name: own}], containers: [{name: main, image: w}]}}"
    made = graph_objects(
        graph(f"x: 1\n  - {{name: Quiet, type: worker, {off}}}"), around(pull_secrets=secrets)
    )
    spec = table(template(one_of(made, "Deployment", "-quiet-"))["spec"])
    assert spec["imagePullSecrets"] == [{"name": "own"}]


@pytest.mark.parametrize(
    ("image", "host"),
    [
        ("busybox", "docker.io"),
        ("library/busybox:1", "docker.io"),
        ("nvcr.io/nvidia/x:1", "nvcr.io"),
        ("localhost/x", "localhost"),
        ("host:5000/x", "host:5000"),
    ],
)
def test_the_registry_of_an_image(image: str, host: str) -> None:
    assert image_host(image) == host


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("https://index.docker.io/v1/", "docker.io"),
        ("nvcr.io", "nvcr.io"),
        ("https://host:5000/v2", "host:5000"),
    ],
)
def test_the_registry_of_a_secret(address: str, host: str) -> None:
    assert auth_host(address) == host


@pytest.mark.parametrize(
    ("surge", "unavailable", "wanted", "limits"),
    [
        ("", "", 1, (1, 0)),
        ("", "", 8, (2, 2)),
        ("", "", 5, (2, 1)),
        ("3", "0", 1, (3, 0)),
        ("0", "0", 4, (1, 0)),
        ("100%", "50%", 3, (3, 1)),
        ("some", "0", 4, (1, 0)),
    ],
)
def test_limits_of_a_strategy(
    surge: str, unavailable: str, wanted: int, limits: tuple[int, int]
) -> None:
    found = strategy(
        {
            "nvidia.com/deployment-rolling-update-max-surge": surge,
            "nvidia.com/deployment-rolling-update-max-unavailable": unavailable,
        }
    )
    assert found.limits(wanted) == limits


def test_strategies_on_the_deployment() -> None:
    recreate = strategy({"nvidia.com/deployment-strategy": "Recreate"})
    assert recreate.spec() == {"type": "Recreate"}
    counted = strategy({"nvidia.com/deployment-rolling-update-max-surge": "2"})
    assert counted.spec()["rollingUpdate"] == {"maxSurge": 2, "maxUnavailable": "25%"}


def test_names_that_are_too_long_for_a_label_are_cut() -> None:
    long = "n" * 60
    made = graph_objects(graph(metadata=f"name: {long}"), BARE)
    account = one_of(made, "ServiceAccount", long)
    label = account.labels["app.kubernetes.io/name"]
    assert account.name == f"{long}-k8s-service-discovery"
    assert len(label) == 63
    assert label.startswith("n" * 54 + "-")


def test_followers_wait_for_their_leader(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("LEADER_HOST", "127.0.0.1")
    monkeypatch.setenv("LEADER_PORT", str(port))
    monkeypatch.setattr(wait_for_leader, "POLL", 0.01)
    assert not wait_for_leader.wait("127.0.0.1", port, deadline=0.05, poll=0.01)
    with socket.socket() as leader:
        leader.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        leader.bind(("127.0.0.1", port))
        threading.Timer(0.05, leader.listen).start()
        assert wait_for_leader.wait("127.0.0.1", port, deadline=5, poll=0.01)
        assert wait_for_leader.main() == 0
    said = capsys.readouterr().out
    assert f"127.0.0.1:{port} did not answer within 0 s: " in said
    assert f"127.0.0.1:{port} answers after" in said


def test_a_follower_that_is_told_no_leader_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("LEADER_HOST", raising=False)
    assert wait_for_leader.main() == 2
    assert "LEADER_HOST" in capsys.readouterr().out
