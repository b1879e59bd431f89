"""What the mock engine says when it is asked for an answer by its name.

A model's words are drawn at random, and so show nothing of what the frontend makes of them: calls
of tools, thoughts, characters of several tokens, stop words over the border of two. A request with
`"nvext": {"annotations": ["output_replay_id:NAME"]}` gets the tokens of an answer below instead;
Dynamo's mocker calls that a replay. Calls and thoughts are written as the worker's parsers read
them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

from dynamo_conformance.mock_engine.mock_vocabulary import MARKS, SPECIALS, byte_alphabet, pieces

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsers:
    """What the frontend reads a worker's answers with, by the names that the worker gives.

    Attributes:
        calls: The parser of tool calls.
        thoughts: The parser of reasoning.
    """

    calls: str | None = None
    thoughts: str | None = None


NO_PARSERS: Final = Parsers()
IN_THOUGHTS: Final = ("deepseek_r1", "kimi_k25", "step3")
"""Parsers for which an answer begins within the thoughts; Dynamo 1.6.1 has them in its runtime."""
GUIDED_AS_WRITTEN: Final = ("glm47", "kimi_k2")
"""Parsers of calls whose models are guided to the form that the parser reads, not to plain JSON."""


def hermes(calls: Sequence[tuple[str, Mapping[str, str]]]) -> str:
    """Return calls as the models write them whose parser is called hermes."""
    return "\n".join(
        f"<tool_call>\n{_json({'name': name, 'arguments': arguments})}\n</tool_call>"
        for name, arguments in calls
    )


def _kimi(calls: Sequence[tuple[str, Mapping[str, str]]]) -> str:
    written = (
        f"<|tool_call_begin|>functions.{name}:{number}<|tool_call_argument_begin|>"
        f"{_json(arguments)}<|tool_call_end|>"
        for number, (name, arguments) in enumerate(calls)
    )
    return f"<|tool_calls_section_begin|>{''.join(written)}<|tool_calls_section_end|>"


def _deepseek_v4(calls: Sequence[tuple[str, Mapping[str, str]]]) -> str:
    mark = "\uff5cDSML\uff5c"
    lines = [f"<{mark}tool_calls>"]
    for name, arguments in calls:
        lines.append(f'<{mark}invoke name="{name}">')
        lines += [
            f'<{mark}parameter name="{key}" string="true">{value}</{mark}parameter>'
            for key, value in arguments.items()
        ]
        lines.append(f"</{mark}invoke>")
    return "\n".join((*lines, f"</{mark}tool_calls>"))


def _glm(calls: Sequence[tuple[str, Mapping[str, str]]]) -> str:
    return "\n".join(
        f"<tool_call>{name}"
        + "".join(
            f"<arg_key>{key}</arg_key><arg_value>{value}</arg_value>"
            for key, value in arguments.items()
        )
        + "</tool_call>"
        for name, arguments in calls
    )


def _harmony(calls: Sequence[tuple[str, Mapping[str, str]]]) -> str:
    return "<|start|>assistant".join(
        f"<|channel|>commentary to=functions.{name} <|constrain|>json<|message|>"
        f"{_json(arguments)}<|call|>"
        for name, arguments in calls
    )


_WRITERS: Final[dict[str | None, Callable[[Sequence[tuple[str, Mapping[str, str]]]], str]]] = {
    "deepseek_v4": _deepseek_v4,
    "glm47": _glm,
    "harmony": _harmony,
    "kimi_k2": _kimi,
}
"""How models write calls, by the name of their parser; the others are written as hermes."""


def _json(value: Mapping[str, object]) -> str:
    return json.dumps(value, ensure_ascii=False)


@cache
def answers(parsers: Parsers = NO_PARSERS) -> dict[str, str]:
    """Return every answer that can be asked for, by its name, as parsers are to read it."""
    write = _WRITERS.get(parsers.calls, hermes)
    thought = "</think>" if parsers.thoughts in IN_THOUGHTS else ""
    opened = "" if thought else "<think>\n"
    texts = {
        "plain": PLAIN,
        "unicode": UNICODE,
        "json": JSON_TEXT,
        "long": LONG,
        "engine": ENGINE,
        "call": write(CALLS[:1]),
        "calls": write(CALLS),
        "guided-call": write(CALLS[:1]) if parsers.calls in GUIDED_AS_WRITTEN else _GUIDED,
    }
    return {
        **{name: thought + text for name, text in texts.items()},
        # The prompt of a completion opens no thoughts.
        "long-text": LONG,
        "thoughts": f"{opened}{THOUGHTS}\n</think>\n\n{CONCLUSION}",
    }


@cache
def answer_tokens(parsers: Parsers = NO_PARSERS) -> dict[str, list[int]]:
    """Return the token ids of every answer, by its name."""
    return {name: encoded(text) for name, text in answers(parsers).items()}


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


def trace(parsers: Parsers = NO_PARSERS) -> str:
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
        for name, tokens in answer_tokens(parsers).items()
    )


def chosen_tokens(annotations: object, parsers: Parsers = NO_PARSERS) -> list[int] | None:
    """Return the tokens of the answer that a request asks for, None when it asks for none."""
    for annotation in annotations if isinstance(annotations, list) else []:
        key, _, name = str(annotation).partition(":")
        if key == ANNOTATION:
            return answer_tokens(parsers).get(name)
    return None
