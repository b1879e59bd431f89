"""Which engine a worker runs, by its command line or by what the graph says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dynamo_conformance.rendering.reconcile_failure import NOT_RECONCILED, ReconcileFailure

if TYPE_CHECKING:
    from dynamo_conformance.manifest.graph import Component, Graph

VLLM = "vllm"
SGLANG = "sglang"
TRTLLM = "trtllm"
BACKENDS = (VLLM, SGLANG, TRTLLM)

_RUNS = {name: re.compile(rf"python[0-9.]*\s[^|&;]*-m\s[^|&;]*dynamo\.{name}") for name in BACKENDS}


def detect(component: Component) -> str | None:
    """Return the engine whose module the component's command line runs, or None.

    Raises:
        ReconcileFailure: It runs several.
    """
    if not component.is_worker or component.main is None:
        return None
    main = component.main
    line = " ".join(word.text for word in (*main.command, *main.args))
    engines = [name for name, pattern in _RUNS.items() if pattern.search(line)]
    if len(engines) > 1:
        both = " and ".join(engines)
        raise _failure(component, f"its command line runs {both}; leave one of them")
    return engines[0] if engines else None


def graph_backend(graph: Graph) -> str | None:
    """Return the one engine of a graph: as written, else the one its workers run.

    Raises:
        ReconcileFailure: Nothing is written and the workers run several.
    """
    if graph.backend_framework:
        return graph.backend_framework
    engines: dict[str, Component] = {}
    for component in graph.components:
        if (name := detect(component)) is not None:
            engines.setdefault(name, component)
    if len(engines) > 1:
        runs = ", ".join(f"{component.name} runs {name}" for name, component in engines.items())
        message = f"one graph has one engine, but {runs}"
        raise ReconcileFailure(NOT_RECONCILED, message)
    return next(iter(engines), None)


def known_backend(graph: Graph) -> str | None:
    """Return the one engine of a graph, or None where it has none, or several."""
    try:
        return graph_backend(graph)
    except ReconcileFailure:
        return None


def component_backend(component: Component, *, written: str | None) -> str | None:
    """Return the engine a component is treated as; None when it is no worker or unknown.

    Args:
        component: The component.
        written: The graph's engine.

    Raises:
        ReconcileFailure: The command line runs another engine than the graph says.
    """
    if not component.is_worker:
        return None
    detected = detect(component)
    if detected is not None and written is not None and detected != written:
        message = f"runs {detected}, but backendFramework says {written}; make them agree"
        raise _failure(component, message)
    return detected or written


def _failure(component: Component, what: str) -> ReconcileFailure:
    return ReconcileFailure(NOT_RECONCILED, f"component {component.name}: {what}")
