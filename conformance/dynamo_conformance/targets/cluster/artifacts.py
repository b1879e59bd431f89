"""The folder that a failed example leaves: all there was to see, and one page to read first."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import yaml

from dynamo_conformance.kube import resources as kinds
from dynamo_conformance.kube.errors import NOT_FOUND, ApiError
from dynamo_conformance.kube.resources import as_mapping, graphs
from dynamo_conformance.manifest.masking import masked
from dynamo_conformance.rendering.labels import GRAPH
from dynamo_conformance.targets.cluster.diagnosis import LogSource
from dynamo_conformance.targets.cluster.namespace_snapshot import last_seen, read_event

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from dynamo_conformance.kube.client import Client
    from dynamo_conformance.kube.connection import Connection
    from dynamo_conformance.kube.resources import KubeObject, Resource
    from dynamo_conformance.targets.cluster.apply import Manifest
    from dynamo_conformance.targets.cluster.failure_page import FailurePage
    from dynamo_conformance.targets.cluster.transcript import Transcript

GATHER_SECONDS = 40.0
LOG_BYTES = 2 * 2**20
OBJECT_FILE_CHARACTERS = 4 * 2**20
LOGS = "logs"
_NO_LOG = ("waiting to start", "not found", "is terminated")

_KINDS = (
    kinds.PODS, kinds.DEPLOYMENTS, kinds.REPLICA_SETS, kinds.STATEFUL_SETS,
    kinds.LEADER_WORKER_SETS, kinds.SERVICES, kinds.ENDPOINT_SLICES, kinds.CLAIMS,
    kinds.CONFIG_MAPS, kinds.SECRETS, kinds.COMPONENTS, kinds.WORKERS,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Where everything about a failed deployment is to be had.

    Attributes:
        manifest: What was applied.
        version: The API version of its graphs.
        of_graph: The graph whose objects alone are kept; empty when all of the namespace is ours.
        page: The page that a person reads first.
        transcript: Requests to the endpoint and its answers.
    """

    connection: Connection
    namespace: str
    manifest: Manifest
    version: str
    of_graph: str
    page: FailurePage
    transcript: Transcript


def keep(evidence: Evidence, folder: Path) -> None:
    """Write all that is to be had into `folder`; what is not to be had is named in its page."""
    folder.mkdir(parents=True, exist_ok=True)
    manifest = evidence.manifest
    missed = evidence.page.missed
    written = manifest.data.decode("utf-8", "replace")
    shown = masked(written, manifest=True)
    if shown == written:
        (folder / manifest.file.name).write_bytes(manifest.data)
    else:
        _write(folder / manifest.file.name, written)
        missed.append("secrets of the manifest: `***` in its copy, not in what sha256 is of")
    checksum = f"{manifest.sha256}  {manifest.file.name}\n"
    (folder / "sha256").write_text(checksum, encoding="utf-8")
    transcript = evidence.transcript.text()
    if transcript:
        _write(folder / "transcript.txt", f"{transcript}\n")
    client = evidence.connection.client
    gatherer = _Gatherer(client, evidence.namespace, evidence.of_graph, folder, missed)
    try:
        evidence.connection.run(gatherer.gather(evidence.version), seconds=GATHER_SECONDS)
    except ApiError as error:
        missed.append(f"the rest of the objects and logs: {error.message}")
    _write(folder / "why.md", evidence.page.text(folder))


def _write(path: Path, text: str) -> None:
    """Write one of the files, without secrets; CI keeps them where others see them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(masked(text, manifest=True), encoding="utf-8")


@dataclass(frozen=True, slots=True)
class _Gatherer:
    """Writes down what a namespace holds; what cannot be had goes to `missed`."""

    client: Client
    namespace: str
    of_graph: str
    folder: Path
    missed: list[str]

    async def gather(self, version: str) -> None:
        listed = (graphs(version), *_KINDS, kinds.EVENTS)
        results = await asyncio.gather(*(self._list(kind) for kind in listed))
        objects_of = dict(zip(listed, results, strict=True))
        events = "\n".join(_event_lines(objects_of.pop(kinds.EVENTS)))
        _write(self.folder / "events.txt", f"{events}\n")
        for kind, objects in objects_of.items():
            self._keep(kind, objects)
        await asyncio.gather(*(self._log(source) for source in _sources(objects_of[kinds.PODS])))

    async def _list(self, kind: Resource) -> list[KubeObject]:
        try:
            objects, _ = await self.client.list(kind, namespace=self.namespace)
        except ApiError as error:
            if error.status != NOT_FOUND:
                self.missed.append(f"{kind.plural}: {error.message}")
            return []
        kept = [value for value in objects if not self.of_graph or belongs(value, self.of_graph)]
        for value in kept:
            _strip(value)
        return kept

    def _keep(self, kind: Resource, objects: list[KubeObject]) -> None:
        if not objects:
            return
        text = "---\n".join(_yaml(value) for value in objects)
        _write(self.folder / "objects" / f"{kind.plural}.yaml", text[:OBJECT_FILE_CHARACTERS])

    async def _log(self, source: LogSource) -> None:
        params = {
            "container": source.container,
            "limitBytes": str(LOG_BYTES),
            "timestamps": "true",
        }
        title = source.container
        if source.previous:
            params["previous"] = "true"
            title += ".previous"
        try:
            path = kinds.PODS.path(self.namespace, source.pod, sub="log")
            text = await self.client.text(path, params=params)
        except ApiError as error:
            if not any(words in error.message for words in _NO_LOG):
                self.missed.append(f"log of {source.pod}, {title}: {error.message}")
            return
        _write(self.folder / LOGS / source.pod / f"{title}.log", text)


def belongs(value: KubeObject, graph: str) -> bool:
    """Whether an object is of a graph, by its label or its name; so is an event about one."""
    about = value.get("involvedObject")
    name = str(about.get("name")) if isinstance(about, dict) else value.name
    labels = as_mapping(value.metadata).mapping("labels")
    labelled = labels is not None and labels.string(GRAPH) == graph
    return labelled or name == graph or name.startswith(f"{graph}-")


def _strip(value: KubeObject) -> None:
    """Take out who wrote which field, and what is secret."""
    meta = value.get("metadata")
    if isinstance(meta, dict):
        meta.pop("managedFields", None)
    if value.get("kind") != kinds.SECRETS.kind:
        return
    if isinstance(meta, dict) and isinstance(annotations := meta.get("annotations"), dict):
        annotations.pop("kubectl.kubernetes.io/last-applied-configuration", None)
    for part in ("data", "stringData"):
        keys = value.get(part)
        if isinstance(keys, dict):
            value[part] = dict.fromkeys(keys, "(not kept)")


def _yaml(value: KubeObject) -> str:
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    text: str = yaml.dump(dict(value), Dumper=dumper, sort_keys=False, width=100)
    return text


def _event_lines(events: Sequence[KubeObject]) -> Iterator[str]:
    for event in sorted((read_event(value) for value in events), key=last_seen):
        at = last_seen(event).isoformat(timespec="seconds")
        times = f" (x{event.count})" if event.count > 1 else ""
        about = f"{event.kind}/{event.name}"
        yield f"{at} {event.type:7} {event.reason:24} {about}{times}: {event.message}"


def _sources(pods: Sequence[KubeObject]) -> Iterator[LogSource]:
    """Yield the logs of all containers, and of their runs before a restart."""
    for pod in pods:
        status = pod.get("status")
        for part in ("initContainerStatuses", "containerStatuses"):
            statuses = status.get(part) if isinstance(status, dict) else None
            for container in statuses if isinstance(statuses, list) else ():
                if isinstance(container, dict):
                    name = str(container.get("name"))
                    yield LogSource(pod.name, name, previous=False)
                    if container.get("restartCount"):
                        yield LogSource(pod.name, name, previous=True)
