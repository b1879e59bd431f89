"""TensorRT-LLM's own options: an engine file in YAML, and what overrides it.

The order is that of `dynamo/trtllm/workers/llm_worker.py` of Dynamo 1.6.1: the flags, over them the
file of `--extra-engine-args` key by key, over that the JSON of `--override-engine-args` or the
dotted flags, entry by entry. TensorRT-LLM itself is in no registry, so what its options may be is
not known here; `READ` are those whose meaning is.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dynamo_conformance.engines.flag import Json

    Options = dict[str, Json]

TRANSCEIVER = "cache_transceiver_config"
BACKEND = "backend"
KV_CACHE = "kv_cache_config"
BLOCK_SIZE = f"{KV_CACHE}.tokens_per_block"
BLOCK_REUSE = f"{KV_CACHE}.enable_block_reuse"
ATTENTION_DP = "enable_attention_dp"
TENSOR_PARALLEL = "tensor_parallel_size"
MAX_BATCH = "max_batch_size"
MAX_TOKENS = "max_num_tokens"
MAX_LENGTH = "max_seq_len"

READ = frozenset(
    {
        f"{TRANSCEIVER}.{BACKEND}",
        BLOCK_SIZE,
        BLOCK_REUSE,
        ATTENTION_DP,
        TENSOR_PARALLEL,
        MAX_BATCH,
        MAX_TOKENS,
        MAX_LENGTH,
    }
)
"""The options whose meaning is known here, as dotted paths."""

_LITERALS: Mapping[str, Json] = {"none": None, "null": None, "true": True, "false": False}


class BadOptionsError(ValueError):
    """A text that gives no options; says why."""


def options(*, file: str | None, override: str | None, dotted: Mapping[str, str]) -> Options:
    """Return the options that are given beyond the flags.

    Args:
        file: The text of the engine file.
        override: The JSON of `--override-engine-args`.
        dotted: The values of dotted flags.

    Raises:
        BadOptionsError: A text is not what it must be.
    """
    values = dict(_mapping(_yaml(file), "the engine file")) if file is not None else {}
    if override:
        _update(values, _mapping(_json(override), "--override-engine-args"))
    for path, value in dotted.items():
        _set(values, path.split("."), _typed(value))
    return values


def option(values: Options, path: str) -> Json:
    """Return what is at a dotted path, or None."""
    value: Json = values
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def unread(values: Options) -> tuple[str, ...]:
    """Return the dotted paths of what only TensorRT-LLM understands."""
    return tuple(path for path in _paths(values) if path not in READ)


def transceiver(values: Options) -> str | None:
    """Return how KV blocks travel between prefill and decode; None when they do not."""
    backend = option(values, f"{TRANSCEIVER}.{BACKEND}")
    return str(backend) if backend else None


def _paths(values: Options, before: str = "") -> Iterator[str]:
    for key, value in values.items():
        path = f"{before}{key}"
        if isinstance(value, dict) and value:
            yield from _paths(value, f"{path}.")
        else:
            yield path


def _yaml(text: str) -> object:
    # Only here: the mock engine must be quick to refuse a command line.
    import yaml

    from dynamo_conformance.manifest.yaml import LimitError, load_plain

    try:
        return load_plain(text)
    except LimitError as error:
        raise BadOptionsError(f"the engine file: {error.reason}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise BadOptionsError(f"the engine file is no YAML: {error}") from error


def _json(text: str) -> object:
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        message = f"Failed to parse override_engine_args as JSON: {error}"
        raise BadOptionsError(message) from error
    return value


def _mapping(data: object, what: str) -> Options:
    if not isinstance(data, dict):
        raise BadOptionsError(f"{what} holds no mapping of options")
    return {str(key): value for key, value in data.items()}


def _update(below: Options, above: Options) -> None:
    for key, value in above.items():
        old = below.get(key)
        if isinstance(old, dict) and isinstance(value, dict):
            _update(old, value)
        else:
            below[key] = value


def _set(values: Options, keys: list[str], value: Json) -> None:
    here = values
    for key in keys[:-1]:
        below = here.setdefault(key, {})
        if not isinstance(below, dict):
            raise BadOptionsError(f"--trtllm.{'.'.join(keys)}: {key} holds a value already")
        here = below
    here[keys[-1]] = value


def _typed(text: str) -> Json:
    if text.lower() in _LITERALS:
        return _LITERALS[text.lower()]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
