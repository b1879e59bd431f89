"""A graph that is in a cluster already: it is found and asked, and nothing is changed."""

from __future__ import annotations

import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from dynamo_conformance.kube.errors import FORBIDDEN, NOT_FOUND, ApiError
from dynamo_conformance.kube.resources import CONFIG_MAPS, KubeObject, graphs
from dynamo_conformance.manifest.config_maps import usable_config_maps
from dynamo_conformance.manifest.document import V1ALPHA1, V1BETA1
from dynamo_conformance.manifest.errors import ManifestError
from dynamo_conformance.manifest.prerequisites import CONFIG_MAP, documents_in, prerequisites
from dynamo_conformance.manifest.read import read_graph
from dynamo_conformance.rendering.labels import GRAPH
from dynamo_conformance.targets.cluster import permissions
from dynamo_conformance.targets.cluster.apply import Manifest
from dynamo_conformance.targets.cluster.cluster_deployment import ClusterDeployment
from dynamo_conformance.targets.cluster.cluster_target import EVENT_SLACK
from dynamo_conformance.targets.cluster.namespace_snapshot import read_graph_status
from dynamo_conformance.targets.cluster.watch import Scope, Watch
from dynamo_conformance.targets.interface import DeployFailure, ignore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dynamo_conformance.kube.connection import Connection
    from dynamo_conformance.manifest.document import Document
    from dynamo_conformance.manifest.graph import Graph

FAILED = "failed"
OF_SERVER = ("managedFields", "resourceVersion", "generation", "uid", "creationTimestamp")
"""What the server writes into the metadata of an object."""

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
LOOK_SECONDS = 5.0
SHOWN = 8
"""How many graphs are listed when none has the name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExistingGraph:
    """A graph in a cluster, as it was when it was read.

    Attributes:
        namespace: Where it is.
        manifest: What the cluster has of it, in place of a file.
    """

    connection: Connection
    namespace: str
    graph: Graph
    manifest: Manifest

    @contextmanager
    def served(
        self, *, artifacts: Path | None = None, progress: Callable[[str], None] = ignore
    ) -> Iterator[ClusterDeployment]:
        """Follow it, and open an address for it; leaving the context closes the address.

        Args:
            artifacts: The folder for a failure; None makes a temporary folder that stays.
            progress: Is called with what happens, in lines for people.
        """
        connection, graph = self.connection, self.graph
        document = graph.document
        version = document.version if document is not None else None
        scope = Scope(
            namespace=self.namespace,
            graph=graph.name,
            names=frozenset({graph.name}),
            graphs=graphs(version or V1BETA1),
            expected={component.name: component.pod_count for component in graph.components},
            labels=f"{GRAPH}={graph.name}",
            since=connection.client.now() - EVENT_SLACK,
        )
        folder = Path(tempfile.gettempdir()) / f"dynamo-{self.namespace}-{graph.name}"
        deployment = ClusterDeployment(
            connection,
            Watch(connection, scope),
            graph,
            manifest=self.manifest,
            logs=artifacts or folder,
            is_applied=False,
        )
        with deployment.used(progress):
            deployment.watch.start()
            _await_first_look(deployment)
            yield deployment


def _await_first_look(deployment: ClusterDeployment) -> None:
    """Wait until the pods are known; where others have scaled the graph, for a while.

    It answers at once: without them nobody would know its workers.
    """
    deadline = time.monotonic() + LOOK_SECONDS
    while deployment.settled_for is None and time.monotonic() < deadline:
        deployment.check()
        time.sleep(LOOK_SECONDS / 50)


def find_existing(connection: Connection, name: str, *, namespace: str | None) -> ExistingGraph:
    """Return a graph that is in a cluster and can be asked.

    Args:
        connection: The cluster.
        name: The graph's name.
        namespace: Where it is; None looks in all namespaces.

    Raises:
        DeployFailure: It is not there, or more than once, or not ready, or may not be asked.
    """
    try:
        value = _only(_listed(connection, namespace), name, connection, namespace)
        place = value.namespace or namespace or ""
        _require_ready(value, connection, place)
        wanted = permissions.READING
        refused = connection.run(permissions.missing(connection.client, wanted, namespace=place))
    except ApiError as error:
        what = f"the graph {name} cannot be looked for: {error.message}"
        raise DeployFailure(what, cause=_who_may(error, namespace)) from error
    if refused:
        lines = [
            f"no permission to {verb} {permission.resource} in namespace {place}: needed for "
            f"{permission.why}"
            for permission, verb in refused
        ]
        cause = "docs/permissions.md lists what asking a graph needs"
        raise DeployFailure("\n".join(lines), cause=cause)
    return _read(connection, value, place)


def _who_may(error: ApiError, namespace: str | None) -> str:
    if error.status != FORBIDDEN:
        return ""
    if namespace is None:
        return "without the right to look into all namespaces, name one: --dynamo-namespace"
    return "docs/permissions.md lists what asking a graph needs"


def _listed(connection: Connection, namespace: str | None) -> list[KubeObject]:
    """Return all graphs, in the newest version that the operator serves.

    Raises:
        DeployFailure: No operator serves any.
    """
    for version in (V1BETA1, V1ALPHA1):
        try:
            listed = connection.list(graphs(version), namespace=namespace)
        except ApiError as error:
            if error.status != NOT_FOUND:
                raise
            continue
        # The items of a list do not say what they are.
        kind = graphs(version)
        head = {"apiVersion": kind.api_version, "kind": kind.kind}
        return [KubeObject({**head, **item}) for item in listed]
    raise DeployFailure(
        f"the cluster {connection.context} has no DynamoGraphDeployment: no Dynamo operator is "
        "installed",
        cause="is it another context? name it with --dynamo-kube-context",
    )


def _only(
    listed: list[KubeObject], name: str, connection: Connection, namespace: str | None
) -> KubeObject:
    """Return the graph of that name.

    Raises:
        DeployFailure: There is none, or there are several.
    """
    named = [item for item in listed if item.name == name]
    if len(named) == 1:
        return named[0]
    if named:
        places = ", ".join(sorted(item.namespace or "" for item in named))
        raise DeployFailure(
            f"{len(named)} namespaces have a graph {name}: {places}",
            cause="name one of them with --dynamo-namespace",
        )
    names = sorted(f"{item.namespace}/{item.name}" for item in listed)
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    there = f"there are: {', '.join(names[:SHOWN])}{more}" if names else "there is none at all"
    where = f"namespace {namespace}" if namespace else f"cluster {connection.context}"
    raise DeployFailure(
        f"no graph {name} in {where}; {there}",
        cause="its name is metadata.name of the DynamoGraphDeployment; it may be in another "
        "namespace (--dynamo-namespace) or cluster (--dynamo-kube-context)",
    )


def _require_ready(value: KubeObject, connection: Connection, namespace: str) -> None:
    """Return when the operator calls a graph ready.

    Raises:
        DeployFailure: It does not; with the operator's reason.
    """
    status = read_graph_status(value)
    ready = status.ready
    who = f"the graph {status.name} in namespace {namespace}"
    if status.is_ending:
        raise DeployFailure(f"{who} is being deleted", cause="apply it again, or name another one")
    if ready is not None and ready.is_true:
        return
    why = f": {ready.message} ({ready.reason})" if ready is not None else ""
    kubectl = connection.kubectl_words
    if status.state == FAILED:
        look = kubectl("describe", "dgd", status.name, "-n", namespace)
        cause = f"it answers once its operator has brought it up; see `{look}`"
        raise DeployFailure(f"{who} has failed{why}", cause=cause)
    what = f"{who} is not ready{why}" if why else f"no operator has looked at {who} yet"
    wait = kubectl("wait", "--for=condition=Ready", f"dgd/{status.name}", "-n", namespace)
    raise DeployFailure(what, cause=f"wait until it is, with `{wait}`, and run again")


def _read(connection: Connection, value: KubeObject, namespace: str) -> ExistingGraph:
    """Read a graph as if it stood in a file, with the ConfigMaps that it names.

    Raises:
        DeployFailure: It cannot be read as a graph.
    """
    file = f"{namespace}/{value.name}.yaml"
    data = yaml.safe_dump(dict(_as_written(value)), sort_keys=False).encode()
    try:
        documents = documents_in(data.decode(), file=file)
        graph = read_graph(documents[0])
    except ManifestError as error:
        raise DeployFailure(f"the graph {value.name} cannot be read: {error}") from error
    beside = _config_maps(connection, documents, namespace)
    return ExistingGraph(
        connection=connection,
        namespace=namespace,
        graph=replace(graph, config_maps=usable_config_maps(beside)),
        manifest=Manifest(file=Path(file), data=data, documents=documents),
    )


def _as_written(value: KubeObject) -> KubeObject:
    """Return an object without what its server and its operator wrote into it."""
    metadata = {key: item for key, item in value.metadata.items() if key not in OF_SERVER}
    annotations = {key: item for key, item in value.annotations.items() if key != LAST_APPLIED}
    rest = {key: item for key, item in value.items() if key not in ("metadata", "status")}
    return KubeObject({**rest, "metadata": {**metadata, "annotations": {**annotations}}})


def _config_maps(
    connection: Connection, documents: tuple[Document, ...], namespace: str
) -> tuple[Document, ...]:
    """Return the ConfigMaps that a graph names, as far as they are there and may be read."""
    names = {item.name for item in prerequisites(documents) if item.kind == CONFIG_MAP}
    read: list[Document] = []
    for name in sorted(names):
        try:
            value = connection.get(CONFIG_MAPS, name, namespace=namespace)
        except ApiError:
            continue  # A right that is better to have.
        if value is not None:
            text = yaml.safe_dump(dict(_as_written(value)))
            read += documents_in(text, file=f"{namespace}/{name}.yaml")
    return tuple(read)
