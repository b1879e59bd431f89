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
    "image", "runtime_version", "cmd", "dynamo_in_image", "working_dir", "replicas", "nodes",
    "resources", "shared_memory", "environment", "secret_env", "volumes", "model_cache", "ports",
    "health",
)  # fmt: skip
"""What only a deployment reads, but for `cmd`, which is what `serve` starts too."""

COMPONENT_KEYS: Final = ("name", "run_config", *RUN_KEYS, "role", *DEPLOYMENT_KEYS)
"""What a component holds."""

GRAPH_KEYS: Final = ("version", "name", "components", "deployments")
"""What a file that describes several components holds."""

OTHER_WORDS: Final[Mapping[str, str]] = {
    "role": "task", "module": "component", "input": "args", "command": "cmd", "env": "environment",
    "envs": "environment", "secret": "secret_env", "secrets": "secret_env", "count": "replicas",
    "envFromSecret": "secret_env", "probes": "health", "pvc": "volumes", "gpus": "gpu",
}  # fmt: skip
"""Keys that people write for another one, where the letters do not tell which."""

INSIDE: Final[Mapping[str, str]] = {
    "cpu": "resources", "memory": "resources", "gpu": "resources", "gpus": "resources",
    "claim": "volumes", "config_map": "volumes", "mount": "volumes", "live": "health",
    "ready": "health",
}  # fmt: skip
"""Keys that people write one level too high, and where they belong."""
