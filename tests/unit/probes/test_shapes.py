"""How strict the shapes are, measured: each field of a right answer is broken in turn."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest
from openai import types
from openai.types import chat

from dynamo_conformance.probes.questions import CHAT, COMPLETIONS
from dynamo_conformance.probes.shapes import Shape, missing_fields, wrong_types
from dynamo_conformance.probes.sse import parsed
from right_server import MODEL, Body, RightServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.probes.exchange import Json, Question

LENIENT: dict[Shape, Any] = {
    Shape.CHAT: chat.ChatCompletion,
    Shape.CHAT_CHUNK: chat.ChatCompletionChunk,
    Shape.COMPLETION: types.Completion,
    Shape.COMPLETION_CHUNK: types.Completion,
}


def asked(question: Question) -> Body:
    """Return the answer of the right server, or the first chunk of it."""
    raw = json.dumps({**(question.fields or {}), "model": MODEL}).encode()
    headers = {"content-type": "application/json"}
    piece = RightServer().reply("POST", question.path, headers, raw).pieces[0].decode()
    answer = parsed(piece.strip().removeprefix("data: "))
    assert isinstance(answer, dict)
    return answer


ANSWERS = {
    Shape.CHAT: asked(CHAT.plain),
    Shape.CHAT_CHUNK: asked(CHAT.streamed),
    Shape.COMPLETION: asked(COMPLETIONS.plain),
    Shape.COMPLETION_CHUNK: asked(COMPLETIONS.streamed),
}
WRONG: dict[str, object] = {"of another type": [[]], "a text": "7", "left out": None}


def broken(answer: Body) -> Iterator[tuple[str, Body]]:
    """Yield the answer with one field wrong or left out, and which."""
    for path in _paths(answer, ()):
        for kind, value in WRONG.items():
            changed = copy.deepcopy(answer)
            parent: Any = changed
            for key in path[:-1]:
                parent = parent[key]
            if kind == "left out":
                del parent[path[-1]]
            elif kind == "a text" and isinstance(parent[path[-1]], str):
                continue
            else:
                parent[path[-1]] = value
            yield f"{'.'.join(map(str, path))} {kind}", changed


def _paths(value: object, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, dict):
        for key, child in value.items():
            yield (*path, key)
            yield from _paths(child, (*path, key))
    elif isinstance(value, list):
        for place, child in enumerate(value):
            yield from _paths(child, (*path, place))


def is_lenient_error(shape: Shape, value: Body) -> bool:
    """Whether the openai client itself fails over it."""
    try:
        LENIENT[shape].construct(**value)
    except (TypeError, ValueError):
        return True
    return False


@pytest.mark.parametrize("shape", ANSWERS, ids=str)
def test_a_right_answer_is_taken(shape: Shape) -> None:
    assert wrong_types(shape, ANSWERS[shape]) == []
    assert missing_fields(shape, ANSWERS[shape]) == []


ALLOWED = {
    "chat: choices.0.message.refusal a text",
    "chat: usage left out",
    "chat: usage.prompt_tokens_details left out",
    "chat: usage.prompt_tokens_details.cached_tokens left out",
    "chat-chunk: choices.0.delta.role left out",
    "chat-chunk: choices.0.delta.content left out",
    "chat-chunk: choices.0.logprobs left out",
    "completion: usage left out",
    "completion: usage.prompt_tokens_details left out",
    "completion: usage.prompt_tokens_details.cached_tokens left out",
}
"""What OpenAI's specification allows; probes of their own ask for usage and role."""


def test_strict_types_and_required_fields_catch_what_the_client_lets_pass() -> None:
    lenient, strict, both, passed = 0, 0, 0, set()
    cases = [(shape, name, value) for shape, one in ANSWERS.items() for name, value in broken(one)]
    for shape, name, value in cases:
        wrong, missing = wrong_types(shape, value), missing_fields(shape, value)
        lenient += is_lenient_error(shape, value)
        strict += bool(wrong)
        both += bool(wrong or missing)
        if not wrong and not missing:
            passed.add(f"{shape}: {name}")
    assert passed == ALLOWED
    assert lenient == 0 < strict < both == len(cases) - len(ALLOWED)


@pytest.mark.parametrize("kind", ["response.reasoning_part.added", None, 3])
def test_an_event_that_is_none_is_named(kind: Json) -> None:
    (wrong,) = wrong_types(Shape.RESPONSE_EVENT, {"type": kind, "sequence_number": 1})
    assert wrong == f"type: {json.dumps(kind)} is no event of a response"
