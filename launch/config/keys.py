"""The keys a config file may hold, and which of them concern only deployment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION: Final = "0.1"
"""The one version of the config file's format."""

RUN_KEYS: Final = ("args", "engine", "task", "model", "component", "options")
"""What a run config holds."""

ARGS_KEYS: Final = ("in", "input", "out", "output", "engine", "task", "model")
"""What `args:` holds when it is written as a mapping."""

DEPLOYMENT_KEYS: Final = (
    "image", "cmd", "replicas", "resources", "environment", "secret_env", "nodes", "volumes",
    "ports", "health", "model_cache",
)  # fmt: skip
"""What only a deployment reads."""

COMPONENT_KEYS: Final = ("name", "run_config", *RUN_KEYS, *DEPLOYMENT_KEYS)
"""What a component holds."""

GRAPH_KEYS: Final = ("version", "name", "components", "deployments")
"""What a file that describes several components holds."""

OTHER_WORDS: Final[Mapping[str, str]] = {"role": "task", "module": "component", "input": "args"}
"""Keys that people write for another one, where the letters do not tell which."""
