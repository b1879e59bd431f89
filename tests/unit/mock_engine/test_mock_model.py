from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tokenizers import Tokenizer

from dynamo_conformance.mock_engine.mock_model import (
    ModelFiles,
    context_length,
    make_local_model,
    tokenizer_json,
    vocabulary_size,
)
from dynamo_conformance.mock_engine.mock_vocabulary import (
    MARKS,
    SPECIALS,
    byte_alphabet,
    made_words,
    pieces,
)

if TYPE_CHECKING:
    from pathlib import Path

# The mocker draws the ids of its answers from here.
ANSWER_IDS = range(1000, 2001)

TEXTS = (
    "What is the capital of France?",
    "\u017elu\u0165ou\u010dk\u00fd k\u016f\u0148 \U0001f40e",
    " leading,  double and trailing blanks \t\n\n",
    "def f(x):\n\treturn x**2  # code",
    "".join(chr(code) for code in range(1, 0x250)),
    "\u65e5\u672c\u8a9e\u306e\u6587\u7ae0",
)


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.from_str(tokenizer_json())


@pytest.mark.parametrize("text", TEXTS)
def test_any_text_survives_the_round_trip(tokenizer: Tokenizer, text: str) -> None:
    assert tokenizer.decode(tokenizer.encode(text).ids) == text


def test_answers_are_visible_words(tokenizer: Tokenizer) -> None:
    words = [tokenizer.decode([number]) for number in ANSWER_IDS]
    assert all(word.startswith(" ") and word[1:].isalpha() and word.isascii() for word in words)
    assert len(set(words)) == len(words)


def test_at_least_2048_words_can_be_shown() -> None:
    words = list(made_words())
    assert len(words) == len(set(words)) >= 2048


@pytest.mark.parametrize(
    ("text", "most"),
    [
        ("Tell me a long story about the people who live in a small town", 16),
        ("Kubernetes schedules inference workers", 20),
    ],
)
def test_a_prompt_is_about_one_token_a_word(tokenizer: Tokenizer, text: str, most: int) -> None:
    assert len(tokenizer.encode(text).ids) <= most


def test_different_prompts_have_different_ids(tokenizer: Tokenizer) -> None:
    assert tokenizer.encode("zqxjkv one").ids != tokenizer.encode("wqxjkv one").ids


def test_pieces_are_distinct_and_hold_every_byte() -> None:
    names = [name for name, _ in pieces()]
    assert len(names) == len(set(names)) == vocabulary_size() - len(SPECIALS) - len(MARKS)
    assert set(byte_alphabet()) <= set(names)


@pytest.mark.parametrize("mark", MARKS)
def test_a_mark_of_parsers_is_one_token_that_stays_in_the_text(
    tokenizer: Tokenizer, mark: str
) -> None:
    [token] = tokenizer.encode(mark).ids
    assert token >= vocabulary_size() - len(MARKS)
    assert tokenizer.decode([token], skip_special_tokens=True) == mark


def test_model_files_agree_with_each_other() -> None:
    texts = ModelFiles(name="Qwen/Qwen3-0.6B", context_length=4096).texts()
    assert sorted(texts) == [
        "config.json",
        "generation_config.json",
        "tokenizer.json",
        "tokenizer_config.json",
    ]
    config = json.loads(texts["config.json"])
    end = Tokenizer.from_str(texts["tokenizer.json"]).token_to_id("<|im_end|>")
    assert config["max_position_embeddings"] == 4096
    assert config["eos_token_id"] == end
    assert json.loads(texts["generation_config.json"])["eos_token_id"] == [end]
    assert config["vocab_size"] == vocabulary_size()
    assert (
        "{%- for message in messages %}"
        in json.loads(texts["tokenizer_config.json"])["chat_template"]
    )


def test_context_length_must_hold_a_token() -> None:
    with pytest.raises(ValueError, match="context length must be at least 1 token, got 0"):
        ModelFiles(name="a/b", context_length=0)


def test_local_model_is_a_plain_folder(tmp_path: Path) -> None:
    folder = make_local_model(tmp_path / "models" / "tiny", name="tiny", context_length=512)
    assert folder == tmp_path / "models" / "tiny"
    assert json.loads((folder / "config.json").read_text())["_name_or_path"] == "tiny"
    assert context_length(folder) == 512


@pytest.mark.parametrize("text", [None, "{", "[]", "{}", '{"max_position_embeddings": "512"}'])
def test_a_model_may_not_tell_its_context_length(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "config.json").write_text(text)
    assert context_length(tmp_path) is None
