"""`dynamo lint --prerequisites`: what must be in the cluster already."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from lint_helpers import GRAPH, Linter, graph

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
def linter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Linter:
    return Linter.opened(tmp_path, monkeypatch)


def listed(linter: Linter, *words: str) -> list[dict[str, str | int | bool]]:
    ended = linter.run("--prerequisites", "--format", "json", *words)
    assert ended.exit_code == 0
    report = json.loads(ended.stdout)
    assert set(report) == {"version", "prerequisites"}
    found: list[dict[str, str | int | bool]] = report["prerequisites"]
    return found


def named(linter: Linter, *words: str) -> set[tuple[object, object]]:
    return {(one["kind"], one["name"]) for one in listed(linter, *words)}


def test_every_object_that_a_graph_names(linter: Linter) -> None:
    linter.write("g.yaml", BETA)
    assert named(linter, "g.yaml") == NAMED


def test_each_use_is_told_with_its_key_and_its_place(linter: Linter) -> None:
    linter.write("g.yaml", BETA)
    found = [one for one in listed(linter, "g.yaml") if one["name"] == "hf"]
    shared = {"kind": "Secret", "name": "hf", "file": "g.yaml", "graph": "graph", "column": 62}
    assert found == [
        {**shared, "key": "other", "optional": True, "line": 37},
        {**shared, "key": "token", "optional": False, "line": 36},
    ]
    optional = {
        (one["kind"], one["name"], one["key"])
        for one in listed(linter, "g.yaml")
        if one["optional"]
    }
    assert optional == {
        ("ConfigMap", "config", ""), ("ConfigMap", "projected", ""), ("ConfigMap", "all", ""),
        ("Secret", "hf", "other"),
    }  # fmt: skip


def test_the_list_for_people(linter: Linter) -> None:
    linter.write("g.yaml", BETA)
    ended = linter.run("--prerequisites", "g.yaml")
    lines = ended.stdout.splitlines()
    assert ended.exit_code == 0
    assert lines[lines.index("Secret hf with other, token") + 1] == "    g.yaml:37:62 (graph)"
    assert "ConfigMap all (optional)" in lines
    assert "ConfigMap config with one" in lines
    assert "Secret registry" in lines


def test_claims_of_v1alpha1(linter: Linter) -> None:
    linter.write("g.yaml", ALPHA)
    claims = {name for kind, name in named(linter, "g.yaml") if kind == "PersistentVolumeClaim"}
    assert claims == {"listed", "unsaid", "cache", "other"}
    assert ("Secret", "hf") in named(linter, "g.yaml")


def test_what_the_files_define_is_left_out(linter: Linter) -> None:
    linter.write("g.yaml", BETA)
    linter.write("more/secret.yaml", "kind: Secret\nmetadata: {name: hf}\n")
    claim = "- {apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: models}}"
    linter.write("more/list.yaml", f"apiVersion: v1\nkind: List\nitems:\n{claim}\n")
    gone = {("Secret", "hf"), ("PersistentVolumeClaim", "models")}
    assert named(linter, "g.yaml", "more") == NAMED - gone


def test_graphs_in_a_list_need_things_too(linter: Linter) -> None:
    items = [{"apiVersion": "nvidia.com/v1beta1", "kind": "DynamoGraphDeployment",
              "spec": {"priorityClassName": "urgent"}}]  # fmt: skip
    linter.write("l.yaml", json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
    assert named(linter, "l.yaml") == {("PriorityClass", "urgent")}


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
def test_what_a_graph_talks_to(linter: Linter, old: str, new: str, kind: str) -> None:
    linter.write("g.yaml", graph(old, new))
    assert named(linter, "g.yaml") == {(kind, "")}
    assert kind in linter.run("--prerequisites", "g.yaml").stdout.splitlines()


def test_a_server_with_its_address(linter: Linter) -> None:
    env = "[{name: DYN_REQUEST_PLANE, value: nats}, {name: NATS_SERVER, value: 'nats://n:4222'}]"
    linter.write("g.yaml", graph("spec:\n  comp", f"spec:\n  env: {env}\n  comp"))
    assert named(linter, "g.yaml") == {("NATS server", "nats://n:4222")}


def test_a_planner_that_looks_at_traffic_asks_prometheus(linter: Linter) -> None:
    config = '{"optimization_target":"sla","metric_pulling_prometheus_endpoint":"http://p:9090"}'
    image = "nvcr.io/nvidia/ai-dynamo/dynamo-planner:1.6.1"
    main = f"name: main, image: '{image}', command: [python3, -m, dynamo.planner]"
    planner = (
        "    - name: Planner\n      type: planner\n"
        f"      podTemplate: {{spec: {{containers: [{{{main}, args: [--config, '{config}']}}]}}}}\n"
    )
    linter.write("g.yaml", graph("    - name: Worker\n", f"{planner}    - name: Worker\n"))
    assert named(linter, "g.yaml") == {("Prometheus server", "http://p:9090")}


def test_nothing_is_needed(linter: Linter) -> None:
    linter.write("g.yaml", GRAPH)
    text = "nothing beside the Dynamo operator has to be in the cluster\n"
    assert linter.run("--prerequisites", "g.yaml").stdout == text


def test_without_a_graph_nobody_can_tell(linter: Linter) -> None:
    linter.write("c.yaml", "kind: ConfigMap\n")
    ended = linter.run("--prerequisites", "c.yaml")
    assert (ended.exit_code, ended.stdout) == (3, "")


def test_files_of_others_may_be_broken(linter: Linter) -> None:
    linter.write("sub/g.yaml", GRAPH)
    linter.write("sub/values.yaml", "- op: replace\n")
    linter.write("sub/template.yaml", "{{ if .Values.on }}\nkind: Secret\n")
    linter.write("sub/latin.yaml", b"a: \xe9")
    assert named(linter, "sub") == set()
    assert "sub/latin.yaml:1:4" in linter.refused("--prerequisites", "sub/latin.yaml")
    linter.write("sub/graph.yaml", f"{{{{ if .Values.on }}}}\n{GRAPH}")
    assert "sub/graph.yaml:1" in linter.refused("--prerequisites", "sub")


def test_the_list_can_be_written(linter: Linter) -> None:
    linter.write("g.yaml", BETA)
    ended = linter.run("--prerequisites", "--format", "json", "--output", "out.json", "g.yaml")
    assert ended.stdout == linter.run("--prerequisites", "g.yaml").stdout
    written = json.loads((linter.folder / "out.json").read_text(encoding="utf-8"))
    assert written["prerequisites"] == listed(linter, "g.yaml")


def test_the_list_has_two_forms(linter: Linter) -> None:
    linter.write("g.yaml", BETA)
    told = linter.refused("--prerequisites", "--format", "sarif", "g.yaml")
    assert told == "--prerequisites has no format sarif; text and json are there"
