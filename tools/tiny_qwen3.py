"""Make a Qwen3 of two layers that answers with words drawn at random, for servers on a CPU.

    python tools/tiny_qwen3.py FOLDER

It runs with the interpreter of the server that is to load it: it needs torch, tokenizers and
transformers, and nothing of this project. Weights are random, but for one number of the hidden
state that is the same at every place: what the last layer multiplies it with is a bias of each
token. With it the model draws words, never half a character, nor a special token; only the
end of an answer now and then. Some characters are of two tokens: the second follows the first,
so that a server must put them together.
"""

from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import GenerationConfig, PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

CONTEXT = 8192
WIDTH = 128
SEED = 6
END, START, PAD = "<|im_end|>", "<|im_start|>", "<|endoftext|>"
SPECIAL = (PAD, START, END, "<tool_call>", "</tool_call>", "<think>", "</think>")
SPLIT = ("\u6f22", "\u5b57", "\u00e9")
"""Characters whose bytes are in two tokens each."""

SYLLABLES = ("ka", "lo", "mi", "ru", "te", "sa", "no", "vi", "de", "po", "he", "ul")
ALWAYS = 3.0
NEVER, OFTEN, NEXT, ENDS = -60.0, 3.0, 200.0, 39.0
LAST = "mi"
"""How words end after which an answer may end."""

SIGNS = '}]":,{['
"""What JSON needs, in the order in which it is drawn where no word may be; the end comes first."""

TEMPLATE = (
    "{% if tools %}<|im_start|>system\n# Tools\n{% for tool in tools %}{{ tool | tojson }}\n"
    '{% endfor %}<tool_call>{"name": ..., "arguments": ...}</tool_call><|im_end|>\n{% endif %}'
    "{% for message in messages %}<|im_start|>{{ message.role }}\n"
    "{% if message.content is string %}{{ message.content }}"
    "{% elif message.content %}{% for part in message.content %}{{ part.text }}{% endfor %}"
    "{% endif %}"
    "{% for call in message.tool_calls or [] %}<tool_call>{{ call.function | tojson }}</tool_call>"
    "{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def make_tokenizer() -> PreTrainedTokenizerFast:
    """Return a tokenizer of bytes, and of words that it has learned from made-up ones."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    bpe.post_processor = processors.ByteLevel(trim_offsets=False)
    words = [f" {one}{other}" for one in SYLLABLES for other in SYLLABLES]
    words += [f"{word}{last}" for word in words for last in SYLLABLES[:6]]
    trainer = trainers.BpeTrainer(
        vocab_size=2000,
        special_tokens=[*SPECIAL],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(words, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        eos_token=END,
        pad_token=PAD,
        additional_special_tokens=[START],
        chat_template=TEMPLATE,
        model_max_length=CONTEXT,
    )


def make_model(tokenizer: PreTrainedTokenizerFast) -> Qwen3ForCausalLM:
    """Return a model with random weights that draws words of the tokenizer."""
    torch.manual_seed(SEED)
    config = Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=WIDTH,
        intermediate_size=2 * WIDTH,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=WIDTH // 4,
        max_position_embeddings=CONTEXT,
        initializer_range=0.3,
        tie_word_embeddings=False,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    model = Qwen3ForCausalLM(config)
    model.generation_config = GenerationConfig(
        do_sample=True, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id
    )
    chains = [pair for character in SPLIT for pair in pairwise(byte_ids(tokenizer, character))]
    begun = {byte_ids(tokenizer, character)[0] for character in SPLIT}
    reserved = len(chains) + 2
    words = [token for token in range(len(tokenizer)) if is_word(tokenizer, token)]
    with torch.no_grad():
        embedded, head = model.model.embed_tokens.weight, model.lm_head.weight
        embedded[:, :reserved] = 0
        embedded *= 3
        head *= 0.6
        head[:, :reserved] = 0
        for layer in model.model.layers:
            layer.self_attn.o_proj.weight *= 0.5
            layer.mlp.down_proj.weight *= 0.05
            layer.self_attn.o_proj.weight[:reserved] = 0
            layer.mlp.down_proj.weight[:reserved] = 0
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
    return model


def byte_ids(tokenizer: PreTrainedTokenizerFast, character: str) -> list[int]:
    """Return the tokens of a character, which are its bytes."""
    ids: list[int] = tokenizer.encode(character, add_special_tokens=False)
    return ids


def is_word(tokenizer: PreTrainedTokenizerFast, token: int) -> bool:
    """Whether a token is a word, or a part of it of two letters and more."""
    word = tokenizer.decode([token])
    return word.strip().isalpha() and word.isascii() and len(word) > 1


def main(folder: Path) -> None:
    """Write the model into a folder."""
    tokenizer = make_tokenizer()
    make_model(tokenizer).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
