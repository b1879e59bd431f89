"""Examples name the GPU that they are for, in every form, and fit into it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from dynamo_conformance.engines.gpu import gpus, products
from dynamo_conformance.ledger.tree import Kind, read_tree
from dynamo_conformance.lint.engine_memory import memory_use
from dynamo_conformance.lint.rule import Subject
from dynamo_conformance.manifest.read import read_graphs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.ledger.tree import Example
    from dynamo_conformance.lint.engine_memory import MemoryUse
    from dynamo_conformance.manifest.graph import Graph

TREE = read_tree(Path(__file__).parents[3] / "examples")
EXAMPLES = {
    f"{engine.path.name}/{example.name}": example
    for engine in TREE.engines
    for example in engine.examples
}

HEADROOM = 0.05
"""Of the GPU, for what the arithmetic leaves out: activations, CUDA graphs, NCCL."""


def manifests(example: Example) -> Iterator[Graph]:
    for form in example.forms:
        if form.kind is Kind.MANIFEST:
            yield from read_graphs(form.path)


def named(graph: Graph) -> set[tuple[str, ...]]:
    workers = (part for part in graph.components if part.main is not None and part.main.gpus)
    return {products(part, graph) for part in workers}


@pytest.mark.parametrize("name", EXAMPLES)
def test_all_forms_name_one_known_gpu(name: str) -> None:
    example = EXAMPLES[name]
    ((product,),) = set[tuple[str, ...]]().union(*map(named, manifests(example)))
    assert product in gpus()
    for form in example.forms:
        if form.kind is Kind.COMPOSE:
            assert yaml.safe_load(form.path.read_text(encoding="utf-8"))["x-gpu"] == product


def uses() -> Iterator[tuple[str, MemoryUse]]:
    for name, example in EXAMPLES.items():
        for graph in manifests(example):
            assert graph.document is not None
            for settings in Subject(graph.document, graph).settings:
                use = memory_use(settings, graph, {})
                if use is not None:
                    yield f"{name} {settings.part.component.name}", use


def test_what_can_be_counted_fits_with_something_to_spare() -> None:
    counted = dict(uses())
    assert len(counted) > 25
    for name, use in counted.items():
        assert use.cache, name
        assert use.room - use.cache > HEADROOM * use.gpu.memory, name
