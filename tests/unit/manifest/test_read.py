"""Documents and graphs of both API versions."""

from __future__ import annotations

from pathlib import Path

import pytest

from dynamo_conformance.manifest import v1alpha1
from dynamo_conformance.manifest.document import read_documents, read_file, sources
from dynamo_conformance.manifest.errors import ManifestError
from dynamo_conformance.manifest.node import Mapping, Plain, path_text
from dynamo_conformance.manifest.read import read_graph, read_graphs
from dynamo_conformance.manifest.yaml import MAX_TEXT

OBSERVED = Path(__file__).parents[2] / "data" / "observed"
EXAMPLES = Path(__file__).parents[3] / "examples"
TO_BETA = sorted(OBSERVED.glob("convert/*.as-v1beta1.yaml"))

OURS_TO_LEAVE = (
    "nvidia.com/dgd-spec",
    "nvidia.com/current-worker-hash-v2",
    "nvidia.com/dynamo-operator-origin-version",
    "nvidia.com/workload-provider",
)
"""Annotations of the webhook and the controller, which are no part of a conversion."""

BOTH = """\
apiVersion: nvidia.com/v1alpha1
kind: DynamoGraphDeployment
metadata: {name: g}
spec:
  services:
    worker:
      componentType: worker
      subComponentType: prefill
      resources: {limits: {gpu: "2"}}
      envs: [{name: A, value: service}, {name: B, value: "1"}]
      extraPodSpec:
        mainContainer:
          image: x/y:1.6.1
          args: [--model, m/m]
          env: [{name: A, value: main}]
"""


def test_the_observed_conversions_are_there() -> None:
    assert len(TO_BETA) == 4


@pytest.mark.parametrize("expected", TO_BETA, ids=lambda path: path.stem)
def test_v1alpha1_becomes_what_the_operator_makes_of_it(expected: Path) -> None:
    name = expected.name.removesuffix(".as-v1beta1.yaml")
    (document,) = read_file(OBSERVED / "render" / f"{name}.input.yaml")
    converted = v1alpha1.to_v1beta1(document.root).plain()
    (wanted,) = read_file(expected)
    assert _with_replicas(converted) == _without_bookkeeping(wanted.root)


def test_a_converted_value_still_points_at_its_source() -> None:
    (document,) = read_documents(BOTH, file="g.yaml")
    graph = read_graph(document)
    (worker,) = graph.components
    assert worker.main is not None
    assert (worker.type, worker.main.gpus) == ("prefill", 2)
    word = worker.main.args[1]
    assert (word.text, word.mark.line) == ("m/m", 14)
    where = path_text(document.path_at(word.mark))
    assert where == "spec.services.worker.extraPodSpec.mainContainer.args[1]"
    assert [(var.name, var.value) for var in worker.main.env] == [("A", "main"), ("B", "1")]


@pytest.mark.parametrize(
    "alpha",
    sorted(EXAMPLES.rglob("launch/k8s/v1alpha1/**/*.yaml")),
    ids=lambda path: path.stem,
)
def test_both_versions_of_an_example_are_one_graph(alpha: Path) -> None:
    folder = next(parent for parent in alpha.parents if parent.name == "v1alpha1")
    beta = folder.parent / alpha.relative_to(folder)
    (one,), (other,) = read_graphs(beta), read_graphs(alpha)
    assert one == other


def test_a_file_without_a_graph_says_what_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "cm.yaml"
    path.write_text("apiVersion: v1\nkind: ConfigMap\n", encoding="utf-8")
    with pytest.raises(ManifestError, match="holds no DynamoGraphDeployment, only ConfigMap"):
        read_graphs(path)


def test_an_unknown_version_names_the_nearest() -> None:
    text = "apiVersion: nvidia.com/v1beta2\nkind: DynamoGraphDeployment\n"
    (document,) = read_documents(text, file="g.yaml")
    with pytest.raises(ManifestError, match=r'unknown API version .*did you mean "v1beta1"'):
        read_graph(document)


def test_other_text_encodings_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "latin.yaml"
    path.write_bytes(b"a: 1\nb: \xe9\n")
    with pytest.raises(ManifestError, match=r"latin\.yaml:2:4: not UTF-8 text"):
        read_file(path)


def _with_replicas(root: Plain) -> Plain:
    """Fill in the default of the mutating webhook, which the recorded objects have passed."""
    assert isinstance(root, dict)
    spec = root["spec"]
    assert isinstance(spec, dict)
    components = spec["components"]
    assert isinstance(components, list)
    for component in components:
        assert isinstance(component, dict)
        component.setdefault("replicas", 1)
    return root


def _without_bookkeeping(root: Mapping) -> Plain:
    plain = root.plain()
    assert isinstance(plain, dict)
    metadata = plain["metadata"]
    assert isinstance(metadata, dict)
    annotations = metadata.pop("annotations", {})
    assert isinstance(annotations, dict)
    kept = {key: value for key, value in annotations.items() if key not in OURS_TO_LEAVE}
    if kept:
        metadata["annotations"] = kept
    return plain


def test_a_document_that_no_api_server_takes_is_refused_before_it_is_parsed() -> None:
    first, second = sources(f"kind: ConfigMap\n---\na: {'x' * MAX_TEXT}\n", file="g.yaml")
    assert [one.kind for one in first.documents()] == ["ConfigMap"]
    with pytest.raises(ManifestError, match=r"g\.yaml:2:1: larger than 3 MiB"):
        second.documents()
