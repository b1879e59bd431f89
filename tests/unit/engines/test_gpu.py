"""Which GPU a component is meant for."""

from __future__ import annotations

import json

import pytest

from dynamo_conformance.engines.gpu import MIB, gpus, named_gpu, products
from dynamo_conformance.manifest.document import read_documents
from dynamo_conformance.manifest.read import read_graph

LABEL = "nvidia.com/gpu.product"


def term(*values: str, operator: str = "In") -> dict[str, object]:
    return {"matchExpressions": [{"key": LABEL, "operator": operator, "values": list(values)}]}


def affinity(*terms: dict[str, object], how: str = "required") -> dict[str, object]:
    chosen = {f"{how}DuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": list(terms)}}
    return {"affinity": {"nodeAffinity": chosen}}


@pytest.mark.parametrize(
    ("annotation", "spec", "named"),
    [
        (None, {}, ()),
        ("NVIDIA-L4", {}, ("NVIDIA-L4",)),
        ("NVIDIA-L4", {"nodeSelector": {LABEL: "NVIDIA-H200"}}, ("NVIDIA-H200",)),
        ("NVIDIA-L4", {"nodeSelector": {"zone": "a"}}, ("NVIDIA-L4",)),
        (None, affinity(term("NVIDIA-L4"), term("NVIDIA-A10")), ("NVIDIA-L4", "NVIDIA-A10")),
        # A node that matches another term may have any GPU.
        ("NVIDIA-L4", affinity(term("NVIDIA-H200"), {"matchExpressions": []}), ("NVIDIA-L4",)),
        ("NVIDIA-L4", affinity(term("NVIDIA-H200", operator="NotIn")), ("NVIDIA-L4",)),
        ("NVIDIA-L4", affinity(term("NVIDIA-H200"), how="preferred"), ("NVIDIA-L4",)),
    ],
)
def test_a_component_before_its_graph(
    annotation: str | None, spec: dict[str, object], named: tuple[str, ...]
) -> None:
    annotations = {"annotations": {"dynamo-conformance/gpu": annotation}} if annotation else {}
    manifest = {
        "apiVersion": "nvidia.com/v1beta1",
        "kind": "DynamoGraphDeployment",
        "metadata": {"name": "g", **annotations},
        "spec": {"components": [{"name": "w", "podTemplate": {"spec": spec}}]},
    }
    (document,) = read_documents(json.dumps(manifest), file="g.yaml")
    graph = read_graph(document)
    (component,) = graph.components
    assert products(component, graph) == named
    smallest = {(): None, ("NVIDIA-L4", "NVIDIA-A10"): "NVIDIA-A10"}
    gpu = named_gpu(component, graph)
    expected = smallest.get(named, named[0] if named else None)
    assert (gpu.product if gpu is not None else None) == expected


def test_every_gpu_has_a_family_and_a_plausible_memory() -> None:
    families = {"Turing", "Ampere", "Ada", "Hopper", "Blackwell"}
    for product, gpu in gpus().items():
        assert gpu.family in families, product
        assert 14_000 * MIB < gpu.memory < 300_000 * MIB, product
