"""What graphs demand of a cluster."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

from dynamo_conformance.manifest.document import read_documents
from dynamo_conformance.manifest.read import read_graph, read_graphs
from dynamo_conformance.targets.kind.graph_requirements import Requirements

EXAMPLES = Path(__file__).parents[4] / "examples/llm/vllm_v1/launch/k8s"


def test_a_multinode_example_asks_for_gpus_rdma_and_an_orchestrator() -> None:
    demand = Requirements.of(read_graphs(EXAMPLES / "deepseek_r1/agg_dp.yaml"))
    assert demand.resources == {"nvidia.com/gpu", "rdma/ib"}
    assert demand.images == {"nvcr.io/nvidia/ai-dynamo/vllm-runtime:1.6.1"}
    assert demand.spans


def test_both_api_versions_demand_the_same() -> None:
    for older in (EXAMPLES / "v1alpha1").glob("*.yaml"):
        path = EXAMPLES / older.name
        assert Requirements.of(read_graphs(path)) == Requirements.of(read_graphs(older)), path.name


def test_only_containers_that_run_dynamo_are_stood_in_for() -> None:
    text = """
        apiVersion: nvidia.com/v1beta1
        kind: DynamoGraphDeployment
        metadata: {name: g}
        spec:
          components:
            - name: W
              type: worker
              frontendSidecar: front
              podTemplate:
                spec:
                  initContainers:
                    - {name: fetch, image: "init:1", resources: {limits: {vendor.com/disk: 1}}}
                  containers:
                    - {name: main, image: "engine:1"}
                    - {name: front, image: "front:1"}
                    - {name: logs, image: "logs:1", resources: {requests: {cpu: 1}}}
        """
    (document,) = read_documents(dedent(text), file="g.yaml")
    demand = Requirements.of([read_graph(document)])
    assert demand.images == {"engine:1", "front:1"}
    assert demand.resources == {"vendor.com/disk"}
    assert not demand.spans


def test_demands_add_up() -> None:
    one = Requirements(resources=frozenset({"a/b"}), images=frozenset(), spans=False)
    two = Requirements(resources=frozenset(), images=frozenset({"i"}), spans=True)
    both = Requirements(resources=frozenset({"a/b"}), images=frozenset({"i"}), spans=True)
    assert one | two == both
