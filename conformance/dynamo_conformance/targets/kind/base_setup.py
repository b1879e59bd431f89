"""A kind cluster set up for manifests: the cluster, an operator, and what graphs need of it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dynamo_conformance.kube.connection import Connection
from dynamo_conformance.kube.resources import KubeObject
from dynamo_conformance.manifest.read import read_graph
from dynamo_conformance.targets import MOCK
from dynamo_conformance.targets.cluster.preflight import PreflightOptions
from dynamo_conformance.targets.image_names import engine_image
from dynamo_conformance.targets.kind.graph_requirements import Requirements
from dynamo_conformance.targets.kind.kind_cluster import open_cluster
from dynamo_conformance.targets.kind.leader_worker_set import ensure_orchestrator
from dynamo_conformance.targets.kind.operator_setup import ensure_operator
from dynamo_conformance.targets.kind.placeholders import changes, placeholders
from dynamo_conformance.targets.kind.simulated_resources import (
    REQUESTS,
    UNSCALED,
    advertise,
    apply,
    policy_version,
    scale_requests,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future

    from dynamo_conformance.manifest.graph import Graph
    from dynamo_conformance.manifest.node import Plain
    from dynamo_conformance.targets.cluster.apply import Manifest
    from dynamo_conformance.targets.interface import Change
    from dynamo_conformance.targets.kind.kind_cluster import KindCluster, KindOptions

DEFAULT_NAMESPACE = "default"
"""Where people apply a manifest by hand: what it expects is there too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseSetupOptions:
    """What is asked for.

    Attributes:
        kind: Which cluster.
        operator: `auto`, `reference` or `real`.
        engine: What stands for the published engines: `mock`, `cpu`, or `real` for nothing.
        namespace: The namespace that examples are to use, or None for their own.
    """

    kind: KindOptions
    operator: str = "auto"
    engine: str = MOCK
    namespace: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseSetup:
    """A kind cluster in which graphs can be applied.

    Attributes:
        connection: The way to its API.
        preflight_options: What a graph need not bring.
        changes: What differs from a cluster with GPUs.
    """

    cluster: KindCluster
    connection: Connection
    preflight_options: PreflightOptions
    changes: tuple[Change, ...]

    def add_placeholders(self, manifest: Manifest, namespace: str) -> None:
        """Put placeholders of what a file's graphs expect into a namespace."""
        apply(self.connection, placeholders(manifest.documents), namespace=namespace)


@contextmanager
def prepare(
    options: BaseSetupOptions, manifests: Iterable[Manifest], *, progress: Callable[[str], None]
) -> Iterator[BaseSetup]:
    """Make a kind cluster ready for `manifests`; leaving closes the connection to it.

    Raises:
        TargetUnavailableError: Something it needs is missing on this machine.
    """
    listed = list(manifests)
    graphs = [read_graph(document) for manifest in listed for document in manifest.graphs]
    with ExitStack() as stack:
        cluster = open_cluster(options.kind, progress=progress)
        if options.kind.delete:
            stack.callback(cluster.delete)
        connection = stack.enter_context(Connection(cluster.kubeconfig, cluster.context))
        scaling = policy_version(connection)
        made = _in_parallel(
            cluster,
            connection,
            options,
            graphs,
            scaling=scaling,
            progress=progress,
        )
        # A file may hold what another file expects, so each is read by itself.
        expected = _merged(item for manifest in listed for item in placeholders(manifest.documents))
        apply(connection, expected, namespace=DEFAULT_NAMESPACE)
        yield BaseSetup(
            cluster=cluster,
            connection=connection,
            preflight_options=PreflightOptions(
                namespace=options.namespace,
                provided=frozenset(KubeObject(item).key for item in expected),
                scaled=REQUESTS if scaling is not None else {},
                small="" if scaling is not None else f" ({UNSCALED})",
            ),
            changes=(*made, *changes(expected)),
        )


def _in_parallel(
    cluster: KindCluster,
    connection: Connection,
    options: BaseSetupOptions,
    graphs: list[Graph],
    *,
    scaling: str | None,
    progress: Callable[[str], None],
) -> tuple[Change, ...]:
    """Give the cluster an operator and what graphs require, all parts at the same time.

    Args:
        cluster: The cluster.
        connection: The way to its API.
        options: The options of the cluster.
        graphs: What is to be served.
        scaling: The version of the policy that scales requests; None where the cluster takes none.
        progress: Is called with what takes long.

    Returns:
        What is different here from a cluster with GPUs.

    Raises:
        TargetUnavailableError: A part cannot be had.
    """
    required, image = Requirements.of(graphs), engine_image(options.engine, graphs)
    with ThreadPoolExecutor(max_workers=5, thread_name_prefix="kind") as pool:
        programs: list[Future[object]] = [
            pool.submit(
                ensure_operator, connection, cluster, wanted=options.operator, progress=progress
            )
        ]
        parts: list[Future[tuple[Change, ...]]] = [
            pool.submit(advertise, connection, required.resources),
            pool.submit(scale_requests, connection, scaling),
        ]
        if image is not None:
            parts.append(pool.submit(image.load, cluster, required.images, progress=progress))
        if required.spans:
            programs.append(pool.submit(ensure_orchestrator, connection, progress=progress))
        made = tuple(change for part in parts for change in part.result())
        for program in programs:
            program.result()
    return made


def _merged(objects: Iterable[dict[str, Plain]]) -> tuple[dict[str, Plain], ...]:
    """Return objects without repetitions; of two of a name, with the entries of both."""
    merged: dict[tuple[str, str], dict[str, Plain]] = {}
    for item in objects:
        known = merged.setdefault(KubeObject(item).key, item)
        for part in ("data", "stringData"):
            held, added = known.get(part), item.get(part)
            if isinstance(held, dict) and isinstance(added, dict):
                held.update(added)
    return tuple(merged.values())
