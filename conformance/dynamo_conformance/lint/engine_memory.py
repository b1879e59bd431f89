"""Engine memory: what a component's settings make of the arithmetic in `engines/memory.py`.

Settings that put weights or KV cache elsewhere, or make others of them, leave it unknown. Where the
engines differ is read in their sources: vLLM 0.31.0 (`config/cache.py`: the share is of the whole
GPU), SGLang 0.5.21 (`arg_groups/memory_hook.py`: by default all but a reserve, of which the least
is counted here; `models/deepseek_v2.py`: what attention ranks hold whole), and what
TensorRT-LLM documents (KV cache gets its share of what the weights leave).
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dynamo_conformance.engines.gpu import MIB, named_gpu
from dynamo_conformance.engines.memory import (
    LAYERED,
    PLAIN_BITS,
    Budget,
    Split,
    cache_bytes,
    known_model,
    weights,
)
from dynamo_conformance.engines.role import Role
from dynamo_conformance.engines.serving import model_source

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dynamo_conformance.engines.gpu import Gpu
    from dynamo_conformance.engines.memory import Model
    from dynamo_conformance.lint.engine_settings import EngineSettings
    from dynamo_conformance.manifest.graph import Graph

VLLM, SGLANG, TRTLLM = "dynamo.vllm", "dynamo.sglang", "dynamo.trtllm"

_ROLES = (Role.AGG, Role.PREFILL, Role.DECODE)
_LENGTHS = {VLLM: "max_model_len", SGLANG: "context_length", TRTLLM: "max_seq_len"}
_SHARES = {
    VLLM: "gpu_memory_utilization",
    SGLANG: "mem_fraction_static",
    TRTLLM: "free_gpu_memory_fraction",
}
_QUANTIZATIONS = {VLLM: "quantization", SGLANG: "quantization", TRTLLM: "quant_algo"}
_TYPES = {VLLM: "dtype", SGLANG: "dtype", TRTLLM: "torch_dtype"}
_PLAIN_TYPES = ("auto", "bfloat16", "bf16", "float16", "half", "fp16")
_EIGHT_BITS = ("fp8", "w8a8_fp8")
"""What makes 8 bits of the weights of a checkpoint that is not quantized."""

_KV_SHARE, _KV_TYPE = "kv_cache_config.free_gpu_memory_fraction", "kv_cache_config.dtype"
_ELSEWHERE = {
    VLLM: (
        "cpu_offload_gb",
        "offload_group_size",
        "offload_backend",
        "kv_cache_memory_bytes",
        "num_gpu_blocks_override",
        "hf_overrides",
        "hf_config_path",
        "config_format",
        "quantization_config",
        "language_model_only",
        "decode_context_parallel_size",
        "prefill_context_parallel_size",
    ),
    SGLANG: (
        "cpu_offload_gb",
        "offload_group_size",
        "max_total_tokens",
        "json_model_override_args",
        "modelopt_quant",
        "quantize_and_serve",
        "dcp_size",
        "attn_cp_size",
        "moe_dp_size",
        "dwdp_size",
        "kt_num_gpu_experts",
        "ple_offload_embedding",
        "prefill_only_disable_kv_cache",
        "language_only",
        "encoder_only",
    ),
    TRTLLM: ("modality",),
}
"""Settings after which weights or KV cache are not what the arithmetic counts."""

_OTHER_OPTIONS = (
    "quant_config",
    "kv_cache_config.max_tokens",
    "kv_cache_config.max_gpu_total_bytes",
    "sparse_attention_config",
)
"""The same among TensorRT-LLM's own options."""

_RESERVE, _RESERVE_PER_RANK = 1536 * MIB, 128 * MIB
"""What SGLang leaves free of a GPU at least, when nobody says how much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryUse:
    """What a component needs of each GPU, and what it gets.

    Attributes:
        name: The model, as the component names it.
        model: Its configuration.
        gpu: The GPU.
        split: How the model is split over the component's GPUs.
        budget: What the engine lets it have of one.
        kv_bits: Bits of a cached value; None when they are not known.
        tokens: The longest request; None when that is not known.
    """

    name: str
    model: Model
    gpu: Gpu
    split: Split
    budget: Budget
    kv_bits: float | None
    tokens: int | None

    @property
    def weights(self) -> int:
        """Bytes of weights on a GPU, at least."""
        return weights(self.model, self.split)

    @property
    def room(self) -> float:
        """Bytes that are left for KV cache, at most."""
        return self.budget.room(self.weights)

    @property
    def cache(self) -> int:
        """Bytes of KV cache that the longest request takes on a GPU; 0 when not known."""
        return self._cache(self.tokens) if self.tokens and self.kv_bits else 0

    @property
    def longest(self) -> int:
        """The longest request that there is room for, in tokens."""
        requests = range((self.tokens or 0) + 1)
        return max(bisect_right(requests, self.room, key=self._cache) - 1, 0)

    def _cache(self, tokens: int) -> int:
        return cache_bytes(self.model, tokens, self.split, bits=self.kv_bits)


def memory_use(
    settings: EngineSettings, graph: Graph, models: Mapping[str, Model]
) -> MemoryUse | None:
    """Return what a component needs of its GPUs, or None when that cannot be known.

    Args:
        settings: The component's settings.
        graph: Its graph.
        models: Configurations that are given, by name; they go before the known ones.
    """
    part, module = settings.part, settings.module
    main = part.component.main
    if module not in _LENGTHS or part.role not in _ROLES or main is None or not main.gpus:
        return None
    gpu = named_gpu(part.component, graph)
    if gpu is None or settings.hidden or settings.overridden or _is_elsewhere(settings):
        return None
    name = model_source(part)
    model = _model(settings, models.get(name) or known_model(name)) if name else None
    split = _SPLITS[module](settings)
    budget = _budget(settings, gpu, split) if split is not None else None
    if name is None or model is None or split is None or budget is None:
        return None
    return MemoryUse(
        name=name,
        model=model,
        gpu=gpu,
        split=split,
        budget=budget,
        kv_bits=_kv_bits(settings, model),
        tokens=_tokens(settings, model),
    )


def length_dest(settings: EngineSettings) -> str:
    """Return the setting that says how long a request may be."""
    return _LENGTHS[settings.module]


def share_text(settings: EngineSettings) -> str:
    """Return the setting that says how much of a GPU the engine may have, with its value."""
    dest = _SHARES[settings.module]
    if settings.module == TRTLLM and settings.option(_KV_SHARE) is not None:
        return f"{settings.option_label(_KV_SHARE)} {settings.option(_KV_SHARE)}"
    value = settings.text(dest)
    return f"{settings.label(dest)} {value}" if value else f"{settings.label(dest)}'s default"


def _is_elsewhere(settings: EngineSettings) -> bool:
    if settings.part.component.node.get("experimental") is not None:
        return True
    if any(settings.given(dest) for dest in _ELSEWHERE[settings.module]):
        return True
    return any(settings.option(path) is not None for path in _OTHER_OPTIONS)


def _model(settings: EngineSettings, model: Model | None) -> Model | None:
    """Return the model with the bits that its weights have in the engine."""
    type_dest, dest = _TYPES[settings.module], _QUANTIZATIONS[settings.module]
    given = settings.text(type_dest)
    if model is None or settings.unknown(dest) or given not in _PLAIN_TYPES:
        return None
    method = settings.text(dest)
    # On a checkpoint that is quantized, the flag only repeats how.
    if method is None or model.quantized:
        return model
    return replace(model, bits=8, quantized=LAYERED) if method in _EIGHT_BITS else None


def _vllm(settings: EngineSettings) -> Split | None:
    tensor, stages, copies = map(
        settings.number, ("tensor_parallel_size", "pipeline_parallel_size", "data_parallel_size")
    )
    if not tensor or not stages or not copies:
        return None
    # Experts are shared by the ranks of all copies, whole or in pieces.
    return replace(Split.even(tensor, stages=stages), experts=tensor * copies)


def _sglang(settings: EngineSettings) -> Split | None:
    tensor, stages, copies = map(settings.number, ("tp_size", "pp_size", "dp_size"))
    if not tensor or not stages or not copies:
        return None
    split = Split.even(tensor, stages=stages)
    if settings.unknown("enable_dp_attention") or settings.unknown("moe_a2a_backend"):
        return None
    if settings.text("moe_a2a_backend") not in (None, "none"):
        split = replace(split, shared=1)
    if not settings.switched("enable_dp_attention"):
        return split
    ranks = max(tensor // copies, 1)
    return replace(split, attention=ranks, embedding=ranks)


def _trtllm(settings: EngineSettings) -> Split | None:
    tensor, stages = map(settings.number, ("tensor_parallel_size", "pipeline_parallel_size"))
    if not tensor or not stages or settings.unknown("enable_attention_dp"):
        return None
    split = Split.even(tensor, stages=stages)
    if not settings.switched("enable_attention_dp"):
        return split
    return replace(split, attention=1, shared=1, embedding=1)


_SPLITS: dict[str, Callable[[EngineSettings], Split | None]] = {
    VLLM: _vllm,
    SGLANG: _sglang,
    TRTLLM: _trtllm,
}


def _budget(settings: EngineSettings, gpu: Gpu, split: Split) -> Budget | None:
    dest = _SHARES[settings.module]
    option = settings.option(_KV_SHARE) if settings.module == TRTLLM else None
    given = settings.text(dest) if option is None else str(option)
    if given is None:
        if settings.module != SGLANG or settings.unknown(dest):
            return None
        reserve = _RESERVE + _RESERVE_PER_RANK * split.tensor * split.stages
        return Budget(memory=gpu.memory, fraction=1 - reserve / gpu.memory)
    fraction = _fraction(given)
    if fraction is None:
        return None
    return Budget(memory=gpu.memory, fraction=fraction, of_rest=settings.module == TRTLLM)


def _fraction(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 < value <= 1 else None


def _kv_bits(settings: EngineSettings, model: Model) -> float | None:
    """Return the bits of a cached value, or None when they are not known."""
    if settings.module == TRTLLM:
        option = settings.option(_KV_TYPE)
        given = None if option is None else str(option)
    elif settings.unknown("kv_cache_dtype"):
        return None
    else:
        given = settings.text("kv_cache_dtype")
    if given in (None, "auto"):
        return model.kv_bits
    if given in _PLAIN_TYPES:
        return PLAIN_BITS
    return 8 if given.startswith("fp8") else None


def _tokens(settings: EngineSettings, model: Model) -> int | None:
    """Return the longest request that is to be possible; None when it is found at start."""
    dest = length_dest(settings)
    if settings.given(dest):
        count = settings.number(dest)
        return count if count is not None and count > 0 else None
    return model.context
