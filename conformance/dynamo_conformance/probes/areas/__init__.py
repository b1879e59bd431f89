"""The areas of the matrix: each module holds the probes of one."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import Final

from dynamo_conformance.probes.probe import Probe

AREAS: Final = (
    "models", "chat", "completions", "streaming", "sampling", "errors", "unicode", "roles",
    "structured", "tools", "reasoning", "images", "embeddings", "responses", "messages",
    "lifetime", "operations", "adapters", "routing", "graph", "life",
)  # fmt: skip
"""In the order in which they are judged."""

GROUP: Final = "dynamo.conformance.probes"
"""The entry points by which other packages add probes: a `Probe`, or a module or tuple of them."""

LAST: Final = ("errors.too-long", "errors.too-long-shape", "errors.too-long-streamed")
"""What is judged after all others: a server that takes a prompt of any length may be lost to it."""


class ProbeSourceError(ValueError):
    """An installed package adds probes that cannot be used; the text names it."""


@cache
def load_probes() -> tuple[Probe, ...]:
    """Return the probes of all areas in the order in which they are written, then those of others.

    Raises:
        ProbeSourceError: What another package adds cannot be loaded, or repeats an id.
    """
    probes = list(own_probes())
    ids = {probe.id for probe in probes}
    for entry in entry_points(group=GROUP):
        for probe in _added(entry):
            if probe.id in ids:
                raise ProbeSourceError(f"{_source(entry)} adds the probe {probe.id} a second time")
            ids.add(probe.id)
            probes.append(probe)
    return tuple(probes)


def own_probes() -> tuple[Probe, ...]:
    """Return the probes of this package."""
    modules = (import_module(f"{__name__}.{area}") for area in AREAS)
    probes = (probe for module in modules for probe in _held(module))
    return tuple(sorted(probes, key=lambda probe: (probe.disturbs, probe.id in LAST)))


def _held(value: object) -> tuple[Probe, ...]:
    """Return the probes that a module, a tuple or a list holds, or a probe itself."""
    if isinstance(value, Probe):
        return (value,)
    if isinstance(value, tuple | list):
        return tuple(probe for probe in value if isinstance(probe, Probe))
    parts = vars(value).values() if isinstance(value, ModuleType) else ()
    probes = (probe for part in parts if isinstance(part, Probe | tuple) for probe in _held(part))
    # A module may name a probe, and list it.
    return tuple({id(probe): probe for probe in probes}.values())


def _added(entry: EntryPoint) -> tuple[Probe, ...]:
    try:
        probes = _held(entry.load())
    except Exception as error:
        why = f"{type(error).__name__}: {error}"
        raise ProbeSourceError(f"{_source(entry)} cannot be loaded: {why}") from error
    if not probes:
        raise ProbeSourceError(f"{_source(entry)} holds no probe")
    return probes


def _source(entry: EntryPoint) -> str:
    distribution = entry.dist.name if entry.dist is not None else "a package"
    return f"{distribution}: the entry point {entry.name} ({entry.value})"
