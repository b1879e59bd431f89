"""Models for programs that are not the mock engine: somebody's own worker or processor.

The mock engine makes its model up when it starts. A component of one's own asks the hub's cache for
its model, or has the runtime do so; in an image without models it would find none.
"""

from __future__ import annotations

import os
import sys
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

MODELS_VARIABLE = "DYN_MOCK_ENGINE_MODELS"
"""Names the folder for models that are made up; only the mock engine's image sets it."""

PATHS_VARIABLE = "DYN_MOCK_ENGINE_PATHS"
"""Names, as JSON, what stands here for paths of the container: by the folder here, the path."""

_FLAGS = ("--model", "--model-path")
_OURS = "dynamo."
"""Modules that begin so are simulated here, or are Dynamo's own and ask for no model."""


def lay_out(
    words: Sequence[str] | None = None, env: Mapping[str, str] | None = None
) -> Path | None:
    """Make up the model that this process was started for, when it is an own component.

    Args:
        words: The command line; None is this process's.
        env: Its environment; None is this process's.

    Returns:
        The folder of the model, or None when nothing was to be made.
    """
    words = sys.orig_argv if words is None else words
    env = os.environ if env is None else env
    model = _model(words)
    if not env.get(MODELS_VARIABLE) or model is None:
        return None
    # Everything that is imported here costs every Python program of the image.
    from pathlib import Path

    from dynamo_conformance.mock_engine import hub_cache

    home = hub_cache.home(env)
    if Path(model).is_dir() or hub_cache.find(home, model) is not None:
        return None
    try:
        made = hub_cache.fill(home, (model,))[model]
    except (OSError, hub_cache.BadModelIdError):
        return None  # The program says itself, in its own words, that there is no such model.
    sys.stderr.write(f"mock engine: model {model} is made up\n")
    return made


def _model(words: Sequence[str]) -> str | None:
    """Return the model that a command line of `python -m MODULE ...` names."""
    try:
        module = words[words.index("-m") + 1]
    except (ValueError, IndexError):
        return None
    if module.startswith(_OURS):
        return None
    for flag, value in pairwise(words):
        if flag in _FLAGS:
            return value
    return None
