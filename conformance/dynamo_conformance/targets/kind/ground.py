"""A kind cluster made ready for a set of manifests: the cluster, its world, and an operator."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dynamo_conformance.kube.connection import Connection
from dynamo_conformance.kube.resources import name_of
from dynamo_conformance.manifest.read import read_graph
from dynamo_conformance.targets.cluster.preflight import Terms
from dynamo_conformance.targets.kind.cluster import open_cluster
from dynamo_conformance.targets.kind.demand import Demand
from dynamo_conformance.targets.kind.dummies import changes, dummies
from dynamo_conformance.targets.kind.objects import apply
from dynamo_conformance.targets.kind.operators import ensure_operator
from dynamo_conformance.targets.kind.policy import REQUESTS
from dynamo_conformance.targets.kind.world import UNSCALED, furnish, policy_version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from dynamo_conformance.manifest.node import Plain
    from dynamo_conformance.targets.cluster.apply import Manifest
    from dynamo_conformance.targets.kind.cluster import KindCluster, KindOptions
    from dynamo_conformance.targets.target import Change

DEFAULT_NAMESPACE = "default"
"""Where people apply a manifest by hand: what it expects is there too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroundOptions:
    """What is asked for.

    Attributes:
        kind: Which cluster.
        operator: `auto`, `reference` or `real`.
        mock: Whether the mock engine stands for the real ones.
        namespace: The namespace that examples are to use, or None for their own.
    """

    kind: KindOptions
    operator: str = "auto"
    mock: bool = True
    namespace: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """A kind cluster in which graphs can be applied.

    Attributes:
        cluster: The cluster.
        connection: The way to its API.
        terms: What a graph need not bring.
        changes: What differs from a cluster with GPUs.
    """

    cluster: KindCluster
    connection: Connection
    terms: Terms
    changes: tuple[Change, ...]

    def furnish(self, manifest: Manifest, namespace: str) -> None:
        """Put dummies of what a file's graphs expect into a namespace."""
        apply(self.connection, dummies(manifest.documents), namespace=namespace)


@contextmanager
def prepare(
    options: GroundOptions, manifests: Iterable[Manifest], *, progress: Callable[[str], None]
) -> Iterator[Ground]:
    """Make a kind cluster ready for `manifests`; leaving closes the connection to it.

    Raises:
        TargetUnavailableError: Something it needs is missing on this machine.
    """
    listed = list(manifests)
    graphs = [read_graph(document) for one in listed for document in one.graphs]
    with ExitStack() as stack:
        cluster = open_cluster(options.kind, progress=progress)
        if options.kind.delete:
            stack.callback(cluster.delete)
        connection = stack.enter_context(Connection(cluster.kubeconfig, cluster.context))
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="operator") as pool:
            operator = pool.submit(
                ensure_operator, connection, cluster, wanted=options.operator, progress=progress
            )
            scaling = policy_version(connection)
            made = furnish(
                cluster,
                connection,
                Demand.of(graphs),
                mock=options.mock,
                scaling=scaling,
                progress=progress,
            )
            operator.result()
        # A file may give what another one expects, so each is looked at by itself.
        expected = _once(one for each in listed for one in dummies(each.documents))
        apply(connection, expected, namespace=DEFAULT_NAMESPACE)
        yield Ground(
            cluster=cluster,
            connection=connection,
            terms=Terms(
                namespace=options.namespace,
                provided=frozenset((str(one["kind"]), name_of(one)) for one in expected),
                scaled=REQUESTS if scaling is not None else {},
                small="" if scaling is not None else f" ({UNSCALED})",
            ),
            changes=(*made, *changes(expected)),
        )


def _once(objects: Iterable[dict[str, Plain]]) -> tuple[dict[str, Plain], ...]:
    """Return objects without repetitions; of two of a name, with the entries of both."""
    found: dict[tuple[str, str], dict[str, Plain]] = {}
    for one in objects:
        known = found.setdefault((str(one["kind"]), name_of(one)), one)
        for part in ("data", "stringData"):
            held, added = known.get(part), one.get(part)
            if isinstance(held, dict) and isinstance(added, dict):
                held.update(added)
    return tuple(found.values())
