"""Graphs for the tests of pictures and traits, written as short as they can be."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeAlias

from dynamo_conformance.manifest.read import read_graphs

if TYPE_CHECKING:
    from pathlib import Path

    from dynamo_conformance.manifest.graph import Graph

Component: TypeAlias = Mapping[str, object]

NIXL = ("--kv-transfer-config", '{"kv_connector":"NixlConnector","kv_role":"kv_both"}')
EVENTS = ("--kv-events-config", '{"publisher":"zmq","enable_kv_cache_events":true}')
RUNTIME = "nvcr.io/nvidia/ai-dynamo/vllm-runtime:1.6.1"


def frontend(
    *, router: str | None = None, replicas: int = 1, kind: str = "frontend", name: str = "Frontend"
) -> Component:
    """Return a frontend."""
    env = [{"name": "DYN_ROUTER_MODE", "value": router}] if router else []
    main = {"name": "main", "image": RUNTIME, "env": env}
    return _component(name, kind, replicas, main)


def worker(
    name: str,
    *words: str,
    module: str = "dynamo.vllm",
    kind: str | None = "worker",
    gpus: int = 1,
    replicas: int = 1,
    nodes: int = 1,
    rdma: bool = False,
) -> Component:
    """Return a worker of any engine."""
    limits = {"nvidia.com/gpu": str(gpus)} if gpus else {}
    if rdma:
        limits["rdma/ib"] = str(gpus)
    main = {
        "name": "main",
        "image": RUNTIME,
        "command": ["python3", "-m", module],
        "args": list(words),
        "resources": {"limits": limits},
    }
    component = dict(_component(name, kind, replicas, main))
    if nodes > 1:
        component["multinode"] = {"nodeCount": nodes}
    return component


def role(name: str, *words: str) -> tuple[str, ...]:
    """Return the words that give a worker a role."""
    return ("--disaggregation-mode", name, *words)


def graph(
    folder: Path, *components: Component, name: str = "some-graph", gpu: str | None = None
) -> Graph:
    """Return a graph, by way of its manifest."""
    metadata: dict[str, object] = {"name": name}
    if gpu is not None:
        metadata["annotations"] = {"dynamo-conformance/gpu": gpu}
    document = {
        "apiVersion": "nvidia.com/v1beta1",
        "kind": "DynamoGraphDeployment",
        "metadata": metadata,
        "spec": {"backendFramework": "vllm", "components": list(components)},
    }
    path = folder / f"{name}.yaml"
    path.write_text(json.dumps(document), encoding="utf-8")
    return read_graphs(path)[0]


def _component(name: str, kind: str | None, replicas: int, main: object) -> Component:
    template = {"spec": {"containers": [main]}}
    component = {"name": name, "replicas": replicas, "podTemplate": template}
    return {**component, "type": kind} if kind is not None else component
