"""Each field of an answer, left out or changed, fails a probe, unless that is allowed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from test_lies import KNOWN, judged

from dynamo_conformance.probes.probe import Outcome
from lies import CHAT, COMPLETIONS, Lie, chunks, lying, whole
from right_server import MODEL, Body, RightServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lies import Edit, ReplyChange

Place = tuple[str | int, ...]
ASKED: dict[str, tuple[str, Body]] = {
    "chat": (CHAT, {"messages": [{"role": "user", "content": "x"}]}),
    "completions": (COMPLETIONS, {"prompt": "x"}),
}
CHANGED = ("left out", "changed")
ALLOWED = {
    "whole id changed",  # Any text is an id.
    "whole created changed",  # The clock may be a second off.
    "whole choices.0.message.content changed",  # Any text is an answer.
    "whole choices.0.text changed",
    "whole usage.prompt_tokens_details left out",
    "whole usage.prompt_tokens_details changed",
    "whole usage.prompt_tokens_details.cached_tokens left out",
    "whole usage.prompt_tokens_details.cached_tokens changed",
    "chunk 0 choices.0.delta.content left out",
    "chunk 0 choices.0.logprobs left out",
    "chunk 2 choices.0.logprobs left out",
    "chunk -2 choices.0.logprobs left out",
    "chunk -1 usage.prompt_tokens_details left out",
    "chunk -1 usage.prompt_tokens_details changed",
    "chunk -1 usage.prompt_tokens_details.cached_tokens left out",
    "chunk -1 usage.prompt_tokens_details.cached_tokens changed",
}


def places(value: object, above: Place = ()) -> Iterator[Place]:
    """Yield the place of every field of objects, at any depth."""
    children = value.items() if isinstance(value, dict) else enumerate(value)  # type: ignore[arg-type]
    for key, child in children:
        if isinstance(value, dict):
            yield (*above, key)
        if isinstance(child, dict | list):
            yield from places(child, (*above, key))


def other(value: object) -> object:
    match value:
        case int():
            return value + 1
        case str():
            return f"{value}x"
        case None:
            return "x"
    return None


def edit(place: Place, kind: str) -> Edit:
    def change(document: Body) -> None:
        parent: Any = document
        for key in place[:-1]:
            if not (isinstance(parent, list) and parent) and key not in (parent or ()):
                return
            parent = parent[key]
        if isinstance(parent, dict) and place[-1] in parent:
            old = parent.pop(place[-1])
            if kind == "changed":
                parent[place[-1]] = other(old)

    return change


def unnoticed(reply: ReplyChange, prefix: str) -> bool:
    names = [one for one in KNOWN if one.startswith(prefix)]
    results = judged(lying(RightServer().reply, Lie("", (), reply=reply)), names)
    return not any(one.outcome is Outcome.FAIL for one in results.values())


def asked(api: str, **fields: object) -> list[bytes]:
    target, body = ASKED[api]
    raw = json.dumps({"model": MODEL, "max_tokens": 16, **body, **fields}).encode()
    headers = {"content-type": "application/json"}
    return RightServer().reply("POST", target, headers, raw).pieces


@pytest.mark.parametrize("api", ASKED)
def test_each_field_of_an_answer_in_one_piece(api: str) -> None:
    document = json.loads(b"".join(asked(api)))
    passed = {
        f"whole {'.'.join(map(str, place))} {kind}"
        for place in places(document)
        for kind in CHANGED
        if unnoticed(whole(edit(place, kind), on=(ASKED[api][0],)), f"{api}.")
    }
    assert passed <= ALLOWED


def in_chunk(at: int, change: Edit, target: str) -> ReplyChange:
    def changed(documents: list[Body]) -> list[Body]:
        if len(documents) > 2:
            change(documents[at])
        return documents

    return chunks(changed, on=(target,))


@pytest.mark.parametrize("at", [0, 2, -2, -1])
@pytest.mark.parametrize("api", ASKED)
def test_each_field_of_a_chunk(api: str, at: int) -> None:
    pieces = asked(api, stream=True, stream_options={"include_usage": True})
    documents = [json.loads(one[6:]) for one in pieces if one.startswith(b"data: {")]
    passed = {
        f"chunk {at} {'.'.join(map(str, place))} {kind}"
        for place in places(documents[at])
        for kind in CHANGED
        if unnoticed(in_chunk(at, edit(place, kind), ASKED[api][0]), f"streaming.{api}-")
    }
    assert passed <= ALLOWED
