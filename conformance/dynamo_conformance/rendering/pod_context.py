"""One component with all that the operator knows when it makes its pods."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from dynamo_conformance.rendering import names
from dynamo_conformance.rendering.ways import NEWEST

if TYPE_CHECKING:
    from dynamo_conformance.manifest.graph import Component, Graph
    from dynamo_conformance.rendering.pull_secrets import PullSecret
    from dynamo_conformance.rendering.ways import Ways

ETCD = "etcd"
KUBERNETES = "kubernetes"
CONTAINER_MODE = "container"

DISCOVERY_BACKEND = "nvidia.com/dynamo-discovery-backend"
DISCOVERY_MODE = "nvidia.com/dynamo-kube-discovery-mode"


NODE_RANK = "$(LWS_WORKER_INDEX)"
"""What a LeaderWorkerSet gives each pod, in variables that the kubelet expands: no shell needed."""


class Position(StrEnum):
    """Where a pod stands among the nodes of its replica."""

    ALONE = "alone"
    LEADER = "leader"
    FOLLOWER = "follower"

    @property
    def rank(self) -> str:
        """The rank of the pod's node, as the command line says it: 0 is the leader's."""
        return NODE_RANK if self is Position.FOLLOWER else "0"


@dataclass(frozen=True, slots=True, kw_only=True)
class PodContext:
    """What a pod template is made from.

    Attributes:
        graph: The graph.
        component: The component whose pods are made.
        namespace: The Kubernetes namespace.
        worker_hash: The generation of the graph's workers; empty when operators know none.
        backend: vllm, sglang or trtllm, or None when no engine is recognised.
        annotations: The component's annotations, all sources merged.
        pull_secrets: The secrets of its namespace that open image registries.
        ways: How this operator makes pods.
    """

    graph: Graph
    component: Component
    namespace: str
    worker_hash: str
    backend: str | None
    annotations: dict[str, str]
    pull_secrets: tuple[PullSecret, ...] = ()
    ways: Ways = NEWEST

    @property
    def name(self) -> str:
        """The name of the component's Deployment."""
        return names.workload_name(self.graph, self.component, worker_hash=self.worker_hash)

    @property
    def dynamo_namespace(self) -> str:
        """The Dynamo namespace of the component."""
        return names.dynamo_namespace(
            self.graph, self.component, namespace=self.namespace, ways=self.ways
        )

    @property
    def runtime_namespace(self) -> str:
        """The namespace its processes register in: each generation of workers has its own."""
        if not self.component.is_worker or not self.worker_hash:
            return self.dynamo_namespace
        return f"{self.dynamo_namespace}-{self.worker_hash}"

    @property
    def uses_etcd(self) -> bool:
        """Whether processes find each other through etcd instead of the API server."""
        asked = self.annotations.get(DISCOVERY_BACKEND)
        if self.ways.discovery == KUBERNETES:
            return asked == ETCD
        return self.ways.discovery == ETCD or asked != KUBERNETES

    @property
    def finds_containers(self) -> bool:
        """Whether each container registers by itself, not its pod as a whole."""
        asked = self.annotations.get(DISCOVERY_MODE) == CONTAINER_MODE
        return asked and self.ways.container_mode
