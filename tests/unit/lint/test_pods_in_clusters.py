"""Rules on pods that depend on what the cluster has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.api.cluster_parts import Cluster
from dynamo_conformance.lint.rule import Subject
from dynamo_conformance.lint.rules import name_length, pod_value
from dynamo_conformance.manifest.document import read_documents
from dynamo_conformance.manifest.read import read_graph

if TYPE_CHECKING:
    from dynamo_conformance.lint.rule import Rule

GRAPH = """
apiVersion: nvidia.com/v1beta1
kind: DynamoGraphDeployment
metadata:
  name: {name}
spec:
  components:
    - name: decode
      type: decode
      multinode:
        nodeCount: 2
      podTemplate:
        spec:
          restartPolicy: Never
          containers:
            - name: main
              image: nvcr.io/nvidia/ai-dynamo/vllm-runtime:1.6.1
"""


def messages(rule: Rule, *, name: str, cluster: Cluster | None) -> list[str]:
    document = next(read_documents(GRAPH.format(name=name), file="f"))
    return [
        one.message for one in rule.check(Subject(document, read_graph(document), cluster=cluster))
    ]


@pytest.mark.parametrize("cluster", [None, Cluster(), Cluster(lws=True)])
def test_a_deployment_restarts_its_pods_always(cluster: Cluster | None) -> None:
    assert len(messages(pod_value, name="g", cluster=cluster)) == 1


def test_grove_restarts_pods_as_it_likes() -> None:
    assert messages(pod_value, name="g", cluster=Cluster(grove=True)) == []


def test_the_names_of_a_set_are_counted_where_there_are_sets() -> None:
    found = messages(name_length, name="g" * 33, cluster=Cluster(lws=True))
    assert ["at most 52" in one for one in found] == [True]


@pytest.mark.parametrize("cluster", [None, Cluster()])
def test_the_names_of_a_set_are_not_counted_without(cluster: Cluster | None) -> None:
    assert messages(name_length, name="g" * 33, cluster=cluster) == []


def test_grove_has_names_of_its_own() -> None:
    assert messages(name_length, name="g" * 60, cluster=Cluster(grove=True)) == []
