"""GPUs: which one a component is meant for, and how much memory it has.

A product is called as NVIDIA's operator labels nodes (`nvidia.com/gpu.product`): the driver's name
with dashes for spaces. `data/gpus.json` has for each what the driver reports, with source and date.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from dynamo_conformance.manifest.node import Scalar

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.manifest.graph import Component, Graph
    from dynamo_conformance.manifest.node import Mapping

_DATA = Path(__file__).parent / "data" / "gpus.json"

ANNOTATION = "dynamo-conformance/gpu"
"""The annotation of a graph that names the GPU of its components."""

LABEL = "nvidia.com/gpu.product"
"""The label of nodes by which a component may be kept to a GPU of its own."""

MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """A GPU.

    Attributes:
        product: Its name, as in the label of nodes.
        family: Its architecture: Turing, Ampere, Ada, Hopper, Blackwell.
        memory: Bytes of memory that the driver reports.
    """

    product: str
    family: str
    memory: int


@cache
def gpus() -> dict[str, Gpu]:
    """Return the known GPUs by product."""
    rows = json.loads(_DATA.read_text(encoding="utf-8"))["gpus"]
    return {
        row["product"]: Gpu(
            product=row["product"], family=row["family"], memory=row["memory_mib"] * MIB
        )
        for row in rows
    }


def products(component: Component, graph: Graph) -> tuple[str, ...]:
    """Return the GPUs that a component may run on; none where nothing names any.

    What the component's pods require of a node goes before the annotation of its graph.
    """
    own = _required(component)
    if own:
        return own
    metadata = graph.root.mapping("metadata")
    annotations = metadata.mapping("annotations") if metadata is not None else None
    named = annotations.string(ANNOTATION) if annotations is not None else None
    return (named,) if named else ()


def named_gpu(component: Component, graph: Graph) -> Gpu | None:
    """Return the GPU of a component; of several that it may run on, the one with least memory.

    None stands for one that is not named, or that nothing is known of.
    """
    known = [gpus().get(product) for product in products(component, graph)]
    certain = [gpu for gpu in known if gpu is not None]
    if not certain or len(certain) < len(known):
        return None
    return min(certain, key=lambda gpu: gpu.memory)


def _required(component: Component) -> tuple[str, ...]:
    """Return the products that the node selector, or else the required affinity, allows."""
    spec = component.pod_spec
    if spec is None:
        return ()
    selector = spec.mapping("nodeSelector")
    selected = selector.string(LABEL) if selector is not None else None
    if selected:
        return (selected,)
    # A node has to match one term only: all of them must speak of products.
    terms = [tuple(_products(term)) for term in _terms(spec)]
    return tuple(product for term in terms for product in term) if all(terms) else ()


def _products(term: Mapping) -> Iterator[str]:
    for expression in term.mappings("matchExpressions"):
        if expression.string("key") == LABEL and expression.string("operator") == "In":
            for value in expression.sequence("values"):
                if isinstance(value, Scalar):
                    yield value.text


def _terms(spec: Mapping) -> tuple[Mapping, ...]:
    here: Mapping | None = spec
    for key in ("affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution"):
        here = here.mapping(key) if here is not None else None
    return here.mappings("nodeSelectorTerms") if here is not None else ()
