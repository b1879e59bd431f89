"""The cluster of a run, ready for examples: what is done once, before the first of them."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from dynamo_conformance.kube.connection import Connection
from dynamo_conformance.kube.errors import ApiError
from dynamo_conformance.manifest.read import read_graph
from dynamo_conformance.plugin.options import engine_of
from dynamo_conformance.plugin.scheduler import Room
from dynamo_conformance.targets import CPU
from dynamo_conformance.targets.cluster.apply import Manifest
from dynamo_conformance.targets.cluster.capabilities import describe, read_capabilities
from dynamo_conformance.targets.cluster.cluster_target import ClusterTarget, new_run
from dynamo_conformance.targets.cluster.namespace import kept_namespaces, remove_orphans
from dynamo_conformance.targets.cluster.preflight import PreflightOptions, pod_requests, preflight
from dynamo_conformance.targets.cluster.run_state import RunState
from dynamo_conformance.targets.interface import DeployFailure, TargetUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    import pytest

    from dynamo_conformance.manifest.graph import Graph
    from dynamo_conformance.plugin.collect import GraphCollector
    from dynamo_conformance.plugin.jobs import GraphRun
    from dynamo_conformance.targets.cluster.capabilities import ClusterCapabilities
    from dynamo_conformance.targets.cluster.cluster_deployment import ClusterDeployment
    from dynamo_conformance.targets.cluster.namespace import Removal
    from dynamo_conformance.targets.cluster.node_fit import ClusterNode, PodRequests
    from dynamo_conformance.targets.interface import Change
    from dynamo_conformance.targets.kind.base_setup import BaseSetupOptions

    Furnish = Callable[[Manifest, str], None]
    Progress = Callable[[str], None]

KIND = "kind"

STARTING_PER_CORE = 16
"""How many pods with the mock engine start on a core at once, and none misses a liveness probe."""

POD_BYTES = 700 * 2**20
"""What a pod with the mock engine takes at most."""

CPU_POD_BYTES = 3 * 2**30
"""What a pod with an engine on a CPU takes at most."""

ONE_AT_A_TIME = Room(pods=1, starting=1)
"""The room where nodes have real devices, which two examples might both want."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterSession:
    """A cluster that is ready for graphs.

    Attributes:
        connection: The way to it.
        run: The id of this run.
        room: How many pods there are at once.
        where: What it is, in a few words.
        namespace: The namespace to use, or None for one per example.
        bring: Files to apply before each example.
        keeps: Whether graphs are left in the cluster.
        furnish: Puts into a new namespace what the graphs of a file expect there.
        missing: The missing prerequisites of each file.
        needs: What the pods of each file ask for.
        changes: What differs in it from a cluster with GPUs.
        progress: Gets a line for everything that happens.
        removals: What is being removed.
        shared: What its graphs share.
    """

    connection: Connection
    run: str
    room: Room
    where: str
    namespace: str | None
    bring: tuple[Path, ...]
    keeps: bool
    furnish: Furnish
    missing: Mapping[Path, tuple[str, ...]]
    needs: Mapping[Path, tuple[PodRequests, ...]]
    changes: tuple[Change, ...]
    progress: Progress
    removals: list[Removal] = field(default_factory=list)
    shared: RunState = field(default_factory=RunState)

    def plan(self, _graph: GraphCollector) -> str:
        """Return nothing: each file is applied as it is."""
        return ""

    def size(self, graph: GraphCollector) -> tuple[int, tuple[PodRequests, ...]]:
        """Return how many pods a graph has, and what those of its file ask for."""
        components = _graph_of(graph).components
        pods = sum(component.pod_count for component in components)
        return pods, self.needs[graph.path]

    @contextmanager
    def deploy(self, run: GraphRun) -> Iterator[ClusterDeployment]:
        """Apply the file of a graph; leaving the context removes everything again, or keeps it.

        Raises:
            DeployFailure: The cluster cannot hold it, or does not take it.
        """
        graph = run.graphs[0]
        if missing := self.missing[graph.path]:
            what = "the cluster lacks what this example needs"
            raise DeployFailure(what, cause="\n".join(missing))
        target = self._target(graph.path)
        with target.deploy(
            _graph_of(graph), file=graph.path, artifacts=graph.artifacts
        ) as deployment:
            deployment.failures = run.failures
            run.proof["manifest-sha256"] = deployment.sha256
            yield deployment

    def remarks(self, run: GraphRun) -> list[str]:
        """Return what was applied, and what is different in the pods, a line per component."""
        return [f"sha256 {run.proof['manifest-sha256']}", *by_component(run.changes)]

    def _target(self, file: Path) -> ClusterTarget:
        manifest = Manifest.read(file)
        return ClusterTarget(
            connection=self.connection,
            run=self.run,
            namespace=self.namespace,
            bring=self.bring,
            keeps=self.keeps,
            kept=self.progress,
            fill_namespace=lambda namespace: self.furnish(manifest, namespace),
            # In a namespace that stays, the next example needs what this one leaves.
            removed=self._await if self.namespace is not None else self.removals.append,
            progress=_quiet,
            shared=self.shared,
        )

    def _await(self, removal: Removal) -> None:
        removal.wait()


def _graph_of(graph: GraphCollector) -> Graph:
    assert graph.graph is not None  # noqa: S101 - narrows: in a cluster there are only manifests
    return graph.graph


def by_component(changes: tuple[Change, ...]) -> list[str]:
    """Return what is different in the pods, a line per component."""
    fields: dict[str, list[str]] = {}
    for change in changes:
        fields.setdefault(change.where, []).append(change.what.removeprefix("resources."))
    return [f"{where}: {', '.join(what)}" for where, what in fields.items()]


def _quiet(_line: str) -> None:
    """Print nothing: the items of pytest show how far an example is."""


@contextmanager
def open_cluster(
    config: pytest.Config, files: Iterable[Path], *, progress: Progress
) -> Iterator[ClusterSession]:
    """Make the cluster ready; leaving waits until nothing of the run is left in it.

    Args:
        config: pytest's options.
        files: The manifests that are to run.
        progress: Gets a line for what takes long.

    Raises:
        TargetUnavailableError: There is no cluster, or it lacks something that every example needs.
    """
    manifests = {path: Manifest.read(path) for path in files}
    is_kind = config.getoption("--dynamo-target") == KIND
    with ExitStack() as stack:
        if is_kind:
            from dynamo_conformance.targets.kind.base_setup import prepare

            base_setup = stack.enter_context(
                prepare(_base_setup_options(config), manifests.values(), progress=progress)
            )
            connection, options = base_setup.connection, base_setup.preflight_options
            furnish: Furnish = base_setup.add_placeholders
            changes = base_setup.changes
        else:
            connection = stack.enter_context(named_cluster(config))
            furnish, changes = _nothing, ()
            options = PreflightOptions(namespace=config.getoption("--dynamo-namespace"))
        _sweep(connection, progress)
        _report_kept(connection, manifests.values(), progress)
        capabilities = _usable_capabilities(connection, options)
        nodes = capabilities.nodes or ()
        room = _room(nodes, engine_of(config)) if is_kind else replace(ONE_AT_A_TIME, nodes=nodes)
        session = ClusterSession(
            connection=connection,
            run=new_run(),
            room=_within(room, config.getoption("--dynamo-pods")),
            where=describe(connection),
            namespace=config.getoption("--dynamo-namespace"),
            bring=tuple(config.getoption("--dynamo-bring")),
            keeps=config.getoption("--dynamo-keep"),
            furnish=furnish,
            missing=_preflight(connection, manifests, options, capabilities, progress),
            needs={path: _needs(manifest, options) for path, manifest in manifests.items()},
            changes=changes,
            progress=progress,
        )
        stack.callback(_await_all, session.removals, progress)
        for change in changes:
            progress(f"{connection.context}: {change}")
        yield session


def _base_setup_options(config: pytest.Config) -> BaseSetupOptions:
    from dynamo_conformance.targets.kind.base_setup import BaseSetupOptions
    from dynamo_conformance.targets.kind.kind_cluster import KindOptions

    return BaseSetupOptions(
        kind=KindOptions(
            name=config.getoption("--dynamo-kind-cluster"),
            image=config.getoption("--dynamo-kind-image"),
            version=config.getoption("--dynamo-kubernetes-version"),
            delete=config.getoption("--dynamo-kind-delete"),
        ),
        operator=config.getoption("--dynamo-operator"),
        engine=engine_of(config),
        namespace=config.getoption("--dynamo-namespace"),
    )


def named_cluster(config: pytest.Config) -> Connection:
    """Return a connection to the cluster that the options name; it is not open yet."""
    return Connection(
        config.getoption("--dynamo-kubeconfig"), config.getoption("--dynamo-kube-context")
    )


def _nothing(_manifest: Manifest, _namespace: str) -> None:
    """Put nothing into a namespace of somebody's cluster."""


def _sweep(connection: Connection, progress: Progress) -> None:
    """Remove what runs that were killed have left."""
    try:
        orphans = remove_orphans(connection)
    except ApiError as error:
        progress(f"{connection.context}: what earlier runs left is not looked for: {error.message}")
        return
    for orphan in orphans:
        progress(f"{connection.context}: removing {orphan.what}, which an earlier run left")
    _await_all(orphans, progress)


def _report_kept(connection: Connection, manifests: Iterable[Manifest], progress: Progress) -> None:
    """Report the graphs of the same names that earlier runs were to keep."""
    names = {document.name for manifest in manifests for document in manifest.graphs}
    try:
        kept = kept_namespaces(connection)
    except ApiError:
        return  # Then nothing of a run's own can be there either.
    for namespace, graph in kept.items():
        if graph in names:
            remove = connection.kubectl_words("delete", "namespace", namespace)
            what = f"{graph} of an earlier run stays in namespace {namespace}"
            progress(f"{connection.context}: {what}; to remove it: {remove}")


def _await_all(removals: Iterable[Removal], progress: Progress) -> None:
    for removal in removals:
        try:
            removal.wait()
        except DeployFailure as failure:
            progress(str(failure))


def _usable_capabilities(connection: Connection, options: PreflightOptions) -> ClusterCapabilities:
    """Look at the cluster.

    Raises:
        TargetUnavailableError: Something is missing that everything needs.
    """
    capabilities = read_capabilities(connection, namespace=options.namespace)
    if capabilities.missing:
        head = f"the cluster {connection.context} cannot be used:"
        lines = (head, *(f"  {item}" for item in capabilities.missing))
        raise TargetUnavailableError("\n".join(lines))
    return capabilities


def _preflight(
    connection: Connection,
    manifests: Mapping[Path, Manifest],
    options: PreflightOptions,
    capabilities: ClusterCapabilities,
    progress: Progress,
) -> dict[Path, tuple[str, ...]]:
    """Return the missing prerequisites of each file, reported before anything is applied."""
    missing = {
        path: preflight(connection, [manifest], options=options, capabilities=capabilities)
        for path, manifest in manifests.items()
    }
    for path, each in missing.items():
        for item in each:
            progress(f"{path}: {item.what}")
    return {path: tuple(item.what for item in each) for path, each in missing.items()}


def _needs(manifest: Manifest, options: PreflightOptions) -> tuple[PodRequests, ...]:
    """Return what the pods of a file ask for: all its graphs are applied together."""
    return tuple(
        pod for graph in manifest.graphs for pod in pod_requests(read_graph(graph), options)
    )


def _room(nodes: tuple[ClusterNode, ...], engine: str) -> Room:
    """Return how many pods with an engine the nodes of a test cluster hold at once."""
    pod_bytes = CPU_POD_BYTES if engine == CPU else POD_BYTES
    pods, starting = 0, 0
    for node in nodes:
        pods += int(max(node.left.get("memory", 0), 0) / pod_bytes)
        starting += int(node.allocatable.get("cpu", 0) * STARTING_PER_CORE)
    # An engine on a CPU takes a core while it starts, and everything that answers has deadlines.
    return Room(pods=max(pods, 1), starting=1 if engine == CPU else max(starting, 1), nodes=nodes)


def _within(room: Room, wanted: int | None) -> Room:
    """Return the room with as many pods as somebody wants, who knows the cluster better."""
    if not wanted:
        return room
    return replace(room, pods=wanted, starting=max(min(wanted, room.starting), 1))
