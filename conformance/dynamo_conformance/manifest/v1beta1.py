"""nvidia.com/v1beta1 objects, read into the `Graph`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.manifest.graph import Component, Graph, env_vars
from dynamo_conformance.manifest.node import Mapping, Mark, Scalar

if TYPE_CHECKING:
    from dynamo_conformance.manifest.document import Document

DEFAULT_REPLICAS = 1
DEFAULT_NODE_COUNT = 2
"""What `multinode: {}` means; a component without `multinode` runs on one node."""


def read(root: Mapping, *, document: Document | None = None) -> Graph:
    """Return the graph that a v1beta1 object describes.

    Reading never fails: what has the wrong type reads as absent, since it is the schema check's
    business to say so.
    """
    metadata = root.mapping("metadata") or Mapping()
    spec = root.mapping("spec") or Mapping()
    return Graph(
        name=metadata.string("name") or metadata.string("generateName") or "",
        namespace=metadata.string("namespace"),
        backend_framework=spec.string("backendFramework"),
        env=env_vars(spec.sequence("env")),
        components=tuple(_component(node) for node in spec.mappings("components")),
        root=root,
        document=document,
    )


def _component(node: Mapping) -> Component:
    replicas = node.integer("replicas")
    return Component(
        name=node.string("name") or "",
        type=node.string("type"),
        replicas=DEFAULT_REPLICAS if replicas is None else replicas,
        node_count=_node_count(node),
        pod_template=node.mapping("podTemplate"),
        node=node,
        mark=_name_mark(node),
    )


def _node_count(node: Mapping) -> int:
    multinode = node.mapping("multinode")
    if multinode is None:
        return 1
    count = multinode.integer("nodeCount")
    return DEFAULT_NODE_COUNT if count is None else count


def _name_mark(node: Mapping) -> Mark:
    name = node.get("name")
    return name.mark if isinstance(name, Scalar) else node.mark
