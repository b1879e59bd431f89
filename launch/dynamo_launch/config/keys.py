"""The keys that a config file may hold, and what to write instead of one that it may not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dynamo_conformance.manifest.node import Mapping
from dynamo_conformance.manifest.suggest import nearest

if TYPE_CHECKING:
    from dynamo_conformance.manifest.node import Entry

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

OTHER_WORDS: Final = {
    "role": "task", "module": "component", "input": "args", "command": "cmd", "env": "environment",
    "envs": "environment", "secret": "secret_env", "secrets": "secret_env", "count": "replicas",
    "envFromSecret": "secret_env", "probes": "health", "pvc": "volumes", "gpus": "gpu",
}  # fmt: skip
"""Keys that people write for another one, where the letters do not show which."""

INSIDE: Final = {
    "cpu": "resources", "memory": "resources", "gpu": "resources", "gpus": "resources",
    "claim": "volumes", "config_map": "volumes", "mount": "volumes", "live": "health",
    "ready": "health",
}  # fmt: skip
"""Keys that people write one level too high, and where they belong."""


def unknown_key(entry: Entry, known: tuple[str, ...], where: str) -> str:
    """Return what to write instead of a key.

    Args:
        entry: The key, with its value.
        known: What is allowed beside it.
        where: What it stands in; empty for a file of one component.
    """
    what = f'unknown key "{entry.key}"' + (f" in {where}" if where else "")
    if entry.key[:1].isupper() and isinstance(entry.value, Mapping):
        return (
            f"{what}; a service of a retired graph config is now an entry of components: "
            "(docs/migration.md#config-files)"
        )
    if entry.key in RUN_KEYS and "components" in known:
        return f"{what}; it belongs to one of the components"
    if entry.key in INSIDE and INSIDE[entry.key] in known:
        return f"{what}; it belongs into {INSIDE[entry.key]}"
    meant = OTHER_WORDS.get(entry.key)
    right = meant if meant in known else nearest(entry.key, known)
    return what + (f'; did you mean "{right}"?' if right else f"; known: {', '.join(known)}")
