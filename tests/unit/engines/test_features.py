"""What a graph is told to do, by its command lines; and what it promises to register."""

from __future__ import annotations

import pytest

from dynamo_conformance.engines.features import GraphFeature, features
from dynamo_conformance.engines.role import Role
from dynamo_conformance.engines.serving import Serving, draft_sources, serving
from dynamo_conformance.manifest.document import read_documents
from dynamo_conformance.manifest.read import read_graph

WORKER = """\
  - name: w
    type: {type}
    replicas: {replicas}
    {more}
    podTemplate:
      spec:
        containers:
        - {{name: main, image: i:1.6.1, command: [python3, -m, {module}], args: [{args}]}}
"""
HEAD = """\
apiVersion: nvidia.com/v1beta1
kind: DynamoGraphDeployment
metadata: {name: g}
spec:
  components:
"""
WRAPPED = (
    '{"kv_connector":"PdConnector","kv_role":"kv_both","kv_connector_extra_config":'
    '{"connectors":[{"kv_connector":"DynamoConnector"}]}}'
)


def worker(
    module: str, args: str, *, type_: str = "worker", replicas: int = 1, more: str = ""
) -> str:
    return WORKER.format(module=module, args=args, type=type_, replicas=replicas, more=more)


def told(text: str) -> frozenset[GraphFeature]:
    (document,) = read_documents(HEAD + text, file="f.yaml")
    return features(read_graph(document))


def served(text: str) -> Serving:
    (document,) = read_documents(HEAD + text, file="f.yaml")
    found = serving(read_graph(document))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("config", "heads"),
    [
        ('{"method":"eagle3","model":"acme/head"}', ("acme/head",)),
        ('{"method":"ngram"}', ()),
        ("{broken", ()),
        ("[1]", ()),
    ],
)
def test_where_draft_heads_come_from(config: str, heads: tuple[str, ...]) -> None:
    text = worker("dynamo.vllm", f"--model, m, --speculative-config, '{config}'")
    (document,) = read_documents(HEAD + text, file="f.yaml")
    assert draft_sources(read_graph(document)) == heads


@pytest.mark.parametrize(
    ("module", "args", "found"),
    [
        ("dynamo.vllm", "--model, m", set()),
        ("dynamo.vllm", "--enable-lora", {GraphFeature.LORA}),
        ("dynamo.sglang", "--model-path, m, --lora-paths, a", {GraphFeature.LORA}),
        ("dynamo.vllm", '--speculative-config, \'{"method":"ngram"}\'', {GraphFeature.SPECULATION}),
        (
            "dynamo.sglang",
            "--model-path, m, --speculative-algorithm, EAGLE",
            {GraphFeature.SPECULATION},
        ),
        ("dynamo.vllm", "--kv-offloading-size, '8'", {GraphFeature.KV_OFFLOAD}),
        (
            "dynamo.vllm",
            '--kv-transfer-config, \'{"kv_connector":"NixlConnector","kv_role":"kv_both"}\'',
            set(),
        ),
        (
            "dynamo.vllm",
            f"--kv-transfer-config, '{WRAPPED}'",
            {GraphFeature.KV_OFFLOAD},
        ),
        (
            "dynamo.sglang",
            "--model-path, m, --enable-hierarchical-cache",
            {GraphFeature.KV_OFFLOAD},
        ),
        ("dynamo.trtllm", "--connector, kvbm", {GraphFeature.KV_OFFLOAD}),
        ("dynamo.vllm", "--dyn-tool-call-parser, hermes", {GraphFeature.TOOL_CALLS}),
        ("dynamo.trtllm", "--dyn-reasoning-parser, qwen3", {GraphFeature.REASONING}),
        (
            "dynamo.vllm",
            "--dyn-tool-call-parser, harmony",
            {GraphFeature.TOOL_CALLS, GraphFeature.HARMONY},
        ),
        (
            "dynamo.sglang",
            "--model-path, m, --dyn-reasoning-parser, gpt_oss",
            {GraphFeature.REASONING, GraphFeature.HARMONY},
        ),
        ("dynamo.vllm", "--enable-multimodal", {GraphFeature.IMAGES}),
        ("dynamo.vllm", "--enable-expert-parallel", {GraphFeature.EXPERTS}),
        ("dynamo.sglang", "--model-path, m, --ep-size, '1'", set()),
        ("dynamo.sglang", "--model-path, m, --ep-size, '16'", {GraphFeature.EXPERTS}),
        ("dynamo.trtllm", "--expert-parallel-size, '8'", {GraphFeature.EXPERTS}),
        ("dynamo.trtllm", "--extra-engine-args, e.yaml", {GraphFeature.OPTIONS}),
        ("dynamo.trtllm", "--trtllm.a.b, '1'", {GraphFeature.OPTIONS}),
        ("dynamo.planner", "--config, '{}'", {GraphFeature.PLANNER}),
    ],
)
def test_a_command_line_tells(module: str, args: str, found: set[GraphFeature]) -> None:
    assert told(worker(module, args)) == found


def test_tensorrt_llm_over_nodes_is_started_by_mpirun() -> None:
    nodes = "multinode: {nodeCount: 2}"
    assert told(worker("dynamo.trtllm", "--model, m", more=nodes)) == {GraphFeature.MPI}
    assert told(worker("dynamo.sglang", "--model-path, m", more=nodes)) == set()


def test_a_component_promises_by_its_type() -> None:
    """Whatever its command line says: lint and a probe hold the two against each other."""
    found = served(
        worker("dynamo.sglang", "--model-path, m", type_="prefill", replicas=2)
        + worker("dynamo.sglang", "--model-path, m", type_="decode").replace("name: w", "name: d")
    )
    assert found.disaggregated
    assert found.roles == {Role.PREFILL: 2, Role.DECODE: 1}
    assert found.registers == {"prefill": (2, 2), "backend": (1, 1)}


def test_each_node_may_register_or_one_for_all() -> None:
    nodes = "multinode: {nodeCount: 2}"
    found = served(worker("dynamo.vllm", "--model, m", replicas=3, more=nodes))
    assert found.registers == {"backend": (3, 6)}


def test_an_endpoint_of_ones_own_is_the_one_that_is_registered() -> None:
    found = served(worker("dynamo.vllm", "--model, m, --endpoint, dyn://n.mine.generate"))
    assert found.registers == {"mine": (1, 1)}


def test_an_embedding_worker_answers_with_vectors() -> None:
    assert served(worker("dynamo.sglang", "--model-path, m, --embedding-worker")).embeds
    assert not served(worker("dynamo.sglang", "--model-path, m")).embeds
