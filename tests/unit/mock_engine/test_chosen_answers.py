"""Answers that the mock engine says when it is asked for them by name."""

from __future__ import annotations

import json

import pytest
from tokenizers import Tokenizer

from dynamo_conformance.mock_engine.chosen_answers import (
    CALLS,
    CONCLUSION,
    PLAIN,
    THOUGHTS,
    UNICODE,
    Parsers,
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


PARSERS = [
    Parsers(),
    Parsers(calls="deepseek_v4", thoughts="deepseek_v4"),
    Parsers(calls="glm47", thoughts="glm45"),
    Parsers(calls="harmony", thoughts="gpt_oss"),
    Parsers(calls="kimi_k2", thoughts="kimi_k25"),
]
"""Those that recipes name; that Dynamo's own parsers read what is written, served recipes show."""


@pytest.mark.parametrize("parsers", PARSERS, ids=lambda parsers: parsers.calls)
def test_calls_are_written_as_their_parser_reads_them(
    tokenizer: Tokenizer, parsers: Parsers
) -> None:
    written = answers(parsers)["calls"]
    assert tokenizer.decode(answer_tokens(parsers)["calls"]) == written
    assert all(name in written and "Paulo" in written for name, _ in CALLS)
    others = [answers(other)["calls"] for other in PARSERS if other != parsers]
    assert written not in others


def test_an_answer_begins_within_thoughts_where_its_parser_says_so() -> None:
    within = answers(Parsers(thoughts="deepseek_r1"))
    assert within["plain"] == f"</think>{PLAIN}"
    assert within["thoughts"] == f"{THOUGHTS}\n</think>\n\n{CONCLUSION}"
    assert within["long-text"] == answers()["long"] == answers()["long-text"]
    assert answers(Parsers(thoughts="qwen3"))["plain"] == PLAIN


def test_a_model_is_guided_to_what_its_parser_reads() -> None:
    kimi = answers(Parsers(calls="kimi_k2", thoughts="kimi_k25"))
    assert kimi["guided-call"] == kimi["call"] != answers()["guided-call"]


def test_a_request_gets_what_its_worker_s_parsers_read() -> None:
    parsers = Parsers(calls="kimi_k2")
    assert chosen_tokens(["output_replay_id:call"], parsers) == answer_tokens(parsers)["call"]
    assert answer_tokens(parsers)["call"] != answer_tokens()["call"]
