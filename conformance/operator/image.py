"""The image that the reference operator runs from."""

from __future__ import annotations

from conformance.images.recipe import Recipe, packages
from conformance.images.requirements import requirements

EXTRA = "operator"
REQUIREMENTS = ("cryptography", "kopf", "pyyaml")
"""What the operator uses; the rest of the base install is for commands."""

_PARTS = (
    "conformance.api",
    "conformance.convert",
    "conformance.engines",
    "conformance.manifest",
    "conformance.operator",
    "conformance.ours",
    "conformance.rendering",
)


def recipe() -> Recipe:
    """Return what the image is made of."""
    return Recipe(
        name="operator",
        requirements=requirements(*REQUIREMENTS, extra=EXTRA),
        sources=packages(*_PARTS),
        environment={"PYTHONUNBUFFERED": "1"},
    )
