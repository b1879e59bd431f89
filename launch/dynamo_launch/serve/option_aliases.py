"""Option aliases: one name for what each engine calls differently.

An engine's own flag wins: a name stands here for an engine only where the engine has no better
one. The flags are those of the catalogs in `dynamo_conformance/engines/data/flags`; a test holds
every cell against them, and docs/serve.md against this table.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

MODEL: Final = "model_path"
"""The alias of the flag that takes a MODEL."""

ALIASES: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType({
    MODEL: {
        "vllm": "--model",
        "sglang": "--model-path",
        "trtllm": "--model-path",
        "mocker": "--model-path",
    },
    "served_model_name": {
        "vllm": "--served-model-name",
        "sglang": "--served-model-name",
        "trtllm": "--served-model-name",
        "mocker": "--model-name",
    },
    "port": {
        "frontend": "--http-port",
    },
    "context_length": {
        "vllm": "--max-model-len",
        "sglang": "--context-length",
        "trtllm": "--max-seq-len",
        "mocker": "--max-model-len",
    },
    "tensor_parallel_size": {
        "vllm": "--tensor-parallel-size",
        "sglang": "--tensor-parallel-size",
        "trtllm": "--tensor-parallel-size",
    },
    "pipeline_parallel_size": {
        "vllm": "--pipeline-parallel-size",
        "sglang": "--pipeline-parallel-size",
        "trtllm": "--pipeline-parallel-size",
    },
    "data_parallel_size": {
        "vllm": "--data-parallel-size",
        "sglang": "--data-parallel-size",
        "mocker": "--data-parallel-size",
    },
    "expert_parallel_size": {
        "sglang": "--expert-parallel-size",
        "trtllm": "--expert-parallel-size",
    },
    "kv_block_size": {
        "frontend": "--kv-cache-block-size",
        "vllm": "--block-size",
        "sglang": "--page-size",
        "trtllm": "--kv-block-size",
        "mocker": "--block-size",
    },
    "max_num_seqs": {
        "vllm": "--max-num-seqs",
        "sglang": "--max-running-requests",
        "trtllm": "--max-batch-size",
        "mocker": "--max-num-seqs",
    },
})  # fmt: skip


def alias_flag(program: str, name: str) -> str | None:
    """Return a program's own flag for an alias, or None.

    Args:
        program: An engine, or `frontend`.
        name: An option's name, with dashes or underscores, with or without leading dashes.
    """
    return ALIASES.get(name.lstrip("-").replace("-", "_"), {}).get(program)
