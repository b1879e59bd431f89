"""What the mock engine says when it is asked for an answer by its name.

A model's words are drawn at random, and so show nothing of what the frontend makes of them: calls
of tools, thoughts, characters of several tokens, stop words over the border of two. A request with
`"nvext": {"annotations": ["output_replay_id:NAME"]}` gets the tokens of an answer below instead;
Dynamo's mocker calls that a replay. Calls and thoughts are written as the worker's parsers read
them.
"""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Final

from dynamo_conformance.mock_engine.mock_vocabulary import MARKS, SPECIALS, byte_alphabet, pieces

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dynamo_conformance.engines.flag import Json

ANNOTATION: Final = "output_replay_id"

UNICODE: Final = (
    "\U0001f980 漢字 שלום naïve e\u0301 \U0001f468\u200d\U0001f469\u200d\U0001f467 한국어 end"
)
"""Characters of two to four bytes, each byte a token of its own."""

JSON_TEXT: Final = json.dumps(
    {"river": "Elbe", "quote": 'a "b" \\ c', "lines": "one\ntwo\ttabs", "list": [1, 2.5, None]}
)
PLAIN: Final = (
    "The water comes down from the high land and it will find a way to the sea. People live near "
    "the river and look at it each day. In the city the water is still, and there it is large. "
    "There are three words for it here, and a long story about each."
)
ENGINE: Final = "It is the mock engine that answers."
"""What distinguishes it from every other, at an address of which nothing else is known."""

LONG: Final = " ".join(
    f"Part {number}: the river goes on, over line {number * 7}." for number in range(1, 13)
)
THOUGHTS: Final = "7 times 13 is 91, so it has other factors."
CONCLUSION: Final = "No, 91 is 7 times 13."
CALLS: Final = (
    ("get_weather", {"city": "Paris"}),
    ("get_time", {"city": 'São "Paulo"'}),
)
"""Names and arguments; the second has what JSON must escape, and a letter of two bytes."""

_GUIDED: Final = json.dumps(
    [{"name": name, "parameters": arguments} for name, arguments in CALLS[:1]]
)
"""What guided decoding lets a model write when tool_choice asks for a call."""


def asking_for(name: str) -> dict[str, Json]:
    """Return the extension of a request (`nvext`) that asks for the answer of a name."""
    return {"annotations": [f"{ANNOTATION}:{name}"]}


def hermes(calls: Sequence[tuple[str, Mapping[str, str]]]) -> str:
    """Return calls as the models write them whose parser is called hermes."""
    return "\n".join(
        f"<tool_call>\n{json.dumps({'name': name, 'arguments': arguments}, ensure_ascii=False)}\n"
        "</tool_call>"
        for name, arguments in calls
    )


def answers() -> dict[str, str]:
    """Return every answer that can be asked for, by its name."""
    return {
        "plain": PLAIN,
        "unicode": UNICODE,
        "json": JSON_TEXT,
        "long": LONG,
        "engine": ENGINE,
        "call": hermes(CALLS[:1]),
        "calls": hermes(CALLS),
        "guided-call": _GUIDED,
        "thoughts": f"<think>\n{THOUGHTS}\n</think>\n\n{CONCLUSION}",
    }


@cache
def answer_tokens() -> dict[str, list[int]]:
    """Return the token ids of every answer, by its name."""
    return {name: encoded(text) for name, text in answers().items()}


def encoded(text: str) -> list[int]:
    """Return token ids of the mock vocabulary that add up to a text, the longest first."""
    alphabet = byte_alphabet()
    spelled = "".join(alphabet[byte] for byte in text.encode())
    ids, longest = _vocabulary()
    tokens: list[int] = []
    at = 0
    while at < len(spelled):
        end = next(
            end
            for end in range(min(at + longest, len(spelled)), at, -1)
            if spelled[at:end] in ids
        )  # fmt: skip
        tokens.append(ids[spelled[at:end]])
        at = end
    return tokens


@cache
def _vocabulary() -> tuple[dict[str, int], int]:
    spelled = [piece for piece, _ in pieces()]
    ids = {piece: number for number, piece in enumerate([*spelled, *MARKS], start=len(SPECIALS))}
    return ids, max(map(len, ids))


def trace() -> str:
    """Return the answers as the file that Dynamo's mocker reads, a line of JSON each."""
    return "".join(
        json.dumps(
            {
                "request_id": name,
                "timestamp": 0,
                "input_length": 1,
                "hash_ids": [0],
                "output_length": len(tokens),
                "output_token_ids": tokens,
            }
        )
        + "\n"
        for name, tokens in answer_tokens().items()
    )


def chosen_tokens(annotations: object) -> list[int] | None:
    """Return the tokens of the answer that a request asks for, None when it asks for none."""
    for annotation in annotations if isinstance(annotations, list) else []:
        key, _, name = str(annotation).partition(":")
        if key == ANNOTATION:
            return answer_tokens().get(name)
    return None
