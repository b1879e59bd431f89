"""Servers: what a graph talks to that is no object it names, and that nobody installs by the way.

NATS and etcd, where the graph asks for them: since 1.4 the operator's chart installs neither by
itself. What runs components over several nodes, the inference gateway's API, and Prometheus for a
planner that looks at traffic.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from dynamo_conformance.engines.planner import setting
from dynamo_conformance.lint.engine_settings import planner_configs
from dynamo_conformance.lint.rule import Subject
from dynamo_conformance.manifest.graph import EPP

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.engines.releases import Release
    from dynamo_conformance.lint.engine_settings import EngineSettings
    from dynamo_conformance.manifest.document import Document
    from dynamo_conformance.manifest.graph import Graph
    from dynamo_conformance.manifest.node import Mark
    from dynamo_conformance.manifest.prerequisites import Prerequisite

NATS, ETCD, PROMETHEUS = "NATS server", "etcd server", "Prometheus server"
GROVE_OR_LWS, LWS = "Grove or LeaderWorkerSet controller", "LeaderWorkerSet controller"
GATEWAY = "Gateway API Inference Extension"

_ASKS = (
    ("request_plane", "DYN_REQUEST_PLANE", "nats", NATS),
    ("event_plane", "DYN_EVENT_PLANE", "nats", NATS),
    ("discovery_backend", "DYN_DISCOVERY_BACKEND", "etcd", ETCD),
)
_ADDRESSES = {NATS: "NATS_SERVER", ETCD: "ETCD_ENDPOINTS"}
_BACKEND = "nvidia.com/dynamo-discovery-backend"
_PROMETHEUS_FIELD = "metric_pulling_prometheus_endpoint"
_PROMETHEUS_VARIABLE = "PROMETHEUS_ENDPOINT"


class Server(NamedTuple):
    """Something that must run.

    Attributes:
        kind: What it is.
        address: Where, when the graph says so; empty when that is the operator's to say.
        mark: What asks for it.
    """

    kind: str
    address: str
    mark: Mark


def talks_to(settings: EngineSettings) -> Iterator[Server]:
    """Yield the NATS and etcd servers that a component is to talk to."""
    if not settings.module.startswith("dynamo."):
        return
    for dest, variable, value, kind in _ASKS:
        mark = _asked(settings, dest, variable, value)
        if mark is not None:
            yield Server(kind, _address(settings, kind), mark)


def _asked(settings: EngineSettings, dest: str, variable: str, value: str) -> Mark | None:
    """Return where a setting is given that value; a default is the operator's to change."""
    if settings.given(dest):
        return settings.mark(dest) if settings.text(dest) == value else None
    given = settings.environment(variable)
    return given.mark if given is not None and given.value == value else None


def _address(settings: EngineSettings, kind: str) -> str:
    variable = settings.environment(_ADDRESSES[kind])
    return "" if variable is None else variable.value or "?"


def by_annotation(graph: Graph) -> Iterator[Server]:
    """Yield the etcd server of a graph that asks the operator for it."""
    metadata = graph.root.mapping("metadata")
    annotations = metadata.mapping("annotations") if metadata is not None else None
    value = annotations.get(_BACKEND) if annotations is not None else None
    if annotations is not None and value is not None and annotations.string(_BACKEND) == "etcd":
        given = [
            variable.value or "?" for variable in graph.env if variable.name == _ADDRESSES[ETCD]
        ]
        yield Server(ETCD, given[-1] if given else "", value.mark)


def servers(subject: Subject) -> Iterator[Server]:
    """Yield everything that a graph needs and does not bring."""
    yield from by_annotation(subject.graph)
    for settings in subject.studied_settings:
        yield from talks_to(settings)
        component = settings.part.component
        multinode = component.node.get("multinode")
        if component.node_count > 1 and multinode is not None:
            yield Server(LWS if subject.graph.declines_grove else GROVE_OR_LWS, "", multinode.mark)
        kind = component.node.get("type")
        if component.type == EPP and kind is not None:
            yield Server(GATEWAY, "", kind.mark)
        yield from _prometheus(settings)


def _prometheus(settings: EngineSettings) -> Iterator[Server]:
    """Yield what a planner asks that scales by traffic; those that scale by load ask nobody."""
    for entries, mark in planner_configs((settings,)):
        if isinstance(entries, str) or setting(entries, "optimization_target") != "sla":
            continue
        main = settings.part.component.main
        own = main.env if main is not None else ()
        given = [item.value or "?" for item in own if item.name == _PROMETHEUS_VARIABLE]
        address = entries.get(_PROMETHEUS_FIELD) or (given[-1] if given else "")
        yield Server(PROMETHEUS, str(address), mark)


def prerequisites_of(document: Document, graph: Graph, release: Release) -> set[Prerequisite]:
    """Return the servers of a graph as prerequisites.

    Args:
        document: The document.
        graph: The graph that it describes.
        release: The release of components that say none.
    """
    from dynamo_conformance.manifest.prerequisites import Prerequisite

    return {
        Prerequisite(
            kind=server.kind,
            name="" if server.address == "?" else server.address,
            key="",
            optional=False,
            file=document.file,
            graph=graph.name,
            line=server.mark.line,
            column=server.mark.column,
        )
        for server in servers(Subject(document, graph, release=release))
    }
