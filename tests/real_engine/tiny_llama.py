"""A Llama of two layers with random weights: says nonsense, and says it through a real engine."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import torch
from safetensors.torch import save_file

from dynamo_conformance.mock_engine.mock_model import make_local_model, vocabulary_size

if TYPE_CHECKING:
    from pathlib import Path

CONTEXT = 2048
LAYERS, WIDTH, HEADS, INNER = 2, 64, 2, 128
SEED = 7


def make(folder: Path) -> Path:
    """Write the model into a folder, with the tokenizer of the mock engine.

    Returns:
        The folder.
    """
    make_local_model(folder, name="tiny", context_length=CONTEXT)
    path = folder / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config |= {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": vocabulary_size(),
        "hidden_size": WIDTH,
        "intermediate_size": INNER,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": HEADS,
        "head_dim": WIDTH // HEADS,
        "hidden_act": "silu",
        "rms_norm_eps": 1e-5,
        "tie_word_embeddings": False,
        "torch_dtype": "bfloat16",
    }
    path.write_text(json.dumps(config), encoding="utf-8")
    save_file(_weights(), folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def _weights() -> dict[str, torch.Tensor]:
    draw = torch.Generator().manual_seed(SEED)

    def random(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=draw).mul(0.2).to(torch.bfloat16)

    ones = torch.ones(WIDTH, dtype=torch.bfloat16)
    found = {
        "model.embed_tokens.weight": random(vocabulary_size(), WIDTH),
        "lm_head.weight": random(vocabulary_size(), WIDTH),
        "model.norm.weight": ones.clone(),
    }
    for layer in range(LAYERS):
        start = f"model.layers.{layer}"
        for name in ("q", "k", "v", "o"):
            found[f"{start}.self_attn.{name}_proj.weight"] = random(WIDTH, WIDTH)
        for name in ("gate", "up"):
            found[f"{start}.mlp.{name}_proj.weight"] = random(INNER, WIDTH)
        found[f"{start}.mlp.down_proj.weight"] = random(WIDTH, INNER)
        for name in ("input", "post_attention"):
            found[f"{start}.{name}_layernorm.weight"] = ones.clone()
    return found
