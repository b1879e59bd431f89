"""Any cluster as a target: nothing is installed, only what is applied is there and is removed."""

from __future__ import annotations

import asyncio
import secrets
import shlex
import tempfile
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from dynamo_conformance.kube.errors import ApiError
from dynamo_conformance.kube.resources import NAMESPACES, graphs
from dynamo_conformance.manifest.document import V1BETA1
from dynamo_conformance.manifest.read import read_graph
from dynamo_conformance.rendering.environment import HTTP_PORT
from dynamo_conformance.rendering.labels import GRAPH
from dynamo_conformance.rendering.names import frontend_service
from dynamo_conformance.targets.cluster.apply import Manifest, apply, check_absent, take_back
from dynamo_conformance.targets.cluster.cluster_deployment import ClusterDeployment
from dynamo_conformance.targets.cluster.diagnosis import Patience
from dynamo_conformance.targets.cluster.namespace import Namespace, Removal, new_name
from dynamo_conformance.targets.cluster.run_state import RunState
from dynamo_conformance.targets.cluster.watch import Scope, Watch
from dynamo_conformance.targets.interface import DeployFailure, ignore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dynamo_conformance.kube.connection import Connection
    from dynamo_conformance.manifest.graph import Graph

EVENT_SLACK = timedelta(seconds=2)


def new_run() -> str:
    """Return the id of a run."""
    return secrets.token_hex(4)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterTarget:
    """Runs graphs on a cluster.

    What is to be kept stays, whatever became of it: then `kept` gets how to reach and remove it.

    Attributes:
        run: The id of this run; its namespaces carry it.
        namespace: A namespace to use, which stays; None makes one for each example.
        bring: Files with Secrets, claims and the like, to be applied before each graph.
        fill_namespace: Puts into a new namespace what every example finds there.
        keeps: Whether graphs are left in the cluster.
        patience: How long to wait for problems that may pass by themselves.
        removed: Is called with each removal as it begins; the default waits for its end.
        kept: Is called with each line about what was left.
        progress: Is called with what happens, in lines for people.
        shared: What the graphs of the run share.
    """

    connection: Connection
    run: str = field(default_factory=new_run)
    namespace: str | None = None
    bring: tuple[Path, ...] = ()
    fill_namespace: Callable[[str], None] = ignore
    keeps: bool = False
    patience: Patience = field(default_factory=Patience)
    removed: Callable[[Removal], None] = Removal.wait
    kept: Callable[[str], None] = ignore
    progress: Callable[[str], None] = ignore
    shared: RunState = field(default_factory=RunState)
    name: str = "cluster"

    @contextmanager
    def deploy(
        self, graph: Graph, *, file: Path | None = None, artifacts: Path | None = None
    ) -> Iterator[ClusterDeployment]:
        """Apply the file that holds `graph`; leaving the context removes or keeps what was made.

        When it is left with an error, or a failure of the deployment was noted, the folder
        `artifacts` is written first.

        Args:
            graph: The graph.
            file: The published file; None is the file that the graph was read from.
            artifacts: The folder for a failure; None makes a temporary folder that stays.

        Raises:
            DeployFailure: The cluster does not take it.
        """
        manifest = self._manifest(graph, file)
        namespace = self.namespace or new_name(graph.name)
        deployment = ClusterDeployment(
            self.connection,
            Watch(
                self.connection,
                self._scope(graph, namespace, manifest),
                patience=self.patience,
                shared=self.shared,
            ),
            graph,
            manifest=manifest,
            logs=artifacts or Path(tempfile.gettempdir()) / f"dynamo-{namespace}",
        )
        with ExitStack() as stack, deployment.used(self.progress):
            self._start(stack, deployment)
            yield deployment

    def _start(self, stack: ExitStack, deployment: ClusterDeployment) -> None:
        """Apply everything; leaving `stack` removes or keeps what was made."""
        manifest, namespace = deployment.manifest, deployment.namespace
        try:
            self._place(stack, deployment)
            deployment.watch.start()
            self.progress(f"applying {manifest.file} in namespace {namespace}")
            deployment.warnings = apply(self.connection, manifest, namespace=namespace)
        except ApiError as error:
            raise DeployFailure(f"the cluster refuses or is away: {error.message}") from error

    def _manifest(self, graph: Graph, file: Path | None) -> Manifest:
        """Read the file that is applied, and make sure that it still holds the graph."""
        if file is None:
            if graph.document is None:
                raise DeployFailure(f"the graph {graph.name} was read from no file")
            file = Path(graph.document.file)
        manifest = Manifest.read(file)
        if not (graph.root.mapping("metadata") or graph.root).string("name"):
            raise DeployFailure(
                f"the graph in {file} has no name of its own",
                cause="give it metadata.name: what is made of it is found by that name",
            )
        if all(read_graph(document).root != graph.root for document in manifest.graphs):
            raise DeployFailure(
                f"{file} no longer holds the graph {graph.name} that was read from it",
                cause="it was changed since: run again",
            )
        return manifest

    def _place(self, stack: ExitStack, deployment: ClusterDeployment) -> None:
        """Make what must be there before the graph; leaving `stack` removes or keeps it all."""
        manifest, namespace = deployment.manifest, deployment.namespace
        holder = deployment.watch.scope.holder
        brought = [Manifest.read(path) for path in self.bring]
        if self.namespace is None:
            kept_for = deployment.graph.name if self.keeps else ""
            own = Namespace(self.connection, namespace, run=self.run, kept_for=kept_for)
            if self.keeps:
                stack.callback(self._keep, deployment, ("delete", "namespace", namespace))
                stack.callback(own.leave)
            else:
                stack.callback(lambda: self._removed(own.remove(), holder))
            self.shared.enter(holder)
            own.create()
            self.fill_namespace(namespace)
        else:
            for item in (*brought, manifest):
                check_absent(self.connection, item, namespace=namespace)
                if not self.keeps:
                    stack.callback(self._take_back, item, holder)
                self.shared.enter(holder)
            if self.keeps:
                files = [f"--filename={shlex.quote(str(path))}" for path in self.bring]
                files.insert(0, f"--filename={shlex.quote(str(manifest.file))}")
                words = ("delete", f"--namespace={namespace}", "--ignore-not-found", *files)
                stack.callback(self._keep, deployment, words)
        for item in brought:
            apply(self.connection, item, namespace=namespace)

    def _keep(self, deployment: ClusterDeployment, removal: tuple[str, ...]) -> None:
        """Report how to reach a graph that stays, and the words of kubectl that remove it."""
        self.shared.leave(deployment.watch.scope.holder, self.connection.client.now())
        graph, namespace = deployment.graph, deployment.namespace
        with suppress(ApiError):  # Where nobody may look, the lines are printed: they harm nothing.
            if self.connection.get(NAMESPACES, namespace) is None:
                return
        kubectl = self.connection.kubectl_words
        self.kept(f"{graph.name} stays in namespace {namespace}")
        if graph.frontend is not None:
            service = f"service/{frontend_service(graph, graph.frontend)}"
            port = f"{HTTP_PORT}:{HTTP_PORT}"
            self.kept(f"  to reach it: {kubectl('port-forward', '-n', namespace, service, port)}")
            self.kept(f"               curl http://127.0.0.1:{HTTP_PORT}/v1/models")
        self.kept(f"  to remove it: {kubectl(*removal)}")

    def _take_back(self, manifest: Manifest, holder: str) -> None:
        namespace = self.namespace or ""
        what = f"what {manifest.file} made in namespace {namespace}"
        work = asyncio.to_thread(take_back, self.connection, manifest, namespace=namespace)
        self._removed(Removal(what, self.connection.start(work)), holder)

    def _removed(self, removal: Removal, holder: str) -> None:
        now = self.connection.client.now
        removal.when_done(lambda: self.shared.leave(holder, now()))
        self.removed(removal)

    def _scope(self, graph: Graph, namespace: str, manifest: Manifest) -> Scope:
        version = graph.document.version if graph.document is not None else None
        shared = self.namespace is not None
        return Scope(
            namespace=namespace,
            graph=graph.name,
            names=frozenset(document.name for document in manifest.graphs),
            graphs=graphs(version or V1BETA1),
            expected={component.name: component.pod_count for component in graph.components},
            labels=f"{GRAPH}={graph.name}" if shared else "",
            since=self.connection.client.now() - EVENT_SLACK if shared else None,
        )
