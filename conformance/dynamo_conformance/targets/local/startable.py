"""What no process of this machine can be given: refused before anything is started."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.manifest.errors import ManifestError
from dynamo_conformance.manifest.node import NOWHERE, Mapping, Mark, Scalar, walk

if TYPE_CHECKING:
    from dynamo_conformance.manifest.graph import Graph

MAX_PROCESSES = 256
"""How many processes a graph may have here; a mock worker takes about 100 MB of memory."""


def check_startable(graph: Graph) -> None:
    """Refuse a graph that cannot be processes of this machine.

    Raises:
        ManifestError: Says what, where, and what to do about it.
    """
    file = graph.document.file if graph.document is not None else graph.name
    for mark, reason in (_too_many(graph), _unfit_name(graph), _unfit_text(graph)):
        if reason:
            raise ManifestError(file, mark, reason)


def _too_many(graph: Graph) -> tuple[Mark, str]:
    count = 0
    for component in graph.components:
        nodes = max(component.node_count, 1)
        count += max(component.replicas, 0) * nodes
        if count > MAX_PROCESSES:
            spread = component.node.mapping("multinode")
            is_wide = spread is not None and nodes > component.replicas
            mark = _mark(spread, "nodeCount") if is_wide else _mark(component.node, "replicas")
            key = "nodeCount" if is_wide else "replicas"
            most = f"more than {MAX_PROCESSES} processes, the most that are started on one machine"
            return mark or component.mark, (
                f"with component {component.name} the graph has {most}; lower {key}, or use a "
                "cluster"
            )
    return NOWHERE, ""


def _mark(node: Mapping | None, key: str) -> Mark | None:
    value = node.get(key) if node is not None else None
    return value.mark if value is not None else None


def _unfit_name(graph: Graph) -> tuple[Mark, str]:
    mains = [one.main for one in graph.components if one.main is not None]
    for var in (*graph.env, *(var for main in mains for var in main.env)):
        if not var.name or "=" in var.name:
            reason = "it has =" if var.name else "it is empty"
            return var.mark, f"{var.name!a} cannot name an environment variable: {reason}"
    return NOWHERE, ""


def _unfit_text(graph: Graph) -> tuple[Mark, str]:
    """Return the first text below `spec` that the kernel does not take as a word or a value."""
    spec = graph.root.mapping("spec") or Mapping()
    for _path, node in walk(spec):
        if isinstance(node, Scalar) and isinstance(node.value, str) and _is_unfit(node.value):
            return node.mark, _unfit(node.value)
        if isinstance(node, Mapping):
            for entry in node:
                if _is_unfit(entry.key):
                    return entry.mark, _unfit(entry.key)
    return NOWHERE, ""


def _is_unfit(text: str) -> bool:
    return "\0" in text or any("\ud800" <= char <= "\udfff" for char in text)


def _unfit(text: str) -> str:
    what = "a NUL character" if "\0" in text else "half of a surrogate pair"
    return f"{text[:60]!a} holds {what}, which no process can be given"
