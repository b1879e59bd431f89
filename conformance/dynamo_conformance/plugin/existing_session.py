"""A graph that is in a cluster already: it is asked, and nothing there is made or changed."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dynamo_conformance.kube.connection import Connection
from dynamo_conformance.plugin.cluster_session import (
    KIND,
    ONE_AT_A_TIME,
    by_component,
    named_cluster,
)
from dynamo_conformance.targets.cluster.capabilities import describe
from dynamo_conformance.targets.cluster.existing import find_existing

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

    from dynamo_conformance.plugin.collect import GraphCollector
    from dynamo_conformance.plugin.jobs import GraphRun
    from dynamo_conformance.plugin.scheduler import Room
    from dynamo_conformance.targets.cluster.cluster_deployment import ClusterDeployment
    from dynamo_conformance.targets.cluster.node_fit import PodRequests


@dataclass(frozen=True, slots=True, kw_only=True)
class ExistingSession:
    """A cluster with the graph that is to be asked.

    Attributes:
        name: The graph's name.
        namespace: Where it is; None looks in all namespaces.
        where: What the cluster is, in a few words.
        room: One graph is all there is.
    """

    connection: Connection
    name: str
    namespace: str | None
    where: str
    room: Room = ONE_AT_A_TIME

    def plan(self, _graph: GraphCollector) -> str:
        """Return nothing: nothing is served."""
        return ""

    def size(self, _graph: GraphCollector) -> tuple[int, tuple[PodRequests, ...]]:
        """Count it as one: its pods are there."""
        return 1, ()

    def remarks(self, run: GraphRun) -> list[str]:
        """Return that it was there, and what is different in the pods, a line per component."""
        return ["was there already", *by_component(run.changes)]

    @contextmanager
    def deploy(self, run: GraphRun) -> Iterator[ClusterDeployment]:
        """Find the graph and open an address for it; nothing is made or removed.

        Raises:
            DeployFailure: It is not there, not ready, or may not be asked.
        """
        collector = run.graphs[0]
        graph = find_existing(self.connection, self.name, namespace=self.namespace)
        collector.describe(graph.graph)
        with graph.served(artifacts=collector.artifacts) as deployment:
            deployment.failures = run.failures
            yield deployment


@contextmanager
def open_existing(config: pytest.Config) -> Iterator[ExistingSession]:
    """Connect to the cluster that the options name; nothing in it is prepared.

    Raises:
        TargetUnavailableError: There is no such kind cluster, or a program is missing.
        ClusterUnavailableError: The kubeconfig leads nowhere.
    """
    with _connection(config) as connection:
        yield ExistingSession(
            connection=connection,
            name=config.getoption("--dynamo-existing"),
            namespace=config.getoption("--dynamo-namespace"),
            where=describe(connection),
        )


def _connection(config: pytest.Config) -> Connection:
    if config.getoption("--dynamo-target") != KIND:
        return named_cluster(config)
    from dynamo_conformance.targets.kind.kind_cluster import existing_cluster

    cluster = existing_cluster(config.getoption("--dynamo-kind-cluster"))
    return Connection(cluster.kubeconfig, cluster.context)
