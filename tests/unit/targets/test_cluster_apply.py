"""The published file itself is applied, and it must be the one that was read."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from dynamo_conformance.kube.connection import Connection
from dynamo_conformance.kube.errors import ClusterUnavailableError
from dynamo_conformance.kube.resources import KubeObject
from dynamo_conformance.manifest.read import read_graphs
from dynamo_conformance.targets.cluster.apply import Manifest
from dynamo_conformance.targets.cluster.artifacts import _yaml, belongs
from dynamo_conformance.targets.cluster.cluster_target import ClusterTarget
from dynamo_conformance.targets.interface import DeployFailure

AGG = Path(__file__).parents[3] / "examples" / "llm" / "vllm_v1" / "launch" / "k8s" / "agg.yaml"
JOB = "---\napiVersion: batch/v1\nkind: Job\nmetadata: {generateName: fetch-}\n"


def copied(folder: Path, *changes: tuple[str, str], more: str = "") -> Path:
    text = AGG.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = folder / "agg.yaml"
    path.write_text(text + more, encoding="utf-8")
    return path


def test_the_checksum_is_that_of_the_bytes() -> None:
    assert Manifest.read(AGG).sha256 == hashlib.sha256(AGG.read_bytes()).hexdigest()


def test_a_file_that_changes_meanwhile_is_noticed(tmp_path: Path) -> None:
    path = copied(tmp_path)
    manifest = Manifest.read(path)
    manifest.check_unchanged()
    path.write_text(path.read_text() + "\n")
    with pytest.raises(DeployFailure, match="was changed while it was applied"):
        manifest.check_unchanged()
    path.unlink()
    with pytest.raises(DeployFailure, match="was changed"):
        manifest.check_unchanged()


def test_only_what_has_names_can_be_applied(tmp_path: Path) -> None:
    assert Manifest.read(AGG).verb == "apply"
    assert Manifest.read(copied(tmp_path, more=JOB)).verb == "create"


@pytest.mark.parametrize("content", [b"a: [", b"\xff\xfe", None])
def test_what_cannot_be_read_is_said(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "x.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DeployFailure, match="cannot be read"):
        Manifest.read(path)


def test_a_file_that_no_longer_holds_the_graph_is_not_applied(tmp_path: Path) -> None:
    path = copied(tmp_path)
    (graph,) = read_graphs(path)
    copied(tmp_path, ("replicas: 1", "replicas: 2"))
    target = ClusterTarget(connection=Connection(tmp_path / "none"))
    with (
        pytest.raises(DeployFailure, match="no longer holds the graph vllm-agg"),
        target.deploy(graph),
    ):
        pass


def test_a_graph_without_a_name_is_not_applied(tmp_path: Path) -> None:
    (graph,) = read_graphs(copied(tmp_path, ("name: vllm-agg", "generateName: vllm-agg-")))
    target = ClusterTarget(connection=Connection(tmp_path / "none"))
    with pytest.raises(DeployFailure, match="no name of its own"), target.deploy(graph):
        pass


def test_a_graph_of_no_file_is_not_applied(tmp_path: Path) -> None:
    (graph,) = read_graphs(AGG)
    target = ClusterTarget(connection=Connection(tmp_path / "none"))
    made = replace(graph, document=None)
    with pytest.raises(DeployFailure, match="was read from no file"), target.deploy(made):
        pass


def test_no_cluster_is_taken_by_accident(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    current = tmp_path / "config"
    current.write_text("apiVersion: v1\nkind: Config\ncurrent-context: prod\n")
    monkeypatch.setenv("KUBECONFIG", str(current))
    with pytest.raises(ClusterUnavailableError, match="no cluster was named"):
        Connection().open()
    with pytest.raises(ClusterUnavailableError, match="no kubeconfig at"):
        Connection(tmp_path / "none").open()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ClusterUnavailableError, match="kubectl is not installed"):
        Connection(current).open()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"metadata": {"name": "agg"}}, True),
        ({"metadata": {"name": "agg-frontend"}}, True),
        ({"metadata": {"name": "aggregator"}}, False),
        (
            {
                "metadata": {
                    "name": "x",
                    "labels": {"nvidia.com/dynamo-graph-deployment-name": "agg"},
                }
            },
            True,
        ),
        (
            {"metadata": {"name": "x", "labels": {"nvidia.com/dynamo-graph-deployment-name": "b"}}},
            False,
        ),
        ({"metadata": {"name": "x.1"}, "involvedObject": {"name": "agg-frontend-5"}}, True),
        ({"metadata": {"name": "agg-x.1"}, "involvedObject": {"name": "other"}}, False),
    ],
)
def test_of_a_shared_namespace_only_the_graph_is_kept(value: KubeObject, expected: bool) -> None:  # noqa: FBT001
    assert belongs(KubeObject(value), "agg") is expected


def test_an_object_is_kept_as_yaml() -> None:
    pod = KubeObject(kind="Pod", spec={"nodeName": "n"})
    assert _yaml(pod) == "kind: Pod\nspec:\n  nodeName: n\n"
