"""The shapes of answers: OpenAI's own types, validated strictly, and what those leave open.

The types of the `openai` package are generated from OpenAI's specification, and are installed, not
copied. Constructed by its client they are lenient; validated strictly they refuse wrong types,
wrong constants and missing fields. They lose one thing of the specification: a field that must be
there and may be null is optional in them. `REQUIRED` gives that back. How much each of the three
catches is measured by tests/unit/probes/test_shapes.py, which breaks each field in turn.
"""

from __future__ import annotations

import json
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Final

from dynamo_conformance.probes.exchange import Fault, find, place, shown

if TYPE_CHECKING:
    from pydantic import TypeAdapter

    from dynamo_conformance.probes.exchange import Json, JsonObject

MOST_REPORTED: Final = 3


class Shape(StrEnum):
    """What an answer can be."""

    MODEL = "model"
    CHAT = "chat"
    CHAT_CHUNK = "chat-chunk"
    COMPLETION = "completion"
    COMPLETION_CHUNK = "completion-chunk"
    EMBEDDINGS = "embeddings"
    RESPONSE = "response"
    RESPONSE_EVENT = "response-event"


REQUIRED: Final[dict[Shape, tuple[tuple[str, ...], ...]]] = {
    Shape.CHAT: (
        ("choices", "logprobs"),
        ("choices", "message", "content"),
        ("choices", "message", "refusal"),
    ),
    Shape.CHAT_CHUNK: (("choices", "finish_reason"),),
    Shape.COMPLETION: (("choices", "logprobs"),),
    Shape.COMPLETION_CHUNK: (("choices", "finish_reason"), ("choices", "logprobs")),
}
"""What must be there and may be null, which the types do not say; lists are gone through."""


@cache
def _adapter(shape: Shape) -> TypeAdapter[object]:
    """Return what validates a shape; loading the types takes a second, so only now."""
    from openai import types
    from openai.types import chat, responses
    from pydantic import TypeAdapter

    kinds: dict[Shape, object] = {
        Shape.MODEL: types.Model,
        Shape.CHAT: chat.ChatCompletion,
        Shape.CHAT_CHUNK: chat.ChatCompletionChunk,
        Shape.COMPLETION: types.Completion,
        Shape.COMPLETION_CHUNK: types.Completion,
        Shape.EMBEDDINGS: types.CreateEmbeddingResponse,
        Shape.RESPONSE: responses.Response,
        Shape.RESPONSE_EVENT: responses.ResponseStreamEvent,
    }
    return TypeAdapter(kinds[shape])


@cache
def _events() -> dict[str, TypeAdapter[object]]:
    """Return what validates each event of a response by its type, for the words of its errors."""
    from typing import get_args

    from openai.types import responses
    from pydantic import TypeAdapter

    union, *_ = get_args(responses.ResponseStreamEvent)
    kinds = get_args(union)
    return {
        str(name): TypeAdapter(kind)
        for kind in kinds
        for name in get_args(kind.model_fields["type"].annotation)
    }


def wrong_types(shape: Shape, value: JsonObject) -> list[str]:
    """Return what OpenAI's types refuse, each as place and reason."""
    from pydantic import ValidationError

    if shape is Shape.COMPLETION_CHUNK:
        value = _without_open_ends(value)
    adapter = _adapter(shape)
    if shape is Shape.RESPONSE_EVENT:
        kind = value.get("type")
        if not isinstance(kind, str) or kind not in _events():
            return [f"type: {shown(kind)} is no event of a response"]
        adapter = _events()[kind]
    try:
        adapter.validate_json(json.dumps(value), strict=True)
    except ValidationError as error:
        return [f"{place(detail['loc'])}: {detail['msg']}" for detail in error.errors()]
    return []


def missing_fields(shape: Shape, value: JsonObject) -> list[str]:
    """Return the places of fields that must be there, and are not."""
    return [
        ".".join(path)
        for path in REQUIRED.get(shape, ())
        if not all(path[-1] in parent for parent in _parents(value, path[:-1]))
    ]


def check_types(shape: Shape, value: JsonObject) -> None:
    """Fault unless OpenAI's types take the value."""
    wrong = wrong_types(shape, value)
    if wrong:
        raise Fault(
            f"the shape of a {shape}", f"{'; '.join(wrong[:MOST_REPORTED])} in {shown(value)}"
        )


def check_required(shape: Shape, value: JsonObject) -> None:
    """Fault unless all fields that must be there are."""
    missing = missing_fields(shape, value)
    if missing:
        raise Fault(f"{', '.join(missing)} to be there, null or not", shown(value))


def _without_open_ends(value: JsonObject) -> JsonObject:
    """Return a chunk without the null of a choice that goes on; the types know whole ones only."""
    choices = value.get("choices")
    if not isinstance(choices, list):
        return value
    filled: list[Json] = [
        choice | {"finish_reason": "stop"}
        if isinstance(choice, dict) and choice.get("finish_reason") is None
        else choice
        for choice in choices
    ]
    return value | {"choices": filled}


def _parents(value: Json, path: tuple[str, ...]) -> list[JsonObject]:
    """Return the objects at a path, lists gone through."""
    if isinstance(value, list):
        return [parent for item in value for parent in _parents(item, path)]
    if not path:
        return [value] if isinstance(value, dict) else []
    return _parents(find(value, path[0]), path[1:])
