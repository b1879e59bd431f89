"""How long an answer is, and how the mocker's is cut to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.mock_engine.answer_length import (
    NATURAL_TOKENS,
    AnswerLength,
    answer_length,
    ended,
)
from dynamo_conformance.mock_engine.chosen_answers import answer_tokens

if TYPE_CHECKING:
    from dynamo_conformance.engines.flag import Json

CONTEXT = 1000
PLAIN = len(answer_tokens()["plain"])


def request(prompt: int, *, replay: str = "", **conditions: Json) -> dict[str, Json]:
    made: dict[str, Json] = {"token_ids": [1] * prompt, "stop_conditions": {**conditions}}
    return {**made, "annotations": [f"output_replay_id:{replay}"]} if replay else made


@pytest.mark.parametrize(
    ("asked", "context", "tokens", "reason"),
    [
        (request(10, max_tokens=5), CONTEXT, 5, "length"),
        (request(10, max_tokens=5000), CONTEXT, 5000, "length"),
        # Nobody says how long: the rest of the context, but a model ends before it.
        (request(10), CONTEXT, NATURAL_TOKENS, "eos"),
        (request(10, max_tokens=None), None, NATURAL_TOKENS, "eos"),
        (request(990), CONTEXT, 10, "length"),
        (request(CONTEXT), CONTEXT, 1, "length"),
        (request(10, ignore_eos=True), CONTEXT, 990, "length"),
        (request(10, min_tokens=200), CONTEXT, 200, "eos"),
        # Chosen answers end by themselves, unless they are cut.
        (request(10, replay="plain"), CONTEXT, PLAIN, "eos"),
        (request(10, replay="plain", max_tokens=PLAIN), CONTEXT, PLAIN, "length"),
        (request(10, replay="plain", max_tokens=3), CONTEXT, 3, "length"),
        (request(10, replay="nothing", max_tokens=3), CONTEXT, 3, "length"),
    ],
)
def test_an_answer_is_as_long_as_a_real_workers(
    asked: dict[str, Json], context: int | None, tokens: int, reason: str
) -> None:
    length = answer_length(asked, context_length=context)
    assert (length.tokens, length.reason) == (tokens, reason)


CUT = AnswerLength(tokens=2, reason="length")
NATURAL = AnswerLength(tokens=2, reason="eos")


def test_tokens_past_the_end_are_left_out() -> None:
    assert ended({"token_ids": [7, 8, 9]}, CUT, said=0) == {"token_ids": [7, 8]}
    assert ended({"token_ids": [9]}, CUT, said=2) is None


def test_the_last_chunk_has_the_reason_and_the_count() -> None:
    usage: dict[str, Json] = {"prompt_tokens": 4, "completion_tokens": 9, "total_tokens": 13}
    chunk: dict[str, Json] = {
        "token_ids": [], "finish_reason": "length", "completion_usage": usage
    }  # fmt: skip
    made = ended(chunk, NATURAL, said=9)
    assert made == {
        "token_ids": [],
        "finish_reason": "eos",
        "completion_usage": {"prompt_tokens": 4, "completion_tokens": 2, "total_tokens": 6},
    }


def test_an_error_stays_an_error() -> None:
    chunk: dict[str, Json] = {"token_ids": [], "finish_reason": {"error": "too much"}}
    assert ended(chunk, NATURAL, said=0) == chunk
