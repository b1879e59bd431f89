"""The image that holds the mock engine and Dynamo's own runtime, for clusters without a GPU.

It answers to the names of the published images. As in those, the runtime is on Python's path and
there is no `dynamo` program.
"""

from __future__ import annotations

from dynamo_conformance.images.recipe import PROJECT, Recipe, packages, requirements
from dynamo_conformance.mock_engine.custom_worker_model import MODELS_VARIABLE

EXTRA = "local"
RUNTIME = ("ai-dynamo", "ai-dynamo-runtime", "pydantic", "uvloop")
"""What of the extra `local` runs graphs; the rest of it asks them."""

OVERRIDES = ("aisimulate ; sys_platform == 'never'", "certifi>=2026.1")
"""What uv must override to resolve ai-dynamo 1.6.1.

It names a performance simulator that nothing here needs, and a certifi that is held back.
"""

MODELS = "/tmp/models"  # noqa: S108 - in a container of its own, and every user may write there
HOME = "/tmp/home"  # noqa: S108 - likewise: frontends keep what they read of models below it
_PARTS = (
    "dynamo_conformance.engines",
    "dynamo_conformance.manifest",
    "dynamo_conformance.mock_engine",
)


def recipe() -> Recipe:
    """Return what the image is made of."""
    return Recipe(
        name="mock-engine",
        requirements=requirements(*RUNTIME, extra=EXTRA),
        overrides=OVERRIDES,
        sources=packages(*_PARTS),
        search_path=(f"{PROJECT}/dynamo_conformance/mock_engine/overlay",),
        start="dynamo_conformance.mock_engine.image_startup",
        environment={
            MODELS_VARIABLE: MODELS,
            # As in the published images, it is there for a pod's own user, whoever that is.
            "HOME": HOME,
            "HF_HUB_OFFLINE": "1",
            "DYN_SDK_DISABLE_ANSI_LOGGING": "1",
            "PYTHONUNBUFFERED": "1",
        },
    )
