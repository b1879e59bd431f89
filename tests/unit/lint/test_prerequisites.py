"""`dynamo lint --prerequisites`: what must be in the cluster already."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from lint_shop import GRAPH, Shop, graph

if TYPE_CHECKING:
    from pathlib import Path

BETA = """\
apiVersion: nvidia.com/v1beta1
kind: DynamoGraphDeployment
metadata:
  name: graph
spec:
  priorityClassName: urgent
  env:
    - {name: A, valueFrom: {secretKeyRef: {name: graph-secret, key: token}}}
  components:
    - name: Worker
      type: worker
      compilationCache: {pvcName: compiled}
      podTemplate:
        spec:
          serviceAccountName: runner
          imagePullSecrets: [{name: registry}]
          volumes:
            - {name: a, configMap: {name: config, optional: true}}
            - {name: b, secret: {secretName: certificate}}
            - {name: c, persistentVolumeClaim: {claimName: models}}
            - name: d
              projected:
                sources:
                  - {secret: {name: projected}}
                  - {configMap: {name: projected, optional: true}}
            - {name: e, emptyDir: {}}
          initContainers:
            - name: init
              env:
                - {name: B, valueFrom: {configMapKeyRef: {name: config, key: one}}}
              volumeMounts: [{name: unknown, mountPath: /x}]
          containers:
            - name: main
              image: nvcr.io/nvidia/ai-dynamo/vllm-runtime:1.6.1
              env:
                - {name: C, valueFrom: {secretKeyRef: {name: hf, key: token}}}
                - {name: D, valueFrom: {secretKeyRef: {name: hf, key: other, optional: true}}}
                - {name: E, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
              envFrom:
                - {secretRef: {name: all}}
                - {configMapRef: {name: all, optional: true}}
              volumeMounts:
                - {name: c, mountPath: /models}
                - {name: implicit, mountPath: /data}
"""
BACKEND = "nvidia.com/dynamo-discovery-backend"
ALPHA = """\
apiVersion: nvidia.com/v1alpha1
kind: DynamoGraphDeployment
metadata:
  name: graph
spec:
  pvcs:
    - {name: made, create: true, size: 1Gi}
    - {name: listed, create: false}
    - {name: unsaid}
  services:
    Worker:
      componentType: worker
      envFromSecret: hf
      volumeMounts:
        - {name: made, mountPoint: /a}
        - {name: cache, mountPoint: /c, useAsCompilationCache: true}
        - {name: other, mountPoint: /b}
"""
NAMED = {
    ("PriorityClass", "urgent"), ("Secret", "graph-secret"), ("PersistentVolumeClaim", "compiled"),
    ("ServiceAccount", "runner"), ("Secret", "registry"), ("ConfigMap", "config"),
    ("Secret", "certificate"), ("PersistentVolumeClaim", "models"), ("Secret", "projected"),
    ("ConfigMap", "projected"), ("Secret", "hf"), ("Secret", "all"), ("ConfigMap", "all"),
    ("PersistentVolumeClaim", "implicit"),
}  # fmt: skip


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    return Shop.opened(tmp_path, monkeypatch)


def listed(shop: Shop, *words: str) -> list[dict[str, str | int | bool]]:
    ended = shop.run("--prerequisites", "--format", "json", *words)
    assert ended.exit_code == 0
    report = json.loads(ended.stdout)
    assert set(report) == {"version", "prerequisites"}
    found: list[dict[str, str | int | bool]] = report["prerequisites"]
    return found


def named(shop: Shop, *words: str) -> set[tuple[object, object]]:
    return {(one["kind"], one["name"]) for one in listed(shop, *words)}


def test_every_object_that_a_graph_names(shop: Shop) -> None:
    shop.write("g.yaml", BETA)
    assert named(shop, "g.yaml") == NAMED


def test_each_use_is_told_with_its_key_and_its_place(shop: Shop) -> None:
    shop.write("g.yaml", BETA)
    found = [one for one in listed(shop, "g.yaml") if one["name"] == "hf"]
    shared = {"kind": "Secret", "name": "hf", "file": "g.yaml", "graph": "graph", "column": 62}
    assert found == [
        {**shared, "key": "other", "optional": True, "line": 37},
        {**shared, "key": "token", "optional": False, "line": 36},
    ]
    optional = {
        (one["kind"], one["name"], one["key"]) for one in listed(shop, "g.yaml") if one["optional"]
    }
    assert optional == {
        ("ConfigMap", "config", ""), ("ConfigMap", "projected", ""), ("ConfigMap", "all", ""),
        ("Secret", "hf", "other"),
    }  # fmt: skip


def test_the_list_for_people(shop: Shop) -> None:
    shop.write("g.yaml", BETA)
    ended = shop.run("--prerequisites", "g.yaml")
    lines = ended.stdout.splitlines()
    assert ended.exit_code == 0
    assert lines[lines.index("Secret hf with other, token") + 1] == "    g.yaml:37:62 (graph)"
    assert "ConfigMap all (optional)" in lines
    assert "ConfigMap config with one" in lines
    assert "Secret registry" in lines


def test_claims_of_v1alpha1(shop: Shop) -> None:
    shop.write("g.yaml", ALPHA)
    claims = {name for kind, name in named(shop, "g.yaml") if kind == "PersistentVolumeClaim"}
    assert claims == {"listed", "unsaid", "cache", "other"}
    assert ("Secret", "hf") in named(shop, "g.yaml")


def test_what_the_files_define_is_left_out(shop: Shop) -> None:
    shop.write("g.yaml", BETA)
    shop.write("more/secret.yaml", "kind: Secret\nmetadata: {name: hf}\n")
    claim = "- {apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: models}}"
    shop.write("more/list.yaml", f"apiVersion: v1\nkind: List\nitems:\n{claim}\n")
    gone = {("Secret", "hf"), ("PersistentVolumeClaim", "models")}
    assert named(shop, "g.yaml", "more") == NAMED - gone


def test_graphs_in_a_list_need_things_too(shop: Shop) -> None:
    items = [{"apiVersion": "nvidia.com/v1beta1", "kind": "DynamoGraphDeployment",
              "spec": {"priorityClassName": "urgent"}}]  # fmt: skip
    shop.write("l.yaml", json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
    assert named(shop, "l.yaml") == {("PriorityClass", "urgent")}


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        ("args: [--model, Q", "args: [--request-plane, nats, --model, Q", "NATS server"),
        ("args: [--model, Q", "args: [--event-plane, nats, --model, Q", "NATS server"),
        ("args: [--model, Q", "args: [--discovery-backend=etcd, --model, Q", "etcd server"),
        ("spec:\n  comp", "spec:\n  env: [{name: DYN_REQUEST_PLANE, value: nats}]\n  comp",
         "NATS server"),
        ("  name: graph\n", f"  name: graph\n  annotations: {{{BACKEND}: etcd}}\n", "etcd server"),
        ("      type: worker\n", "      type: worker\n      multinode: {nodeCount: 2}\n",
         "Grove or LeaderWorkerSet controller"),
        ("    - name: Worker\n", "    - {name: Picker, type: epp}\n    - name: Worker\n",
         "Gateway API Inference Extension"),
    ],
)  # fmt: skip
def test_what_a_graph_talks_to(shop: Shop, old: str, new: str, kind: str) -> None:
    shop.write("g.yaml", graph(old, new))
    assert named(shop, "g.yaml") == {(kind, "")}
    assert kind in shop.run("--prerequisites", "g.yaml").stdout.splitlines()


def test_a_server_with_its_address(shop: Shop) -> None:
    env = "[{name: DYN_REQUEST_PLANE, value: nats}, {name: NATS_SERVER, value: 'nats://n:4222'}]"
    shop.write("g.yaml", graph("spec:\n  comp", f"spec:\n  env: {env}\n  comp"))
    assert named(shop, "g.yaml") == {("NATS server", "nats://n:4222")}


def test_a_planner_that_looks_at_traffic_asks_prometheus(shop: Shop) -> None:
    config = '{"optimization_target":"sla","metric_pulling_prometheus_endpoint":"http://p:9090"}'
    image = "nvcr.io/nvidia/ai-dynamo/dynamo-planner:1.6.1"
    main = f"name: main, image: '{image}', command: [python3, -m, dynamo.planner]"
    planner = (
        "    - name: Planner\n      type: planner\n"
        f"      podTemplate: {{spec: {{containers: [{{{main}, args: [--config, '{config}']}}]}}}}\n"
    )
    shop.write("g.yaml", graph("    - name: Worker\n", f"{planner}    - name: Worker\n"))
    assert named(shop, "g.yaml") == {("Prometheus server", "http://p:9090")}


def test_nothing_is_needed(shop: Shop) -> None:
    shop.write("g.yaml", GRAPH)
    text = "nothing beside the Dynamo operator has to be in the cluster\n"
    assert shop.run("--prerequisites", "g.yaml").stdout == text


def test_without_a_graph_nobody_can_tell(shop: Shop) -> None:
    shop.write("c.yaml", "kind: ConfigMap\n")
    ended = shop.run("--prerequisites", "c.yaml")
    assert (ended.exit_code, ended.stdout) == (3, "")


def test_files_of_others_may_be_broken(shop: Shop) -> None:
    shop.write("sub/g.yaml", GRAPH)
    shop.write("sub/values.yaml", "- op: replace\n")
    shop.write("sub/template.yaml", "{{ if .Values.on }}\nkind: Secret\n")
    shop.write("sub/latin.yaml", b"a: \xe9")
    assert named(shop, "sub") == set()
    assert "sub/latin.yaml:1:4" in shop.refused("--prerequisites", "sub/latin.yaml")
    shop.write("sub/graph.yaml", f"{{{{ if .Values.on }}}}\n{GRAPH}")
    assert "sub/graph.yaml:1" in shop.refused("--prerequisites", "sub")


def test_the_list_can_be_written(shop: Shop) -> None:
    shop.write("g.yaml", BETA)
    ended = shop.run("--prerequisites", "--format", "json", "--output", "out.json", "g.yaml")
    assert ended.stdout == shop.run("--prerequisites", "g.yaml").stdout
    written = json.loads((shop.folder / "out.json").read_text(encoding="utf-8"))
    assert written["prerequisites"] == listed(shop, "g.yaml")


def test_the_list_has_two_forms(shop: Shop) -> None:
    shop.write("g.yaml", BETA)
    told = shop.refused("--prerequisites", "--format", "sarif", "g.yaml")
    assert told == "--prerequisites has no format sarif; text and json are there"
