"""What several outputs need of a graph, and what they say where it lacks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.manifest.node import find
from conformance.rendering.failure import ReconcileFailure
from launch.deploy.process import process

if TYPE_CHECKING:
    from conformance.manifest.graph import Component
    from conformance.manifest.node import Mark, Node
    from launch.config.complaint import Complaints
    from launch.deploy.output import Order
    from launch.deploy.trace import Origin


def with_images(order: Order, complaints: Complaints) -> None:
    """Complain of each component without an image."""
    for component in order.graph.components:
        if component.main is None or not component.main.image:
            place = origin(order, component.mark)
            text = f'component "{component.name}" has no image; write image:'
            complaints.error(place.file, place.mark, text)


def one_machine(order: Order, complaints: Complaints, *, instead: str) -> None:
    """Complain of each component that spans several machines."""
    for component in order.graph.components:
        if component.node_count > 1:
            place = origin(order, component.mark)
            count = component.node_count
            text = (
                f'component "{component.name}" spans {count} nodes, and here is one; use {instead}'
            )
            complaints.error(place.file, place.mark, text)


def startable(order: Order, complaints: Complaints) -> None:
    """Complain of each component that only the operator can start, and when nothing is started."""
    for component in order.graph.components:
        _without_cluster(component, order, complaints)
        place = origin(order, component.mark)
        try:
            process(order.graph, component)
        except ReconcileFailure as failure:
            complaints.error(place.file, place.mark, f"{failure.message}; use --target k8s")
    if not any(component.replicas for component in order.graph.components):
        place = origin(order, order.graph.components[0].mark)
        text = "nothing runs: every component has replicas: 0; write 1 or more for one of them"
        complaints.error(place.file, place.mark, text)


def _without_cluster(component: Component, order: Order, complaints: Complaints) -> None:
    """Complain of what only a pod has: files of a ConfigMap, and a folder that it starts in."""
    main, pod = component.main, component.pod_spec
    volumes = pod.mappings("volumes") if pod is not None else ()
    found: list[tuple[str, Node | None]] = [
        ("working_dir", main.node.get("workingDir") if main is not None else None),
        *(("config_map", find(volume, ("configMap", "name"))) for volume in volumes),
    ]
    for key, node in found:
        if node is not None:
            place = origin(order, node.mark)
            complaints.error(place.file, place.mark, f"{key} is for pods only; use --target k8s")


def secrets(order: Order) -> tuple[str, ...]:
    """Return the names of the secrets that the graph needs."""
    found = {name for one in order.graph.components for name in process(order.graph, one).secrets}
    return tuple(sorted(found))


def env_file(secret: str) -> str:
    """Return the name of the file that holds a secret's keys where no cluster does."""
    return f"{secret}.env"


def origin(order: Order, mark: Mark) -> Origin:
    """Return where a value that somebody wrote was written."""
    found = order.trace.of(mark)
    assert found is not None  # noqa: S101 - names of components are written
    return found
