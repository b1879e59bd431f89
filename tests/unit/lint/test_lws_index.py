"""How bad the rank on a LeaderWorkerSet is depends on the cluster."""

from __future__ import annotations

from pathlib import Path

import pytest

from dynamo_conformance.api.cluster_parts import Cluster
from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.rule import Subject
from dynamo_conformance.lint.rules import lws_index
from dynamo_conformance.manifest.document import read_documents
from dynamo_conformance.manifest.read import read_graph

CASE = Path(__file__).parent / "cases" / "lws-index" / "fail" / "argument-list.yaml"
DECLINED = "  annotations: {nvidia.com/enable-grove: 'false'}\n"


def severities(text: str, cluster: Cluster | None) -> list[Severity | None]:
    (document,) = read_documents(text, file="g.yaml")
    subject = Subject(document, read_graph(document), cluster=cluster)
    return [problem.severity for problem in lws_index.check(subject)]


@pytest.mark.parametrize(
    ("cluster", "expected"),
    [
        (None, [Severity.WARNING]),
        (Cluster(lws=True), [Severity.ERROR]),
        (Cluster(lws=True, grove=True), []),
        (Cluster(grove=True), []),
        (Cluster(), []),
    ],
)
def test_the_cluster_decides(cluster: Cluster | None, expected: list[Severity]) -> None:
    assert severities(CASE.read_text(encoding="utf-8"), cluster) == expected


def test_a_graph_that_declines_grove_runs_on_a_leader_worker_set() -> None:
    text = CASE.read_text(encoding="utf-8").replace("metadata:\n", f"metadata:\n{DECLINED}")
    assert severities(text, Cluster(lws=True, grove=True)) == [Severity.ERROR]
