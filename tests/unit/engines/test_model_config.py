"""Configurations as they are published with weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.engines.memory import known_model
from dynamo_conformance.engines.model_config import FAMILIES, ModelConfigError, read_config

if TYPE_CHECKING:
    from typing import TypeAlias

    from dynamo_conformance.engines.flag import Json

    Config: TypeAlias = dict[str, Json]

DENSE: Config = {
    "model_type": "qwen3",
    "num_hidden_layers": 36,
    "hidden_size": 4096,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "intermediate_size": 12288,
    "vocab_size": 151936,
    "max_position_embeddings": 40960,
    "tie_word_embeddings": False,
}
EXPERTS: Config = DENSE | {
    "model_type": "deepseek_v3",
    "n_routed_experts": 256,
    "n_shared_experts": 2,
    "moe_intermediate_size": 2048,
    "first_k_dense_replace": 3,
}


def quantized(config: Config, **words: Json) -> tuple[float, tuple[str, ...], float]:
    model = read_config(config | {"quantization_config": words})
    return model.bits, model.quantized, model.kv_bits


def test_a_dense_model() -> None:
    assert read_config(DENSE) == known_model("Qwen/Qwen3-8B")


def test_experts_have_layers_and_widths_of_their_own() -> None:
    model = read_config(EXPERTS)
    assert (model.experts, model.expert_layers, model.expert_intermediate) == (256, 33, 2048)
    assert model.shared_intermediate == 2 * 2048
    mixtral = DENSE | {"model_type": "mixtral", "num_local_experts": 8}
    model = read_config(mixtral)
    assert (model.experts, model.expert_layers, model.expert_intermediate) == (8, 36, 12288)
    but_some = DENSE | {"num_experts": 8, "moe_intermediate_size": 9, "mlp_only_layers": [1, 2]}
    assert read_config(but_some).expert_layers == 34


def test_text_and_vision_have_sections() -> None:
    text = {key: value for key, value in DENSE.items() if key != "model_type"}
    vision: Config = {"depth": 2, "hidden_size": 10, "intermediate_size": 30}
    model = read_config(
        {"model_type": "qwen3_vl", "text_config": text, "vision_config": vision},
    )
    assert model.layers == 36
    assert model.other == 2 * 10 * (4 * 10 + 2 * 30)


def test_windows() -> None:
    listed = DENSE | {"sliding_window": 128, "layer_types": ["sliding_attention", "full_attention"]}
    model = read_config(listed)
    assert (model.window, model.window_layers) == (128, 1)
    model = read_config(DENSE | {"model_type": "gemma3", "sliding_window": 1024})
    assert (model.window, model.window_layers) == (1024, 30)
    unused = read_config(DENSE | {"sliding_window": 4096, "use_sliding_window": False})
    assert (unused.window, unused.window_layers) == (0, 0)


ALL = ("attention", "dense", "shared", "experts")


def test_quantization() -> None:
    assert quantized(EXPERTS, quant_method="fp8") == (8, ALL, 16)
    assert quantized(
        EXPERTS,
        quant_method="mxfp4",
        modules_to_not_convert=["model.layers.*.self_attn", "lm_head"],
    ) == (4.25, ("dense", "shared", "experts"), 16)
    groups: Config = {"group_0": {"weights": {"num_bits": 4, "type": "int", "group_size": 32}}}
    ignored: list[Json] = [
        "re:.*self_attn.*",
        "re:.*shared_experts.*",
        r"re:.*mlp\.(gate|up|down)_proj.*",
    ]
    assert quantized(
        EXPERTS, quant_method="compressed-tensors", config_groups=groups, ignore=ignored
    ) == (4.5, ("experts",), 16)
    cached: Config = {"num_bits": 8}
    assert quantized(
        EXPERTS, quant_method="compressed-tensors", config_groups=groups, kv_cache_scheme=cached
    ) == (4.5, ALL, 8)
    assert quantized(EXPERTS, quant_method="awq", bits=4, group_size=128)[0] == 4.15625


def test_quantization_in_a_file_of_its_own() -> None:
    beside: Config = {
        "producer": {"name": "modelopt"},
        "quantization": {
            "quant_algo": "NVFP4",
            "kv_cache_quant_algo": "FP8",
            # Not all of the attention: what is left of it is quantized, and that is the least.
            "exclude_modules": ["lm_head", "model.layers.35.self_attn.q_a_proj"],
        },
    }
    model = read_config(EXPERTS, beside)
    assert (model.bits, model.quantized, model.kv_bits) == (4.5, ALL, 8)


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ([], "config.json holds no mapping"),
        ({}, 'nothing is known of the layers of model_type "None"'),
        (DENSE | {"model_type": "mamba"}, 'model_type "mamba"'),
        (DENSE | {"hidden_size": "wide"}, "hidden_size must be a whole number"),
        (DENSE | {"hidden_size": 1 << 50}, "hidden_size must be a whole number"),
        (DENSE | {"num_hidden_layers": 0}, "num_hidden_layers must be above 0"),
        (DENSE | {"num_attention_heads": 0}, "num_attention_heads must be above 0"),
        (DENSE | {"text_config": 7}, "text_config holds no mapping"),
        (DENSE | {"quantization_config": 7}, "quantization_config holds no mapping"),
        (
            DENSE | {"quantization_config": {"quant_method": "awq", "bits": 4}},
            "group_size must be above 0",
        ),
        (
            DENSE | {"quantization_config": {"quant_method": "magic"}},
            'nothing is known of the quantization "magic"',
        ),
        (
            DENSE | {"quantization_config": {"quant_method": "fp8", "ignore": ["re:("]}},
            'no pattern: "re:("',
        ),
        (
            DENSE | {"quantization_config": {"quant_method": "fp8", "ignore": ["re:(m+)+$"]}},
            'no pattern: "re:(m+)+$"',
        ),
        (
            DENSE | {"quantization_config": {"quant_method": "fp8", "ignore": ["re:.*.*.*.*.*x"]}},
            'no pattern: "re:.*.*.*.*.*x"',
        ),
    ],
)
def test_what_cannot_be_read_is_said_in_a_sentence(config: Json, why: str) -> None:
    with pytest.raises(ModelConfigError) as refused:
        read_config(config)
    assert why in str(refused.value)


def test_families_with_other_layers_are_not_read() -> None:
    assert not {"nemotron_h", "qwen3_next", "qwen3_5", "deepseek_v4", "llama4"} & FAMILIES
