"""What several outputs check of a graph, and the files of secrets that they all read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dynamo_conformance.manifest.node import find, walk
from dynamo_conformance.rendering.reconcile_failure import ReconcileFailure
from dynamo_launch.deploy.component_process import component_process
from dynamo_launch.errors import Place

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dynamo_conformance.manifest.graph import Component
    from dynamo_conformance.manifest.node import Node
    from dynamo_launch.config.config_error import ConfigErrors
    from dynamo_launch.config.graph_config import ValueOrigin
    from dynamo_launch.deploy.output import Order

MOST_PROCESSES, MOST_GPUS = 1000, 10_000
"""Of a graph that is not for Kubernetes, where a number is all that is written of them."""


def check_images(order: Order, errors: ConfigErrors) -> None:
    """Refuse each component without an image."""
    for component in order.graph.components:
        if component.main is None or not component.main.image:
            text = f'component "{component.name}" has no image; write image:'
            errors.error(order.origin(component.mark), text)


def check_one_machine(order: Order, errors: ConfigErrors, *, instead: str) -> None:
    """Refuse each component that spans several machines."""
    for component in order.graph.components:
        if component.node_count > 1:
            count = component.node_count
            text = (
                f'component "{component.name}" spans {count} nodes, and here is one; use {instead}'
            )
            errors.error(order.origin(component.mark), text)


def check_startable(order: Order, errors: ConfigErrors) -> None:
    """Refuse each component that only the operator can start, and a graph that starts nothing."""
    processes, gpus = 0, 0
    for component in order.graph.components:
        _without_cluster(component, order, errors)
        copies = component.pod_count
        try:
            process = component_process(order.graph, component)
        except ReconcileFailure as failure:
            errors.error(order.origin(component.mark), f"{failure.message}; use --target k8s")
        else:
            gpus += process.gpus * copies
        processes += copies
        if processes > MOST_PROCESSES or gpus > MOST_GPUS:
            text = f"{processes} processes and {gpus} GPUs in one graph; without Kubernetes there"
            most = f"may be {MOST_PROCESSES} and {MOST_GPUS}"
            errors.error(order.origin(component.mark), f"{text} {most}; use --target k8s")
            return
    if not any(component.replicas for component in order.graph.components):
        text = "nothing runs: every component has replicas: 0; write 1 or more for one of them"
        errors.error(order.origin(order.graph.components[0].mark), text)


def _without_cluster(component: Component, order: Order, errors: ConfigErrors) -> None:
    """Refuse what only a pod has: files of a ConfigMap, and a folder that it starts in."""
    main, pod = component.main, component.pod_spec
    volumes = pod.mappings("volumes") if pod is not None else ()
    nodes: list[tuple[str, Node | None]] = [
        ("working_dir", main.node.get("workingDir") if main is not None else None),
        *(("config_map", find(volume, ("configMap", "name"))) for volume in volumes),
    ]
    for key, node in nodes:
        if node is not None:
            errors.error(order.origin(node.mark), f"{key} is for pods only; use --target k8s")


@dataclass(frozen=True, slots=True)
class Unused:
    """Keys of a component that one target cannot express.

    Attributes:
        keys: A pattern of the keys, such as `health` or `resources[.]limits`; what is below counts.
        instead: What is there instead, or what to do.
    """

    keys: str
    instead: str

    def covers(self, place: ValueOrigin) -> bool:
        """Whether a value was written under one of the keys."""
        return re.fullmatch(rf"(?:{self.keys})(?:\..+)?", place.what) is not None


def written_keys(component: Component, order: Order) -> Iterator[ValueOrigin]:
    """Yield where each value of a component was written, in the order of the graph."""
    for _path, node in walk(component.node):
        place = order.source_map.of(node.mark)
        if place is not None:
            yield place


def warn_of_unused(
    order: Order, unused: Iterable[Unused], errors: ConfigErrors, *, target: str
) -> None:
    """Warn of what is written and changes nothing, once for each key of a file."""
    for unused_keys in unused:
        places: dict[tuple[str, str], list[ValueOrigin]] = {}
        for component in order.graph.components:
            for place in dict.fromkeys(written_keys(component, order)):
                if unused_keys.covers(place):
                    key = ".".join(place.what.split(".")[:2])
                    places.setdefault((place.file, key), []).append(place)
        for (file, key), written in places.items():
            first = min(place.mark for place in written)
            text = f"{key} has no effect with --target {target}: {unused_keys.instead}"
            errors.warn(Place(file, first), text)


def secrets(order: Order) -> tuple[str, ...]:
    """Return the names of the secrets that the graph needs."""
    names = {
        name
        for component in order.graph.components
        for name in component_process(order.graph, component).secrets
    }
    return tuple(sorted(names))


def env_file(secret: str) -> str:
    """Return the name of the file that holds a secret's keys where no cluster does."""
    return f"{secret}.env"


def env_files(order: Order) -> tuple[str, ...]:
    """Return the names of the files that hold the graph's secrets."""
    return tuple(env_file(name) for name in secrets(order))


def secret_steps(order: Order, folder: str) -> tuple[str, ...]:
    """Return the commands that make the files of secrets."""
    return tuple(f"echo NAME=VALUE >> {folder}/{name}" for name in env_files(order))
