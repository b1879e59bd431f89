"""Limits of engines: what the data says, and which GPU a component is for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dynamo_conformance.engines import limits
from dynamo_conformance.engines.catalog import RELEASE
from dynamo_conformance.manifest.document import read_documents
from dynamo_conformance.manifest.read import read_graph

DATA = Path(limits.__file__).parent / "data" / f"limits-{RELEASE}.json"
GRAPH = """\
apiVersion: nvidia.com/v1beta1
kind: DynamoGraphDeployment
metadata:
  name: graph
  annotations: {annotations}
spec:
  components:
    - name: Worker
      type: worker
      podTemplate:
        spec: {spec}
"""
SELECTED = "{nodeSelector: {nvidia.com/gpu.product: NVIDIA-B200}}"
TERM = "{key: nvidia.com/gpu.product, operator: %s, values: [%s]}"
AFFINITY = (
    "{affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: "
    "{nodeSelectorTerms: [{matchExpressions: [%s]}]}}}}"
)
HOPPER = "{dynamo-conformance/gpu: NVIDIA-H200}"


def family(annotations: str, spec: str) -> str | None:
    text = GRAPH.replace("{annotations}", annotations).replace("{spec}", spec)
    (document,) = read_documents(text, file="graph.yaml")
    graph = read_graph(document)
    return limits.gpu_family(graph.components[0], graph)


@pytest.mark.parametrize(
    ("product", "expected"),
    [
        ("NVIDIA-H100-80GB-HBM3", "Hopper"),
        ("NVIDIA-GH200-480GB", "Hopper"),
        ("NVIDIA-H200-SHARED", "Hopper"),
        ("NVIDIA-A100-SXM4-80GB-MIG-1g.10gb", "Ampere"),
        ("NVIDIA-L40S", "Ada"),
        ("Tesla-T4", "Turing"),
        ("NVIDIA-GB200", "Blackwell"),
        ("NVIDIA-RTX-PRO-6000-Blackwell-Server-Edition", "RTX Blackwell"),
        ("NVIDIA-RTX-A6000", None),
        ("NVIDIA-X1", None),
    ],
)
def test_a_product_has_a_family(product: str, expected: str | None) -> None:
    assert family(f"{{dynamo-conformance/gpu: {product}}}", "{}") == expected


@pytest.mark.parametrize(
    ("annotations", "spec", "expected"),
    [
        ("{}", "{}", None),
        (HOPPER, "{}", "Hopper"),
        (HOPPER, SELECTED, "Blackwell"),
        ("{}", AFFINITY % TERM % ("In", "NVIDIA-B200, NVIDIA-GB200"), "Blackwell"),
        (HOPPER, AFFINITY % TERM % ("In", "NVIDIA-B200, NVIDIA-H200"), None),
        (HOPPER, AFFINITY % TERM % ("NotIn", "NVIDIA-L4"), "Hopper"),
    ],
)
def test_pods_say_more_than_the_annotation(
    annotations: str, spec: str, expected: str | None
) -> None:
    assert family(annotations, spec) == expected


@pytest.mark.parametrize(
    ("model", "parameters"),
    [
        # The model cards' own numbers; what is not in the experts is attention and embeddings.
        ("deepseek-ai/DeepSeek-R1", 671e9),
        ("moonshotai/Kimi-K2-Instruct", 1.04e12),
        ("Qwen/Qwen3-235B-A22B-FP8", 235e9),
    ],
)
def test_experts_are_nearly_all_of_a_model(model: str, parameters: float) -> None:
    """FP8 weights, so that a byte is a parameter."""
    assert 0.95 * parameters < limits.load().experts[model].bytes < parameters


def test_every_entry_says_where_it_was_read() -> None:
    data = json.loads(DATA.read_text(encoding="utf-8"))
    assert data["release"] == RELEASE
    assert data["date"]
    entries = [
        *data["dispatch"].values(),
        *data["shared_memory"].values(),
        *data["experts"],
        data["expert_copies"],
        data["moe_backends"],
        data["gpu_families"],
    ]
    assert [entry for entry in entries if not entry["source"]] == []


def test_backends_are_for_families_that_gpus_have() -> None:
    known = limits.load()
    families = {*known.families.values(), "RTX Blackwell"}
    for backend in known.moe_backends.values():
        assert {*backend.families, *backend.fp8_blocks} <= families
        assert set(backend.fp8_blocks) <= set(backend.families)
