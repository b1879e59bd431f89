"""The areas of the matrix: each module holds the probes of one."""

from __future__ import annotations

from importlib import import_module
from typing import Final

from dynamo_conformance.probes.probe import Probe

AREAS: Final = (
    "models", "chat", "completions", "streaming", "sampling", "errors", "unicode", "roles",
    "structured", "tools", "reasoning", "images", "embeddings", "responses", "messages",
    "lifetime", "operations", "adapters", "routing",
)  # fmt: skip
"""In the order in which they are judged."""


def load_probes() -> tuple[Probe, ...]:
    """Return the probes of all areas, in the order in which they are written."""
    loaded: list[Probe] = []
    for area in AREAS:
        for value in vars(import_module(f"{__name__}.{area}")).values():
            if isinstance(value, Probe):
                loaded.append(value)
            elif isinstance(value, tuple):
                loaded += [one for one in value if isinstance(one, Probe)]
    return tuple(loaded)
