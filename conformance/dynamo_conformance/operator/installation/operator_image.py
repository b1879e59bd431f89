"""The image that the reference operator runs from."""

from __future__ import annotations

from dynamo_conformance.images.recipe import Recipe, packages, requirements

EXTRA = "operator"
REQUIREMENTS = ("cryptography", "kopf", "pyyaml")
"""What the operator uses; the rest of the base install is for commands."""

_PARTS = (
    "dynamo_conformance.api",
    "dynamo_conformance.convert",
    "dynamo_conformance.engines",
    "dynamo_conformance.manifest",
    "dynamo_conformance.operator",
    "dynamo_conformance.kube.client",
    "dynamo_conformance.kube.errors",
    "dynamo_conformance.kube.labels",
    "dynamo_conformance.kube.resources",
    "dynamo_conformance.rendering",
)


def recipe() -> Recipe:
    """Return what the image is made of."""
    return Recipe(
        name="operator",
        requirements=requirements(*REQUIREMENTS, extra=EXTRA),
        sources=packages(*_PARTS),
        environment={"PYTHONUNBUFFERED": "1"},
    )
