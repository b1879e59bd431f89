"""Server-sent events, read strictly: what a lenient client forgives is a problem here."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from dynamo_conformance.probes.exchange import Chunk, Exchange, Json, JsonObject

DONE: Final = "[DONE]"
FIELDS: Final = ("data", "event", "id", "retry")


class Problem(StrEnum):
    """What can be wrong with the framing of a stream."""

    LINE = "line"
    BLANK = "blank"
    JSON = "json"
    END = "end"


@dataclass(frozen=True, slots=True)
class Frame:
    """One event: its name, if it has one, its data, and when its last byte came."""

    event: str
    data: str
    at: float


@dataclass(frozen=True, slots=True)
class EventStream:
    """The events of a stream in order, and what is wrong with their framing.

    Attributes:
        frames: All events with data, `[DONE]` too.
        problems: What is wrong, and the line where.
        documents: The JSON objects that the events carry; what is none is left out.
    """

    frames: tuple[Frame, ...]
    problems: tuple[tuple[Problem, str], ...]
    documents: list[JsonObject]

    def wrong(self, kind: Problem) -> str:
        """Return the first line that is wrong in this way, or an empty text."""
        return next((line for problem, line in self.problems if problem is kind), "")


def parsed(data: str) -> Json:
    """Return the JSON value of an event's data, or None."""
    try:
        value: Json = json.loads(data)
    except ValueError:
        return None
    return value


def read_stream(exchange: Exchange) -> EventStream:
    """Return the events of an answer, which are read once."""
    return exchange.events


def events_of(chunks: tuple[Chunk, ...]) -> EventStream:
    """Return the events in the bytes of an answer."""
    frames: list[Frame] = []
    problems: list[tuple[Problem, str]] = []
    documents: list[JsonObject] = []
    event, data, at = "", [], 0.0  # type: str, list[str], float
    for line, at in _lines(chunks):
        if line == "":
            if data:
                _check_data(data, problems, documents)
                frames.append(Frame(event, "\n".join(data), at))
            event, data = "", []
            continue
        name, colon, value = line.partition(":")
        if name and (not colon or name not in FIELDS):
            problems.append((Problem.LINE, line))
        elif name == "data":
            data.append(value.removeprefix(" "))
        elif name == "event":
            event = value.strip()
    if data:
        _check_data(data, problems, documents)
        problems.append((Problem.END, f"data: {data[-1]}"))
        frames.append(Frame(event, "\n".join(data), at))
    return EventStream(tuple(frames), tuple(problems), documents)


def _check_data(
    data: list[str], problems: list[tuple[Problem, str]], documents: list[JsonObject]
) -> None:
    document = parsed("\n".join(data))
    if isinstance(document, dict):
        documents.append(document)
    if len(data) > 1:
        problems.append((Problem.BLANK, f"data: {data[1]}"))
    elif data[0] != DONE and not isinstance(document, dict):
        problems.append((Problem.JSON, f"data: {data[0]}"))


def _lines(chunks: tuple[Chunk, ...]) -> list[tuple[str, float]]:
    """Return the lines with the time at which each was complete; a last one without end too."""
    lines: list[tuple[str, float]] = []
    rest = b""
    for chunk in chunks:
        *complete, rest = (rest + chunk.data).split(b"\n")
        lines += [(_decoded(line), chunk.at) for line in complete]
    if rest:
        lines.append((_decoded(rest), chunks[-1].at))
    return lines


def _decoded(line: bytes) -> str:
    return line.removesuffix(b"\r").decode("utf-8", errors="replace")
