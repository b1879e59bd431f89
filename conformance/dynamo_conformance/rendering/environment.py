"""The environment the operator gives a container, and how it meets the author's.

The merge sorts by name, so what a `$(NAME)` in a value can refer to is decided by the alphabet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.manifest.graph import EPP, FRONTEND, WORKER_TYPES
from dynamo_conformance.manifest.node import Mapping
from dynamo_conformance.rendering.node_merge import made

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dynamo_conformance.manifest.node import Node, Plain
    from dynamo_conformance.rendering.pod_context import PodContext

HTTP_PORT = 8000
SYSTEM_PORT = 9090
NIXL_PORT = 19090
FORWARD_PASS_PORT = 20380
PLANNER_PORT = 9085

PLANNER = "planner"
PICKER_HOME = "/home/dynamo"
"""The home of the image that holds the endpoint picker; models' configurations go below it."""

_FIELDS = {
    "POD_NAME": "metadata.name",
    "POD_NAMESPACE": "metadata.namespace",
    "POD_UID": "metadata.uid",
}


def variable(name: str, value: str) -> Mapping:
    """Return an entry of a container's `env`; an empty value is left out, as Go leaves it out."""
    return made(name=name, value=value) if value else made(name=name)


def field_variable(name: str, path: str) -> Mapping:
    """Return an entry of a container's `env` that the kubelet fills from the pod itself."""
    source: dict[str, Plain] = {"fieldRef": {"fieldPath": path}}
    return made(name=name, valueFrom=source)


def injected(context: PodContext, component_type: str | None) -> tuple[Mapping, ...]:
    """Return what the operator gives a container that runs a component of `component_type`."""
    values = dict(_common(context, component_type))
    if component_type == FRONTEND:
        values.update(_frontend(context))
    elif component_type in WORKER_TYPES:
        values.update(_worker(context))
    elif component_type == PLANNER:
        values["PLANNER_PROMETHEUS_PORT"] = str(PLANNER_PORT)
        if context.ways.planner_system_port:
            values["DYN_SYSTEM_PORT"] = str(SYSTEM_PORT)
    elif component_type == EPP:
        values.update(_picker(context))
    return (
        *(variable(name, value) for name, value in values.items()),
        *(field_variable(name, path) for name, path in _fields(context)),
    )


def _fields(context: PodContext) -> Iterator[tuple[str, str]]:
    ways = context.ways
    for name, path in _FIELDS.items():
        if ways.pod_uid if name == "POD_UID" else ways.pod_env:
            yield name, path


def merged(*layers: Iterable[Node]) -> tuple[Mapping, ...]:
    """Return several lists of variables as one, sorted by name: of two, the later layer's wins."""
    named: dict[str, Mapping] = {}
    for layer in layers:
        for node in layer:
            if isinstance(node, Mapping) and (name := node.string("name")):
                named[name] = node
    return tuple(named[name] for name in sorted(named))


def _common(context: PodContext, component_type: str | None) -> Iterator[tuple[str, str]]:
    yield "DYN_NAMESPACE", context.dynamo_namespace
    if context.ways.pod_env:
        yield "DYN_COMPONENT", component_type or ""
    yield "DYN_PARENT_DGD_K8S_NAME", context.graph.name
    yield "DYN_PARENT_DGD_K8S_NAMESPACE", context.namespace
    if not context.uses_etcd:
        yield "DYN_DISCOVERY_BACKEND", "kubernetes"
    if context.finds_containers:
        yield "CONTAINER_NAME", "main"
        yield "DYN_KUBE_DISCOVERY_MODE", "container"


def _frontend(context: PodContext) -> dict[str, str]:
    values = {"DYNAMO_PORT": str(HTTP_PORT), "DYN_HTTP_PORT": str(HTTP_PORT)}
    if context.ways.worker_hash:
        values["DYN_NAMESPACE_PREFIX"] = context.dynamo_namespace
    return values


def _picker(context: PodContext) -> dict[str, str]:
    return {
        "USE_STREAMING": "true",
        "RUST_LOG": "info",
        "NVIDIA_VISIBLE_DEVICES": "void",
        "DYN_ENFORCE_DISAGG": "false",
        "DYN_NAMESPACE_PREFIX": context.dynamo_namespace,
        "HOME": PICKER_HOME,
    }


def _worker(context: PodContext) -> dict[str, str]:
    ways = context.ways
    values = {
        "DYN_SYSTEM_PORT": str(SYSTEM_PORT),
        "DYN_SYSTEM_USE_ENDPOINT_HEALTH_STATUS": '["generate"]',
    }
    if ways.system_enabled:
        values["DYN_SYSTEM_ENABLED"] = "true"
    if ways.health_check:
        values["DYN_HEALTH_CHECK_ENABLED"] = ways.health_check
    if ways.forward_pass:
        values["DYN_FORWARDPASS_METRIC_PORT"] = str(FORWARD_PASS_PORT)
    if ways.worker_hash:
        values["DYN_NAMESPACE_WORKER_SUFFIX"] = context.worker_hash
    if ways.nixl:
        values |= {
            "NIXL_TELEMETRY_ENABLE": "n",
            "NIXL_TELEMETRY_EXPORTER": "prometheus",
            "NIXL_TELEMETRY_PROMETHEUS_PORT": str(NIXL_PORT),
        }
    return values
