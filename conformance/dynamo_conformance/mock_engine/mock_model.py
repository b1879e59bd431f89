"""Writes a model directory without weights: what a frontend needs to serve a mocked model.

The files are those a model hub holds beside the weights: `config.json`, `tokenizer.json`,
`tokenizer_config.json` with a chat template, and `generation_config.json`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from dynamo_conformance.mock_engine.mock_vocabulary import (
    END_OF_TEXT,
    MARKS,
    SPECIALS,
    TURN_END,
    TURN_START,
    pieces,
)

if TYPE_CHECKING:
    from pathlib import Path

DEFAULT_CONTEXT_LENGTH = 40960

_CHAT_TEMPLATE = (
    "{%- for message in messages %}"
    f"{TURN_START}{{{{ message.role }}}}\n{{{{ message.content }}}}{TURN_END}\n"
    "{%- endfor %}"
    "{%- if add_generation_prompt %}"
    f"{TURN_START}assistant\n"
    "{%- endif %}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFiles:
    """The files of one mocked model, by name.

    Attributes:
        name: what `config.json` says the model is called.
        context_length: longest sequence in tokens, prompt and answer together.
    """

    name: str
    context_length: int = DEFAULT_CONTEXT_LENGTH

    def __post_init__(self) -> None:
        if self.context_length < 1:
            raise ValueError(
                f"model {self.name}: the context length must be at least 1 token, "
                f"got {self.context_length}"
            )

    def texts(self) -> dict[str, str]:
        """Return the text of each file by its name, the same for equal models."""
        return {
            "config.json": _text(self._config()),
            "generation_config.json": _text(
                {"bos_token_id": _id(END_OF_TEXT), "eos_token_id": [_id(TURN_END)]}
            ),
            "tokenizer.json": tokenizer_json(),
            "tokenizer_config.json": _text(self._tokenizer_config()),
        }

    def write(self, folder: Path) -> None:
        """Write the files into an existing folder.

        Raises:
            OSError: when a file cannot be written.
        """
        for name, text in self.texts().items():
            (folder / name).write_text(text, encoding="utf-8")

    def _config(self) -> dict[str, object]:
        # The numbers are a small Llama's: the mocker sizes KV blocks from them.
        return {
            "_name_or_path": self.name,
            "architectures": ["LlamaForCausalLM"],
            "bos_token_id": _id(END_OF_TEXT),
            "eos_token_id": _id(TURN_END),
            "head_dim": 64,
            "hidden_act": "silu",
            "hidden_size": 1024,
            "intermediate_size": 2816,
            "max_position_embeddings": self.context_length,
            "model_type": "llama",
            "num_attention_heads": 16,
            "num_hidden_layers": 16,
            "num_key_value_heads": 8,
            "rms_norm_eps": 1e-06,
            "rope_theta": 1000000.0,
            "tie_word_embeddings": True,
            "torch_dtype": "bfloat16",
            "vocab_size": vocabulary_size(),
        }

    def _tokenizer_config(self) -> dict[str, object]:
        return {
            "added_tokens_decoder": {
                str(number): token for number, token in _added_tokens().items()
            },
            "bos_token": END_OF_TEXT,
            "chat_template": _CHAT_TEMPLATE,
            "clean_up_tokenization_spaces": False,
            "eos_token": TURN_END,
            "model_max_length": self.context_length,
            "pad_token": END_OF_TEXT,
            "tokenizer_class": "PreTrainedTokenizerFast",
        }


def make_local_model(
    folder: Path, *, name: str = "local", context_length: int = DEFAULT_CONTEXT_LENGTH
) -> Path:
    """Write a model into a plain folder, for manifests whose `--model` is a path.

    Args:
        folder: made with its parents when missing.
        name: what `config.json` says the model is called.
        context_length: longest sequence in tokens.

    Returns:
        The folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    ModelFiles(name=name, context_length=context_length).write(folder)
    return folder


def context_length(folder: Path) -> int | None:
    """Return how many tokens the model in a folder can take, None when it does not tell.

    Source: `max_position_embeddings` of its `config.json`, where engines look too.
    """
    try:
        config: object = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    length = config.get("max_position_embeddings") if isinstance(config, dict) else None
    return length if isinstance(length, int) else None


def vocabulary_size() -> int:
    """Return the number of token ids, specials included."""
    return len(SPECIALS) + sum(1 for _ in pieces()) + len(MARKS)


@cache
def tokenizer_json() -> str:
    """Return the text of `tokenizer.json`: a unigram model over the byte-level alphabet."""
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    vocabulary = [
        *((word, 0.0) for word in SPECIALS), *pieces(), *((word, 0.0) for word in MARKS)
    ]  # fmt: skip
    return _text(
        {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": [{"id": number, **token} for number, token in _added_tokens().items()],
            "normalizer": None,
            "pre_tokenizer": {**byte_level, "use_regex": True},
            "post_processor": None,
            "decoder": {**byte_level, "use_regex": True},
            "model": {
                "type": "Unigram",
                "unk_id": None,
                "byte_fallback": False,
                "vocab": vocabulary,
            },
        }
    )


def _id(special: str) -> int:
    return SPECIALS.index(special)


def _added_tokens() -> dict[int, dict[str, object]]:
    """Return the tokens that no rule splits, by their ids."""
    first_mark = vocabulary_size() - len(MARKS)
    numbered = [*enumerate(SPECIALS), *enumerate(MARKS, start=first_mark)]
    return {
        number: {
            "content": word,
            "lstrip": False,
            "normalized": False,
            "rstrip": False,
            "single_word": False,
            "special": word in SPECIALS,
        }
        for number, word in numbered
    }


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
