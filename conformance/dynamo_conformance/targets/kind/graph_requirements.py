"""What a set of graphs demands of the cluster: extended resources, images, orchestrators."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dynamo_conformance.manifest.node import Mapping

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dynamo_conformance.manifest.graph import Component, Graph

NATIVE = ("cpu", "memory", "ephemeral-storage", "storage")
"""What a node has by itself; `hugepages-*` is native too, and cannot be made up."""

_SIDES = ("limits", "requests")


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirements:
    """What graphs need of a cluster, taken together.

    Attributes:
        resources: The extended resources that any container names, `nvidia.com/gpu` and others.
        images: The images that hold Dynamo components, by the names the manifests use.
        spans: Whether a replica of any component spans several nodes.
    """

    resources: frozenset[str]
    images: frozenset[str]
    spans: bool

    @classmethod
    def of(cls, graphs: Iterable[Graph]) -> Requirements:
        """Return what `graphs` need together."""
        components = [component for graph in graphs for component in graph.components]
        return cls(
            resources=frozenset(name for item in components for name in _extended(item)),
            images=frozenset(name for item in components for name in _images(item)),
            spans=any(item.node_count > 1 for item in components),
        )

    def __or__(self, other: Requirements) -> Requirements:
        """Return both demands together."""
        return Requirements(
            resources=self.resources | other.resources,
            images=self.images | other.images,
            spans=self.spans or other.spans,
        )


def _extended(component: Component) -> Iterator[str]:
    for node in _all_containers(component):
        resources = node.mapping("resources") or Mapping()
        for side in _SIDES:
            for entry in resources.mapping(side) or ():
                if entry.key not in NATIVE and "/" in entry.key:
                    yield entry.key


def _images(component: Component) -> Iterator[str]:
    """Yield the images whose containers run Dynamo: `main`, and a frontend beside it."""
    sidecar = component.node.string("frontendSidecar")
    for container in component.containers:
        if container.image and (container.name in ("main", sidecar)):
            yield container.image


def _all_containers(component: Component) -> Iterator[Mapping]:
    spec = component.pod_spec
    if spec is not None:
        yield from spec.mappings("containers")
        yield from spec.mappings("initContainers")
