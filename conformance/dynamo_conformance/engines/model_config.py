"""Model configurations: from the `config.json` that is published with a model's weights.

Only families are read whose layers are known to be what the arithmetic counts: attention with
heads or latents, dense MLPs, experts. State-space and linear attention layers are not.
"""

from __future__ import annotations

import re
from contextlib import suppress
from fnmatch import fnmatch
from functools import cache
from typing import TYPE_CHECKING

from dynamo_conformance.engines.memory import LAYERED, PLAIN_BITS, Model, Part

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dynamo_conformance.engines.flag import Json

    Fields = dict[str, Json]

FAMILIES = frozenset(
    {
        "deepseek_v3",
        "deepseek_v32",
        "gemma3",
        "glm4_moe",
        "glm_moe_dsa",
        "gpt_oss",
        "kimi_k2",
        "kimi_k25",
        "llama",
        "minimax_m2",
        "mistral",
        "mistral3",
        "mixtral",
        "qwen2",
        "qwen2_5_vl",
        "qwen3",
        "qwen3_moe",
        "qwen3_vl",
        "qwen3_vl_moe",
    }
)
"""The `model_type`s that are read."""

_SPARSE = frozenset({"deepseek_v32", "glm_moe_dsa"})
"""Families with sparse attention: engines choose by the GPU to cache 8 bits of a value, or 16."""

_SLIDING = "sliding_attention"
_EVERY_SIXTH = 6
"""Of Gemma 3's layers that one looks at everything, unless its configuration says otherwise."""

_MODULES = {
    Part.ATTENTION: ("model.layers.{last}.self_attn.o_proj",),
    Part.DENSE: ("model.layers.0.mlp.down_proj",),
    Part.SHARED: ("model.layers.{last}.mlp.shared_experts.down_proj",),
    Part.EXPERTS: ("model.layers.{last}.mlp.experts.0.down_proj",),
}
"""A module that speaks for each part where a checkpoint says what is not quantized."""

_PREFIXES = ("", "language_model.")


class ModelConfigError(ValueError):
    """A configuration that cannot be read; the message says why."""


def read_config(config: Json, quantization: Json = None) -> Model:
    """Return the model that a `config.json` describes.

    Args:
        config: The parsed file.
        quantization: The parsed `hf_quant_config.json` beside it, or None.

    Raises:
        ModelConfigError: It is no configuration of a known family.
    """
    whole = _mapping(config, "config.json")
    text = whole | _mapping(whole.get("text_config") or {}, "text_config")
    family = str(whole.get("model_type"))
    if family not in FAMILIES:
        raise ModelConfigError(f'nothing is known of the layers of model_type "{family}"')
    layers, hidden, heads = (
        _positive(_count(text, name), name)
        for name in ("num_hidden_layers", "hidden_size", "num_attention_heads")
    )
    bits, quantized, kv_bits = _quantization(text, quantization, layers)
    if family in _SPARSE:
        kv_bits = 8
    rope = _count(text, "qk_rope_head_dim", 0)
    window, window_layers = _window(text, family, layers)
    experts = _first(text, "n_routed_experts", "num_experts", "num_local_experts")
    inside = _count(text, "moe_intermediate_size", 0) or _count(text, "intermediate_size")
    has_own_layers = experts and "moe_intermediate_size" in text
    dense = _dense_layers(text) if has_own_layers else 0
    return Model(
        layers=layers,
        hidden=hidden,
        heads=heads,
        kv_heads=_count(text, "num_key_value_heads", heads),
        head_dim=_count(text, "head_dim", 0) or hidden // heads,
        intermediate=_count(text, "intermediate_size"),
        vocab=_count(text, "vocab_size"),
        context=_count(text, "max_position_embeddings"),
        tied=bool(text.get("tie_word_embeddings", family == "gemma3")),
        q_rank=_count(text, "q_lora_rank", 0),
        kv_rank=_count(text, "kv_lora_rank", 0),
        rope_dim=rope,
        nope_dim=_count(text, "qk_nope_head_dim", 0),
        value_dim=_count(text, "v_head_dim", 0),
        experts=experts,
        expert_intermediate=inside if experts else 0,
        expert_layers=layers - dense if experts else 0,
        shared_intermediate=_count(text, "n_shared_experts", 0) * inside if experts else 0,
        window=window,
        window_layers=window_layers,
        bits=bits,
        quantized=quantized,
        kv_bits=kv_bits,
        other=_vision(whole),
    )


def _dense_layers(text: Fields) -> int:
    return _count(text, "first_k_dense_replace", 0) or len(_list(text.get("mlp_only_layers")))


def _window(text: Fields, family: str, layers: int) -> tuple[int, int]:
    """Return how far windows look back, and how many layers have one."""
    kinds = text.get("layer_types")
    if isinstance(kinds, list):
        count = sum(kind == _SLIDING for kind in kinds)
    elif family == "gemma3":
        count = layers - layers // _count(text, "sliding_window_pattern", _EVERY_SIXTH)
    else:
        count = 0
    return (_count(text, "sliding_window", 0), count) if count else (0, 0)


def _vision(whole: Fields) -> int:
    """Return the parameters of a vision tower's layers, at least."""
    tower = whole.get("vision_config")
    if not isinstance(tower, dict):
        return 0
    depth = _first(tower, "depth", "num_hidden_layers", "vt_num_hidden_layers")
    width = _first(tower, "hidden_size", "vt_hidden_size")
    inside = _first(tower, "intermediate_size", "vt_intermediate_size")
    return depth * width * (4 * width + 2 * inside)


def _quantization(text: Fields, beside: Json, layers: int) -> tuple[float, tuple[str, ...], float]:
    """Return the bits of quantized weights, the parts that are, and the bits of cached values."""
    given = text.get("quantization_config")
    if isinstance(beside, dict):
        given = _mapping(beside.get("quantization"), "quantization")
    if given is None:
        return PLAIN_BITS, (), PLAIN_BITS
    config = _mapping(given, "quantization_config")
    excluded = [
        str(pattern)
        for name in ("modules_to_not_convert", "ignore", "exclude_modules")
        for pattern in _list(config.get(name))
    ]
    quantized = tuple(part for part in LAYERED if not _is_excluded(part, excluded, layers - 1))
    scheme = config.get("kv_cache_scheme") or config.get("kv_cache_quant_algo")
    kv_bits = 8 if scheme else PLAIN_BITS
    return _bits(config), quantized, kv_bits


def _bits(config: Fields) -> float:
    """Return the bits of a quantized weight with its share of the scales."""
    method = str(config.get("quant_method"))
    named = str(config.get("quant_algo") or method).lower()
    if named in _NAMED_BITS:
        return _NAMED_BITS[named]
    if method in ("awq", "gptq"):
        bits = _first(config, "bits", "w_bit")
        group = _positive(_first(config, "group_size", "q_group_size"), "group_size")
        return bits + (PLAIN_BITS + bits) / group
    groups = config.get("config_groups")
    if isinstance(groups, dict) and groups:
        schemes = (_mapping(group, "config_groups") for group in groups.values())
        return min(map(_scheme_bits, schemes))
    raise ModelConfigError(f'nothing is known of the quantization "{named}"')


_NAMED_BITS = {"fp8": 8, "fp8_pb_wo": 8, "mxfp4": 4.25, "nvfp4": 4.5}
"""A scale for so many weights that it hardly counts; one byte for 32; one byte for 16."""


def _scheme_bits(group: Fields) -> float:
    weights = _mapping(group.get("weights"), "weights")
    bits = _count(weights, "num_bits")
    size = _count(weights, "group_size", 0)
    scale = 8 if weights.get("type") == "float" else PLAIN_BITS
    return bits + scale / size if size else bits


def _is_excluded(part: Part, patterns: Iterable[str], last: int) -> bool:
    names = [prefix + module.format(last=last) for module in _MODULES[part] for prefix in _PREFIXES]
    return any(_matches(pattern, name) for pattern in patterns for name in names)


def _matches(pattern: str, name: str) -> bool:
    if pattern.startswith("re:"):
        return _expression(pattern).match(name) is not None
    return fnmatch(name, pattern) or fnmatch(name, f"{pattern}.*")


@cache
def _expression(pattern: str) -> re.Pattern[str]:
    """Return a pattern as an expression; those that may take for ever are no such patterns."""
    text = pattern.removeprefix("re:")
    if len(_REPEATS.findall(text)) <= _MOST_REPEATS and not _GROUP_REPEATED.search(text):
        with suppress(re.error):
            return re.compile(text)
    raise ModelConfigError(f'no pattern: "{pattern}"')


_REPEATS, _MOST_REPEATS = re.compile(r"[*+{]"), 4
_GROUP_REPEATED = re.compile(r"\)[*+?{]")


def _mapping(value: Json, what: str) -> Fields:
    if not isinstance(value, dict):
        raise ModelConfigError(f"{what} holds no mapping")
    return value


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def _first(fields: Fields, *names: str) -> int:
    """Return the first of some counts that is there, or 0."""
    return next((count for name in names if (count := _count(fields, name, 0))), 0)


def _count(fields: Fields, name: str, default: int | None = None) -> int:
    value = fields.get(name)
    if value is None and default is not None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < _TOO_MANY:
        raise ModelConfigError(f"{name} must be a whole number")
    return value


_TOO_MANY = 1 << 40


def _positive(count: int, name: str) -> int:
    if count < 1:
        raise ModelConfigError(f"{name} must be above 0")
    return count
