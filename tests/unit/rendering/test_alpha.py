"""What only v1alpha1 says is found in its own document, and in the note on a v1beta1 object."""

from __future__ import annotations

from pathlib import Path

import pytest

from dynamo_conformance.manifest.document import Document, read_documents, read_file
from dynamo_conformance.manifest.read import read_graph
from dynamo_conformance.operator.conversion.round_trip import to_version
from dynamo_conformance.rendering import v1alpha1_extras
from dynamo_conformance.rendering.pod import render

OBSERVED = Path(__file__).parents[2] / "data" / "observed" / "render"
WORKER = """
apiVersion: nvidia.com/v1alpha1
kind: DynamoGraphDeployment
metadata: {name: g}
spec:
  services:
    Other: {componentType: worker, subComponentType: prefill}
    W:
      componentType: worker
      subComponentType: of-my-own
      dynamoNamespace: old
      labels: {a: b}
      annotations: {c: d}
      ingress: {enabled: true, host: h}
"""


def stored(document: Document) -> Document:
    """Return a document as an API server stores it."""
    return Document("", 0, to_version(document.root, "v1beta1"))


@pytest.mark.parametrize("is_stored", [False, True])
def test_what_a_service_says_beside_its_component_is_found(*, is_stored: bool) -> None:
    (document,) = read_documents(WORKER, file="g.yaml")
    graph = read_graph(stored(document) if is_stored else document)
    worker, other = graph.component("W"), graph.component("Other")
    assert v1alpha1_extras.service_labels(graph, worker) == {"a": "b"}
    assert v1alpha1_extras.service_annotations(graph, worker) == {"c": "d"}
    assert v1alpha1_extras.dynamo_namespace(graph, worker) == "old"
    assert v1alpha1_extras.sub_component_type(graph, worker) == "of-my-own"
    assert v1alpha1_extras.sub_component_type(graph, other) == "prefill"
    found = v1alpha1_extras.ingress(graph, worker)
    assert found is not None
    assert found.plain() == {"enabled": True, "host": "h"}
    assert v1alpha1_extras.dynamo_namespace(graph, other) is None
    assert v1alpha1_extras.ingress(graph, other) is None


@pytest.mark.parametrize("is_stored", [False, True])
def test_claims_are_found(*, is_stored: bool) -> None:
    (document,) = read_file(OBSERVED / "06-alpha-pvc-cache.input.yaml")
    graph = read_graph(stored(document) if is_stored else document)
    assert [one.string("name") for one in v1alpha1_extras.pvcs(graph)] == [
        "model-cache",
        "compile-cache",
    ]


def test_a_graph_of_v1beta1_has_none_of_it() -> None:
    (document,) = read_file(OBSERVED / "03-beta-agg-minimal.input.yaml")
    graph = read_graph(document)
    assert v1alpha1_extras.pvcs(graph) == ()
    assert v1alpha1_extras.service(graph, graph.components[0]) is None


def test_the_note_of_the_real_operator_is_read() -> None:
    text = (OBSERVED / "06-alpha-pvc-cache.objects.yaml").read_text()
    (document,) = [
        one for one in read_documents(text, file="") if one.kind == "DynamoGraphDeployment"
    ]
    graph = read_graph(document)
    assert v1alpha1_extras.dynamo_namespace(graph, graph.component("worker")) == "legacy-ns"
    assert len(v1alpha1_extras.pvcs(graph)) == 2


POD = """
apiVersion: nvidia.com/v1alpha1
kind: DynamoGraphDeployment
metadata: {name: g, annotations: {nvidia.com/enable-metrics: object}}
spec:
  annotations: {where: graph, nvidia.com/enable-metrics: graph, kept: graph}
  labels: {where: graph, kept: graph}
  services:
    W:
      componentType: worker
      annotations: {where: service, nvidia.com/enable-metrics: service, own: service}
      labels: {where: service, own: service}
      extraPodMetadata:
        annotations: {where: pod}
        labels: {where: pod}
      extraPodSpec: {mainContainer: {image: "a/b:1.6.1"}}
"""


@pytest.mark.parametrize("is_stored", [False, True])
def test_what_is_said_of_the_pod_wins_over_the_service_and_that_over_the_graph(
    *, is_stored: bool
) -> None:
    (document,) = read_documents(POD, file="g.yaml")
    graph = read_graph(stored(document) if is_stored else document)
    (workload,) = render(graph, namespace="ns")
    annotations, labels = workload.leader.annotations, workload.leader.labels
    found = [(one["where"], one["own"], one["kept"]) for one in (annotations, labels)]
    assert found == [("pod", "service", "graph")] * 2
    assert annotations["nvidia.com/enable-metrics"] == "service"
