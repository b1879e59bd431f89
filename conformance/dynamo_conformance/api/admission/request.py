"""Requests: what the webhook is asked to admit, in both shapes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dynamo_conformance.manifest.document import V1ALPHA1
from dynamo_conformance.manifest.node import Mapping, Path, Scalar

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.api.cluster_parts import Cluster
    from dynamo_conformance.api.operator_releases import Operator
    from dynamo_conformance.manifest.graph import Component, Graph


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One object that somebody wants to create.

    Attributes:
        root: The object in its own version, after defaults.
        graph: The same in v1beta1 shape, which most rules look at.
        version: Its own version.
        operator: The operator that is asked.
        cluster: What the cluster has, or None when nobody said.
    """

    root: Mapping
    graph: Graph
    version: str
    operator: Operator
    cluster: Cluster | None

    @property
    def is_alpha(self) -> bool:
        """Whether the object was written as v1alpha1."""
        return self.version == V1ALPHA1

    @property
    def spec(self) -> Mapping:
        """The v1beta1-shaped `spec`; empty when there is none."""
        node = self.graph.root.mapping("spec")
        return node if node is not None else Mapping(mark=self.root.mark)

    @property
    def annotations(self) -> Mapping:
        """The object's annotations; empty when there are none."""
        metadata = self.root.mapping("metadata")
        node = metadata.mapping("annotations") if metadata is not None else None
        return node if node is not None else Mapping(mark=self.root.mark)

    @property
    def has_grove(self) -> bool:
        """Whether Grove is known to make the graph's workloads."""
        return self.cluster is not None and self.cluster.grove and not self.graph.declines_grove

    def components(self) -> Iterator[tuple[Path, Component]]:
        """Yield each component with its path, as the operator's messages write it."""
        for index, component in enumerate(self.graph.components):
            yield ("spec", "components", index), component

    def services(self) -> Iterator[tuple[str, Mapping]]:
        """Yield each service of a v1alpha1 object; a null one is passed over."""
        spec = self.root.mapping("spec") if self.is_alpha else None
        services = spec.mapping("services") if spec is not None else None
        for entry in sorted(services or (), key=lambda service: service.key):
            if isinstance(entry.value, Mapping):
                yield entry.key, entry.value


def text_of(node: Mapping, key: str) -> str | None:
    """Return a field as text when it is there, whatever its type, or None."""
    value = node.get(key)
    if not isinstance(value, Scalar) or value.value is None:
        return None
    return str(value.value)
