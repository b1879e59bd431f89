"""What the workers that are no part of the mocker answer."""

from __future__ import annotations

import asyncio
import base64
import json
import math
import struct
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

import pytest

from dynamo_conformance.engines.engine import Engine
from dynamo_conformance.engines.role import Role
from dynamo_conformance.mock_engine import encode_exchange
from dynamo_conformance.mock_engine.chosen_answers import answer_tokens
from dynamo_conformance.mock_engine.mock_worker import read
from dynamo_conformance.mock_engine.request_handlers import (
    DIMENSIONS,
    answer_to,
    check_length,
    embed,
    encode_for_vllm,
    have_encoded,
    images,
    vector,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from dynamo.runtime import Client as Client_
    from dynamo.runtime import Context

    from dynamo_conformance.engines.flag import Json

NOBODY = cast("Context", None)


@dataclass
class Said:
    """What a client of the runtime yields."""

    text: str

    def data(self) -> str:
        return self.text


def embedded(given: Json, **more: Json) -> dict[str, Json]:
    async def first() -> dict[str, Json]:
        return await anext(embed({"model": "m", "input": given, **more}, NOBODY))

    return asyncio.run(first())


def vectors(answer: dict[str, Json]) -> list[tuple[float, ...]]:
    data = cast("list[dict[str, str]]", answer["data"])
    found = [base64.b64decode(one["embedding"]) for one in data]
    return [struct.unpack(f"<{len(one) // 4}f", one) for one in found]


@pytest.mark.parametrize(
    ("given", "count", "tokens"),
    [
        ("one text", 1, 2),
        (["a b c", "d"], 2, 4),
        ([1, 2, 3], 1, 3),
        ([[1, 2], [3]], 2, 3),
    ],
)
def test_every_input_gets_a_vector(given: Json, count: int, tokens: int) -> None:
    answer = embedded(given)
    assert answer["usage"] == {"prompt_tokens": tokens, "total_tokens": tokens}
    found = vectors(answer)
    assert len(found) == count
    assert all(len(one) == DIMENSIONS for one in found)
    assert all(math.isclose(math.hypot(*one), 1.0, rel_tol=1e-4) for one in found)


def test_a_vector_is_as_long_as_is_asked() -> None:
    assert [len(one) for one in vectors(embedded("a", dimensions=8))] == [8]


def test_the_same_text_has_the_same_vector_and_another_another() -> None:
    assert vector("a", 8) == vector("a", 8)
    assert vector("a", 8) != vector("b", 8)


@pytest.mark.parametrize(
    ("request_", "count"),
    [
        ({}, 0),
        ({"multi_modal_data": None}, 0),
        ({"multi_modal_data": {"image_url": [{"Url": "a"}, {"Url": "b"}]}}, 2),
    ],
)
def test_images_are_counted(request_: dict[str, Json], count: int) -> None:
    assert images(request_) == count
    assert answer_to(request_, Role.ENCODE) == [{"encoded_images": count}]


def test_an_answer_is_as_long_as_is_asked_and_ends_once() -> None:
    request: dict[str, Json] = {"token_ids": [1, 2, 3], "stop_conditions": {"max_tokens": 4}}
    chunks = answer_to(request, Role.DECODE)
    assert len(chunks) == 4
    assert [chunk.get("finish_reason") for chunk in chunks] == [None, None, None, "length"]
    usage = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
    assert chunks[-1]["completion_usage"] == usage


def test_an_answer_of_no_given_length_ends_by_itself() -> None:
    chunks = answer_to({"token_ids": [1, 2, 3]}, Role.AGG)
    assert chunks[-1]["finish_reason"] == "eos"


def test_a_chosen_answer_is_said() -> None:
    chunks = answer_to({"annotations": ["output_replay_id:call"]}, Role.AGG)
    said = [token for chunk in chunks for token in cast("list[int]", chunk["token_ids"])]
    assert said == answer_tokens()["call"]


def test_prefill_answers_with_one_token_and_what_decode_needs() -> None:
    (chunk,) = answer_to({"stop_conditions": {"max_tokens": 9}}, Role.PREFILL)
    assert len(cast("list[int]", chunk["token_ids"])) == 1
    assert chunk["disaggregated_params"]


def check(tokens: int, role: Role) -> None:
    words = ("--model-path", "Qwen/Qwen3-0.6B", "--context-length", "8")
    worker = replace(read(Engine.SGLANG, words, {}), role=role)
    check_length({"token_ids": [1] * tokens}, worker)


@pytest.mark.parametrize("role", [Role.DECODE, Role.PREFILL, Role.AGG])
def test_a_prompt_that_fills_the_context_is_refused(role: Role) -> None:
    check(7, role)
    with pytest.raises(ValueError, match="longer than the context of 8"):
        check(8, role)


def test_encode_workers_leave_it_to_others() -> None:
    check(8, Role.ENCODE)


def test_an_encode_worker_of_vllm_answers_each_image_as_the_real_one() -> None:
    async def answered(asked: str) -> str:
        return await anext(encode_for_vllm(asked, NOBODY))

    asked = encode_exchange.question(["https://a.example/1.png", "data:,"], request="r")
    answer = asyncio.run(answered(asked))
    assert encode_exchange.count_encoded(answer) == 2
    assert encode_exchange.count_encoded(asked) == 0
    assert "a.example" not in answer
    assert json.loads(answer)["request_id"] == "r"
    for wrong in ("[]", encode_exchange.question([""], request="r")):
        with pytest.raises(ValueError, match="encode worker"):
            asyncio.run(answered(wrong))


def test_an_image_that_was_not_encoded_is_missed() -> None:
    class Client:
        def __init__(self, answer: str) -> None:
            self.answer = answer

        async def round_robin(
            self,
            asked: str,
            *,
            context: object,  # noqa: ARG002
        ) -> AsyncIterator[Said]:
            assert json.loads(asked)["multimodal_inputs"]
            return self.answers()

        async def answers(self) -> AsyncIterator[Said]:
            yield Said(self.answer)

    class Named:
        def id(self) -> str:
            return "r"

    def ask(answer: str) -> None:
        request: dict[str, Json] = {"multi_modal_data": {"image_url": [{"Url": "data:,"}]}}
        client, context = cast("Client_", Client(answer)), cast("Context", Named())
        asyncio.run(have_encoded(client, request, context, engine=Engine.VLLM))

    right = encode_exchange.question(["data:,"], request="r")
    ask(encode_exchange.answer(right))
    with pytest.raises(RuntimeError, match="1 images were asked of an encode worker, 0 came"):
        ask(right)
