"""The areas of the matrix: each module holds the requirements of one."""

from __future__ import annotations

from importlib import import_module
from typing import Final

from dynamo_conformance.endpoint.requirement import Requirement

AREAS: Final = (
    "models", "chat", "completions", "streaming", "sampling", "errors", "unicode", "roles",
    "structured", "tools", "reasoning", "images", "embeddings", "responses", "messages",
    "lifetime", "operations", "adapters", "routing",
)  # fmt: skip
"""In the order in which they are judged."""


def load_requirements() -> tuple[Requirement, ...]:
    """Return the requirements of all areas, in the order in which they are written."""
    loaded: list[Requirement] = []
    for area in AREAS:
        for value in vars(import_module(f"{__name__}.{area}")).values():
            if isinstance(value, Requirement):
                loaded.append(value)
            elif isinstance(value, tuple):
                loaded += [one for one in value if isinstance(one, Requirement)]
    return tuple(loaded)
