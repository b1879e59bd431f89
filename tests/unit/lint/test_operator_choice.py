"""Which operator judges: the one named, the cluster's, or the newest that fits the images."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.lint.cluster_operator import ClusterOperator, operator_from_cluster
from dynamo_conformance.lint.operator_choice import choose
from dynamo_conformance.manifest.document import read_documents
from dynamo_conformance.manifest.read import read_graph
from lint_helpers import GRAPH, Linter

if TYPE_CHECKING:
    from pathlib import Path

OURS = "nvcr.io/nvidia/ai-dynamo"
DEPLOYMENT = """{{"metadata": {{"labels": {{"app.kubernetes.io/version": "{label}"}}}},
 "spec": {{"template": {{"spec": {{"containers": [
  {{"image": "gcr.io/kubebuilder/kube-rbac-proxy:v0.15.0"}}, {{"image": "{image}"}}]}}}}}}}}"""
ORIGIN = '{{"metadata": {{"annotations": {{"nvidia.com/dynamo-operator-origin-version": "{}"}}}}}}'


@pytest.fixture
def linter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Linter:
    made = Linter.opened(tmp_path, monkeypatch)
    made.write("g.yaml", GRAPH)
    return made


def alpha(image: str, *, note: str = "{}", kind: str = "worker", more: str = "") -> str:
    return (
        "apiVersion: nvidia.com/v1alpha1\nkind: DynamoGraphDeployment\n"
        f"metadata: {{name: g, annotations: {note}}}\n"
        f"spec: {{services: {{W: {{componentType: {kind}, replicas: 1{more}, extraPodSpec: "
        f"{{mainContainer: {{image: '{image}'}}}}}}}}}}\n"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (alpha(f"{OURS}/vllm-runtime:1.6.1"), "1.5.0"),
        (alpha(f"{OURS}/vllm-runtime:0.7.1"), "1.5.0"),
        (alpha(f"{OURS}/vllm-runtime:0.6.1"), "0.7.1"),
        (alpha(f"{OURS}/vllm-runtime:0.4.0"), "0.7.1"),
        (alpha(f"{OURS}/vllm-runtime:0.3.1"), "1.5.0"),
        (alpha(f"{OURS}/vllm-runtime:latest"), "1.5.0"),
        (alpha("mine/vllm-runtime:0.5.0"), "0.7.1"),
        (alpha("mine/server:0.5.0"), "1.5.0"),
        (alpha(f"{OURS}/vllm-runtime:0.6.1", more=", runtimeVersionOverride: 1.6.1"), "1.5.0"),
        (
            alpha(
                f"{OURS}/vllm-runtime:0.6.1",
                note='{"nvidia.com/dynamo-discovery-backend": etcd}',
            ),
            "1.5.0",
        ),
        (alpha(f"{OURS}/dynamo-frontend:1.1.0", kind="epp"), "1.1.1"),
        (alpha(f"{OURS}/dynamo-frontend:1.2.0", kind="epp"), "1.5.0"),
        # No operator that fits serves the version.
        (GRAPH.replace("1.6.1", "0.6.1"), "1.5.0"),
    ],
)
def test_the_newest_that_runs_the_images(text: str, expected: str) -> None:
    (document,) = read_documents(text, file="g.yaml")
    choice = choose(read_graph(document))
    assert choice.operator == expected
    assert (choice.mark is None) == (expected == "1.5.0") == (not choice.reason)


def test_that_an_older_one_judges_is_said_at_the_image(linter: Linter) -> None:
    linter.write("old.yaml", alpha(f"{OURS}/vllm-runtime:0.6.1"))
    (document,) = linter.documents("--only", "api", "old.yaml")
    (finding,) = document["findings"]
    assert (finding["severity"], finding["rule"], finding["line"]) == ("info", "api-version", 4)
    assert "judged by operator 0.7.1, the newest that runs" in finding["message"]
    (document,) = linter.documents("--only", "api", "--operator", "0.8", "old.yaml")
    assert document["findings"] == []


def test_an_operator_that_serves_no_v1beta1(linter: Linter) -> None:
    (document,) = linter.documents("--operator", "1.1", "g.yaml")
    (finding,) = document["findings"]
    assert finding["message"] == (
        "operator 1.1.1 serves no nvidia.com/v1beta1, only nvidia.com/v1alpha1; operator 1.2 and "
        "later do"
    )


def kubectl(folder: Path, monkeypatch: pytest.MonkeyPatch, **answers: str) -> None:
    """Put a kubectl on PATH that answers for a kind; for any other it may not look."""
    script = "#!/bin/sh\ncase $* in\n"
    for kind, text in answers.items():
        (folder / f"{kind}.json").write_text(text, encoding="utf-8")
        script += f"*get\\ {kind}*) cat {folder}/{kind}.json ;;\n"
    path = folder / "bin" / "kubectl"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"{script}*) echo Forbidden >&2; exit 1 ;;\nesac\n", encoding="utf-8")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{path.parent}:/usr/bin:/bin")


def items(*texts: str) -> str:
    return json.dumps({"items": [json.loads(text) for text in texts]})


@pytest.mark.parametrize(
    ("deployments", "graphs", "version", "judge"),
    [
        ([(f"{OURS}/kubernetes-operator:1.4.1", "1.4.0")], [], "1.4.1", "1.4.1"),
        ([("mine/dynamo-operator:prod", "v1.3.0")], [], "1.3.0", "1.3.0"),
        ([(f"{OURS}/kubernetes-operator:1.6.1", "")], [], "1.6.1", "1.5.0"),
        ([], ["1.0.1", "1.2.0", "0.9.0"], "1.2.0", "1.2.0"),
        ([("mine/dynamo-operator:prod", "")], ["x"], None, None),
        ([], [], None, None),
    ],
)
def test_the_cluster_says_its_version(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    deployments: list[tuple[str, str]],
    graphs: list[str],
    version: str | None,
    judge: str | None,
) -> None:
    texts = [DEPLOYMENT.format(image=image, label=label) for image, label in deployments]
    kubectl(
        tmp_path,
        monkeypatch,
        deployments=items(*texts),
        dynamographdeployments=items(*(ORIGIN.format(text) for text in graphs)),
    )
    theirs = operator_from_cluster(None)
    assert (theirs.version, theirs.judged_by) == (version, judge)


def test_who_may_not_look_learns_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kubectl(tmp_path, monkeypatch)
    assert operator_from_cluster("c") == ClusterOperator(version=None, judged_by=None, source="")
    kubectl(tmp_path, monkeypatch, deployments="[", dynamographdeployments="3")
    assert operator_from_cluster("c").judged_by is None


@pytest.mark.parametrize(
    ("image", "summary"),
    [
        ("kubernetes-operator:1.3.1", "by operator 1.3.1, the cluster's (the tag of its image): "),
        ("kubernetes-operator:1.9.0", "by operator 1.5.0, for the cluster's 1.9.0 (the tag of "),
        ("dynamo-operator:prod", "by the cluster's CRD and operator 1.5.0 (it does not say its "),
    ],
)
def test_the_summary_says_who_judged(
    linter: Linter, monkeypatch: pytest.MonkeyPatch, image: str, summary: str
) -> None:
    from test_definitions import crd

    kubectl(
        linter.folder,
        monkeypatch,
        crd=crd(),
        deployments=items(DEPLOYMENT.format(image=image, label="")),
    )
    linter.write("g.yaml", GRAPH.replace("vllm-runtime:1.6.1", "vllm-runtime:mine"))
    said = linter.run("--crd-from-cluster", "--only", "api", "g.yaml").output
    assert summary in said
    assert ("runtimeVersionOverride" in said) == (":1.3" not in image)
    assert "by operator 1.1.1: " in linter.run("--operator", "1.1", "g.yaml").output


PLANES = """\
apiVersion: nvidia.com/v1alpha1
kind: DynamoGraphDeployment
metadata: {{name: {name}}}
spec:
  services:
    W:
      componentType: worker
      replicas: 1
      extraPodSpec:
        mainContainer:
          image: nvcr.io/nvidia/ai-dynamo/vllm-runtime:1.6.1
          command: [python3, -m, dynamo.vllm]
          args: [--model, Qwen/Qwen3-0.6B, --event-plane, nats, --tensor-parallel-size, "16"]
"""


@pytest.mark.parametrize(
    ("operator", "rule", "name", "found"),
    [
        ("1.3", "plane-server", "g", False),
        ("1.4", "plane-server", "g", True),
        # NAMESPACE-NAME as a label, and then the hash of a worker.
        ("0.6", "name-length", "g" * 60, False),
        ("0.7", "name-length", "g" * 62, True),
        ("0.9", "name-length", "g" * 54, False),
        ("1.0", "name-length", "g" * 54, True),
    ],
)
def test_what_the_operator_makes_of_it_decides(
    linter: Linter, operator: str, rule: str, name: str, *, found: bool
) -> None:
    linter.write("p.yaml", PLANES.format(name=name))
    said = linter.found("--operator", operator, "--only", rule, "p.yaml")
    assert bool(said) is found


def test_the_operator_s_own_patience_is_that_of_its_release(linter: Linter) -> None:
    probe = "startupProbe: {httpGet: {path: /live, port: system}, failureThreshold: 2}"
    text = PLANES.format(name="g").replace("          args:", f"          {probe}\n          args:")
    linter.write("p.yaml", text)
    for operator, patience in (("0.5", "10 minutes"), ("0.6", "two hours")):
        run = linter.run("--operator", operator, "--only", "probe-budget", "p.yaml")
        assert f"the operator's own waits {patience}" in run.output
