"""Make a tiny model, a draft head of it or an adapter for it, with weights drawn at random.

    python make_weights.py SPECIFICATION FOLDER

It runs with the interpreter of the engine that is to load it: it needs torch, tokenizers and
transformers, and nothing of this project. SPECIFICATION is what `weights.Specification.json`
returns. Weights are random, but for one number of the hidden state that is the same at every place:
what the last layer multiplies it with is a bias of each token. With it the model draws words, never
half a character, nor a special token; only the end of an answer now and then. Some characters are
of two tokens: the second follows the first, so that a server must put them together. A family with
marks for thoughts thinks two words before each answer of a chat.
"""

from __future__ import annotations

import json
import sys
from itertools import pairwise
from pathlib import Path
from typing import TypedDict

import torch
from safetensors.torch import save_file
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    GenerationConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

VOCABULARY = 2000
LAYERS, WIDTH, HEADS, KV_HEADS, INNER = 2, 128, 4, 2, 256
HEAD = WIDTH // HEADS
SPLIT = ("\u6f22", "\u5b57", "\u00e9")
"""Characters whose bytes are in two tokens each."""

SYLLABLES = ("ka", "lo", "mi", "ru", "te", "sa", "no", "vi", "de", "po", "he", "ul")
ALWAYS = 3.0
NEVER, OFTEN, NEXT, ENDS = -60.0, 3.0, 200.0, 39.0
LAST = "mi"
"""How words end after which an answer may end."""

BEFORE_ANSWERS = "\n"
"""What a chat's prompt ends with; who thinks begins to do so after it."""

THOUGHT = 2
"""How many words a thought has; nothing else is said with them."""

SIGNS = '}]":,{['
"""What JSON needs, in the order in which it is drawn where no word may be; the end comes first."""


class Marks(TypedDict):
    """The special tokens and the chat template of a family."""

    special: list[str]
    plain: list[str]
    end: str
    pad: str
    begin: str
    template: str


class Family(TypedDict):
    """A family of models."""

    model_type: str
    context: int
    marks: Marks
    sees: bool
    experts: int


class Specification(TypedDict):
    """What is to be made."""

    kind: str
    family: Family
    seed: int
    rank: int


def make_tokenizer(family: Family) -> PreTrainedTokenizerFast:
    """Return a tokenizer of bytes, and of words that it has learned from made-up ones."""
    marks = family["marks"]
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    bpe.post_processor = processors.ByteLevel(trim_offsets=False)
    words = [f" {first}{second}" for first in SYLLABLES for second in SYLLABLES]
    words += [f"{word}{last}" for word in words for last in SYLLABLES[:6]]
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[*marks["special"]],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(words, trainer)
    bpe.add_tokens([AddedToken(mark, normalized=False, special=False) for mark in marks["plain"]])
    kept = {marks["end"], marks["pad"], marks["begin"]}
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        eos_token=marks["end"],
        pad_token=marks["pad"],
        **({"bos_token": marks["begin"]} if marks["begin"] else {}),
        additional_special_tokens=[mark for mark in marks["special"] if mark not in kept],
        chat_template=marks["template"],
        model_max_length=family["context"],
    )


def text_config(family: Family, tokenizer: PreTrainedTokenizerFast) -> dict[str, object]:
    """Return the configuration of what reads and writes text."""
    config: dict[str, object] = {
        "vocab_size": len(tokenizer),
        "hidden_size": WIDTH,
        "intermediate_size": INNER,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": KV_HEADS,
        "head_dim": HEAD,
        "max_position_embeddings": family["context"],
        "initializer_range": 0.3,
        "tie_word_embeddings": False,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
        "bos_token_id": tokenizer.bos_token_id,
    }
    if family["experts"]:
        config |= {
            "num_experts": family["experts"],
            "num_experts_per_tok": 2,
            "moe_intermediate_size": INNER,
            "norm_topk_prob": True,
        }
    return config


def vision_config(family: Family, tokenizer: PreTrainedTokenizerFast) -> dict[str, object]:
    """Return the configuration of a model that takes images too."""
    config = text_config(family, tokenizer)
    quarter = HEAD // 8
    rope = {"rope_type": "default", "mrope_section": [quarter, *[(HEAD // 2 - quarter) // 2] * 2]}
    ids = {
        f"{name}_token_id": tokenizer.convert_tokens_to_ids(f"<|{mark}|>")
        for name, mark in (
            ("vision_start", "vision_start"), ("vision_end", "vision_end"),
            ("image", "image_pad"), ("video", "video_pad"),
        )
    }  # fmt: skip
    return {
        **ids,
        "eos_token_id": config["eos_token_id"],
        "pad_token_id": config["pad_token_id"],
        "tie_word_embeddings": False,
        "text_config": {**config, "rope_scaling": rope, "use_sliding_window": False},
        "vision_config": {
            "depth": LAYERS,
            "hidden_size": WIDTH,
            "intermediate_size": INNER,
            "num_heads": KV_HEADS,
            "out_hidden_size": WIDTH,
            "fullatt_block_indexes": [0],
        },
    }


def make_model(family: Family, tokenizer: PreTrainedTokenizerFast) -> PreTrainedModel:
    """Return a model with random weights that draws words of the tokenizer."""
    if family["sees"]:
        config = AutoConfig.for_model(family["model_type"], **vision_config(family, tokenizer))
        model = AutoModelForImageTextToText.from_config(config)
    else:
        config = AutoConfig.for_model(family["model_type"], **text_config(family, tokenizer))
        model = AutoModelForCausalLM.from_config(config)
    model.generation_config = GenerationConfig(
        do_sample=True, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id
    )
    _favour_words(model, tokenizer)
    return model.to(torch.bfloat16)


def _favour_words(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> None:
    """Have words drawn, characters made complete, and answers ended now and then."""
    begun = {byte_ids(tokenizer, character)[0] for character in SPLIT}
    words = [token for token in range(len(tokenizer)) if is_word(tokenizer, token)]
    spans = [byte_ids(tokenizer, character) for character in SPLIT]
    if "<think>" in tokenizer.get_vocab():
        thought, words = words[:THOUGHT], words[THOUGHT:]
        start, end = tokenizer.convert_tokens_to_ids(["<think>", "</think>"])
        spans.append([*byte_ids(tokenizer, BEFORE_ANSWERS), start, *thought, end])
    chains = [pair for span in spans for pair in pairwise(span)]
    reserved = len(chains) + 2
    text = getattr(model.model, "language_model", model.model)
    with torch.no_grad():
        embedded, head = text.embed_tokens.weight, model.lm_head.weight
        embedded[:, :reserved] = 0
        embedded *= 3
        head *= 0.6
        head[:, :reserved] = 0
        for layer in text.layers:
            layer.self_attn.o_proj.weight *= 0.5
            layer.self_attn.o_proj.weight[:reserved] = 0
            down = [each for name, each in layer.mlp.named_parameters() if "down_proj" in name]
            for projection in down:
                projection.mul_(0.05)
                projection[..., :reserved, :] = 0
        embedded[:, 0] = ALWAYS
        head[:, 0] = NEVER
        head[words, 0] = 0
        head[[*begun], 0] = OFTEN
        for rank, sign in enumerate(SIGNS):
            token = tokenizer.convert_tokens_to_ids(sign)
            head[token] = 0
            head[token, 0] = NEVER / 2 - rank
        last = [token for token in words if tokenizer.decode([token]).endswith(LAST)]
        embedded[last, reserved - 1] = ALWAYS
        head[tokenizer.eos_token_id] = 0
        head[tokenizer.eos_token_id, 0] = NEVER / 2 + 1
        head[tokenizer.eos_token_id, reserved - 1] = ENDS
        for place, (first, second) in enumerate(chains, start=1):
            embedded[first, place] = ALWAYS
            head[second, place] = NEXT


def byte_ids(tokenizer: PreTrainedTokenizerFast, character: str) -> list[int]:
    """Return the tokens of a character, which are its bytes."""
    ids: list[int] = tokenizer.encode(character, add_special_tokens=False)
    return ids


def is_word(tokenizer: PreTrainedTokenizerFast, token: int) -> bool:
    """Whether a token is a word, or a part of it of two letters and more."""
    word = tokenizer.decode([token])
    return word.strip().isalpha() and word.isascii() and len(word) > 1


def random(*shape: int) -> torch.Tensor:
    """Return weights of a shape, drawn anew each time."""
    return torch.randn(*shape).mul(0.1).to(torch.bfloat16)


def save_model(family: Family, folder: Path) -> None:
    """Write a model with its tokenizer, and what prepares its images."""
    tokenizer = make_tokenizer(family)
    make_model(family, tokenizer).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    # Readers of a hub's file look for the template here too, as published models have it.
    path = folder / "tokenizer_config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config["chat_template"] = family["marks"]["template"]
    path.write_text(json.dumps(config, ensure_ascii=False, indent=1), encoding="utf-8")
    if family["sees"]:
        from transformers import Qwen2VLImageProcessor

        processor = Qwen2VLImageProcessor(min_pixels=28 * 28 * 4, max_pixels=28 * 28 * 64)
        processor.save_pretrained(folder)


def save_adapter(rank: int, folder: Path) -> None:
    """Write a LoRA adapter that changes what queries and values are."""
    weights: dict[str, torch.Tensor] = {}
    for layer in range(LAYERS):
        for name, width in (("q_proj", WIDTH), ("v_proj", KV_HEADS * HEAD)):
            place = f"base_model.model.model.layers.{layer}.self_attn.{name}"
            weights[f"{place}.lora_A.weight"] = random(rank, WIDTH) * 5
            weights[f"{place}.lora_B.weight"] = random(width, rank) * 5
    save_file(weights, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": None,
        "r": rank,
        "lora_alpha": 2 * rank,
        "lora_dropout": 0.0,
        "bias": "none",
        "target_modules": ["q_proj", "v_proj"],
    }
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=1), encoding="utf-8")


def save_draft(family: Family, folder: Path) -> None:
    """Write an EAGLE-3 head that drafts what the model likes to say, in the speculators' form."""
    tokenizer = make_tokenizer(family)
    model = make_model(family, tokenizer)
    text = getattr(model.model, "language_model", model.model)
    weights = {
        "embed_tokens.weight": text.embed_tokens.weight.detach().clone(),
        "lm_head.weight": model.lm_head.weight.detach().clone(),
        "norm.weight": torch.ones(WIDTH, dtype=torch.bfloat16),
        "fc.weight": torch.cat([torch.zeros(WIDTH, 2 * WIDTH), torch.eye(WIDTH)], dim=1).bfloat16(),
    }
    layer = "layers.0"
    for name, width in (("q", HEADS * HEAD), ("k", KV_HEADS * HEAD), ("v", KV_HEADS * HEAD)):
        weights[f"{layer}.self_attn.{name}_proj.weight"] = random(width, 2 * WIDTH)
    weights[f"{layer}.self_attn.o_proj.weight"] = random(WIDTH, HEADS * HEAD) * 0.01
    for name in ("gate", "up"):
        weights[f"{layer}.mlp.{name}_proj.weight"] = random(INNER, WIDTH)
    weights[f"{layer}.mlp.down_proj.weight"] = random(WIDTH, INNER) * 0.01
    for name in ("hidden_norm", "input_layernorm", "post_attention_layernorm"):
        weights[f"{layer}.{name}.weight"] = torch.ones(WIDTH, dtype=torch.bfloat16)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    config = {
        "architectures": ["Eagle3Speculator"],
        "speculators_model_type": "eagle3",
        "speculators_version": "0.1.0",
        "draft_vocab_size": len(tokenizer),
        "target_hidden_size": WIDTH,
        "norm_before_residual": False,
        "eagle_aux_hidden_state_layer_ids": [0, 1, LAYERS],
        "transformer_layer_config": {
            **text_config(family, tokenizer),
            "model_type": "llama",
            "num_hidden_layers": 1,
            "hidden_act": "silu",
            "rms_norm_eps": 1e-6,
            "torch_dtype": "bfloat16",
        },
        "speculators_config": {
            "algorithm": "eagle3",
            "default_proposal_method": "greedy",
            "proposal_methods": [{"proposal_type": "greedy", "speculative_tokens": 3}],
            "verifier": {"name_or_path": None, "architectures": []},
        },
        "torch_dtype": "bfloat16",
    }
    (folder / "config.json").write_text(json.dumps(config, indent=1), encoding="utf-8")


def main(specification: Specification, folder: Path) -> None:
    """Write what is asked for into an existing folder."""
    torch.manual_seed(specification["seed"])
    family = specification["family"]
    if specification["kind"] == "adapter":
        save_adapter(specification["rank"], folder)
    elif specification["kind"] == "draft":
        save_draft(family, folder)
    else:
        save_model(family, folder)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), Path(sys.argv[2]))
