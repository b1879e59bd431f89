"""Streams are read strictly, and what the standard allows is no problem."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.probes.exchange import Chunk, Exchange
from dynamo_conformance.probes.sse import Problem, read_stream

if TYPE_CHECKING:
    from dynamo_conformance.probes.sse import EventStream


def stream(*pieces: bytes) -> EventStream:
    exchange = Exchange(
        name="one", method="POST", url="http://host", request_headers=(), request_body=b"",
        key_name=None, began=0.0, seconds=1.0, status=200, headers=(), error="",
        chunks=tuple(Chunk(float(at), piece) for at, piece in enumerate(pieces)),
    )  # fmt: skip
    return read_stream(exchange)


def test_events_carry_the_time_of_their_last_byte() -> None:
    read = stream(b'data: {"a"', b": 1}\n", b"\ndata: [DONE]\n\n")
    assert [(one.data, one.at) for one in read.frames] == [('{"a": 1}', 2.0), ("[DONE]", 2.0)]
    assert read.documents == [{"a": 1}]
    assert read.problems == ()


def test_a_character_over_the_border_of_two_chunks_is_whole() -> None:
    raw = 'data: {"a": "\U0001f980"}\n\n'.encode()
    for at in range(len(raw)):
        read = stream(raw[:at], raw[at:])
        assert read.documents == [{"a": "\U0001f980"}]
        assert read.problems == ()


@pytest.mark.parametrize(
    "raw",
    [
        b": a comment\n\ndata: {}\n\n",
        b"data: {}\r\n\r\n",
        b"data:{}\n\n",
        b"event: message\nid: 1\nretry: 10\ndata: {}\n\n",
        b"\n\ndata: {}\n\n\n\n",
    ],
)
def test_what_the_standard_allows(raw: bytes) -> None:
    read = stream(raw)
    assert read.problems == ()
    assert read.documents == [{}]


@pytest.mark.parametrize(
    ("raw", "problem", "line"),
    [
        (b"ok\n\n", Problem.LINE, "ok"),
        (b'{"a": 1}\n\n', Problem.LINE, '{"a": 1}'),
        (b"daat: {}\n\n", Problem.LINE, "daat: {}"),
        (b"data: {}\ndata: {}\n\n", Problem.BLANK, "data: {}"),
        (b"data: {'a': 1}\n\n", Problem.JSON, "data: {'a': 1}"),
        (b"data: 1\n\n", Problem.JSON, "data: 1"),
        (b"data: {}\n\ndata: [DONE]\n", Problem.END, "data: [DONE]"),
        (b"data: {}\n\ndata: [DONE]", Problem.END, "data: [DONE]"),
    ],
)
def test_what_is_wrong(raw: bytes, problem: Problem, line: str) -> None:
    read = stream(raw)
    assert [kind for kind, _ in read.problems] == [problem]
    assert read.wrong(problem) == line
