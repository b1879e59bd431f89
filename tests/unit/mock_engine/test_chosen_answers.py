"""Answers that the mock engine says when it is asked for them by name."""

from __future__ import annotations

import json

import pytest
from tokenizers import Tokenizer

from dynamo_conformance.mock_engine.chosen_answers import (
    UNICODE,
    answer_tokens,
    answers,
    chosen_tokens,
    trace,
)
from dynamo_conformance.mock_engine.mock_model import tokenizer_json

FEW_KB = 30_000


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.from_str(tokenizer_json())


@pytest.mark.parametrize("name", answers())
def test_the_tokens_say_the_text(tokenizer: Tokenizer, name: str) -> None:
    assert tokenizer.decode(answer_tokens()[name]) == answers()[name]


def test_characters_are_split_over_tokens() -> None:
    assert len(answer_tokens()["unicode"]) > len(UNICODE)


def test_a_request_asks_by_an_annotation() -> None:
    wanted = answer_tokens()["call"]
    assert chosen_tokens(["other:call", "output_replay_id:call"]) == wanted
    assert chosen_tokens(["output_replay_id:nothing"]) is None
    assert chosen_tokens(None) is None


def test_the_trace_has_a_line_for_each() -> None:
    rows = [json.loads(line) for line in trace().splitlines()]
    assert {row["request_id"]: row["output_token_ids"] for row in rows} == answer_tokens()
    assert all(row["output_length"] == len(row["output_token_ids"]) for row in rows)
    assert len(trace()) < FEW_KB
