"""One request and all that came back: the only thing that probes judge."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Final, TypeAlias

from dynamo_conformance.manifest.terminal_safe import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dynamo_conformance.probes.sse import EventStream

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"
JsonObject: TypeAlias = "dict[str, Json]"
Headers: TypeAlias = "tuple[tuple[str, str], ...]"

MODEL: Final = "{model}"
"""Stands for the model that is asked for, in the fields and paths of questions."""

ID: Final = "{id}"

OK: Final = 200
JSON_BODY: Final[Headers] = (("content-type", "application/json"),)
LONGEST_SHOWN: Final = 300
LONGEST_CURL: Final = 1500


class Event(StrEnum):
    """What is done to a graph while it answers."""

    WORKER_KILLED = "a worker is killed"
    WORKER_ENDED = "a worker is asked to end"


class Fault(AssertionError):  # noqa: N818 - an outcome
    """What came is not what must come."""

    def __init__(self, expected: str, got: str) -> None:
        super().__init__(f"expected {expected}, got {got}")
        self.expected = expected
        self.got = got


class CannotShow(Exception):  # noqa: N818 - an outcome, not a fault
    """The probe cannot be shown here; the text says why."""


class Unjudged(Exception):  # noqa: N818 - an outcome, not a fault
    """There is nothing to judge, because another probe fails; the text says which."""


class NotAnswered(Exception):  # noqa: N818 - one probe fails for it, the others are not run
    """A question has no answer that could be judged.

    Attributes:
        exchange: What came instead.
        expected: What must come.
        got: What of it cannot be judged.
    """

    def __init__(
        self, exchange: Exchange, *, expected: str = "HTTP 200, complete", got: str = ""
    ) -> None:
        self.exchange = exchange
        self.expected = expected
        self.got = got or exchange.summary
        super().__init__(f"{exchange.name}: expected {expected}, got {self.got}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One request that can be sent, known by its name.

    Attributes:
        name: Unique; a question is asked once in a run, however many probes judge the answer.
        path: Where it is sent; `MODEL` stands for the model, `ID` for the id in the answer to
            `after`.
        fields: The JSON body, if it is one.
        body: The bytes of the body in place of `fields`.
        after: The question whose answer `derive` needs.
        derive: Returns further fields, from the answer to `after`.
        together: Whether it is sent at the same time as the others of the probe.
        of_workers: Whether it is sent to the system port of each worker, not to the endpoint.
        pause: Seconds to wait before it is sent.
        leave_after: The client goes away after so many chunks; None to read the answer to its end.
        during: What is done to the graph in the middle of the answers to all that is sent together.
        replay: The name of the answer that an engine gives which says chosen answers; others are
            asked without it.
    """

    name: str
    path: str
    method: str = "POST"
    fields: Mapping[str, Json] | None = None
    body: bytes | None = None
    headers: Headers = JSON_BODY
    after: Question | None = None
    derive: Callable[[Exchange], JsonObject] | None = None
    together: bool = False
    of_workers: bool = False
    pause: float = 0.0
    leave_after: int | None = None
    during: Event | None = None
    replay: str = ""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Bytes of an answer as the transport handed them over, and seconds after the request."""

    at: float
    data: bytes


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """A request, and the response to it.

    Attributes:
        name: The question's.
        model: The model that everything of this endpoint is asked for.
        request_headers: Without those that may be secret.
        key_name: The environment variable with the API key, if one was sent.
        began: When it was sent, in seconds since 1970.
        seconds: How long it took.
        status: 0 when there is no response.
        error: What ended the connection before the response was complete; empty if nothing did.
    """

    name: str
    model: str = ""
    method: str
    url: str
    request_headers: Headers
    request_body: bytes
    key_name: str | None
    began: float
    seconds: float
    status: int
    headers: Headers
    chunks: tuple[Chunk, ...]
    error: str

    @cached_property
    def body(self) -> bytes:
        """All bytes of the answer."""
        return b"".join(chunk.data for chunk in self.chunks)

    @cached_property
    def text(self) -> str:
        """The answer as text, wrong bytes replaced; `checks.utf8` judges them."""
        return self.body.decode("utf-8", errors="replace")

    @cached_property
    def events(self) -> EventStream:
        """The events of a streamed answer."""
        from dynamo_conformance.probes.sse import events_of

        return events_of(self.chunks)

    @cached_property
    def request(self) -> JsonObject:
        """The JSON object that was sent, or an empty one."""
        try:
            sent: Json = json.loads(self.request_body)
        except ValueError:
            return {}
        return sent if isinstance(sent, dict) else {}

    @cached_property
    def answer(self) -> JsonObject:
        """The JSON object of a whole answer.

        Raises:
            NotAnswered: The answer is no success, or no JSON object.
        """
        self.require_answered()
        try:
            return self.json_object
        except Fault as fault:
            raise NotAnswered(self, expected=fault.expected) from fault

    @cached_property
    def json_object(self) -> JsonObject:
        """The JSON object in the answer, whatever its status.

        Raises:
            Fault: There is none.
        """
        try:
            read: Json = json.loads(self.body)
        except ValueError:
            read = None
        if not isinstance(read, dict):
            raise Fault("a JSON object", self.summary)
        return read

    def require_answered(self) -> None:
        """Raise unless there is a complete answer with status 200.

        Raises:
            NotAnswered: There is none.
        """
        if self.status != OK or self.error:
            raise NotAnswered(self)

    def header(self, name: str) -> str:
        """Return the value of a response header, or an empty text."""
        return next((value for key, value in self.headers if key.lower() == name), "")

    @property
    def media_type(self) -> str:
        """The content type without its parameters."""
        return self.header("content-type").partition(";")[0].strip().lower()

    @property
    def summary(self) -> str:
        """Status and body in one short line."""
        status = f"HTTP {self.status}" if self.status else "no response"
        parts = [status, self.error, shortened(self.text)]
        return ": ".join(part for part in parts if part)

    def curl(self) -> str:
        """Return the shell line that repeats the request."""
        words = ["curl", "-sS", "-i", self.url]
        if self.method != ("POST" if self.request_body else "GET"):
            words += ["-X", self.method]
        for name, value in self.request_headers:
            words += ["-H", f"{name}: {value}"]
        line = shlex.join(words)
        if self.key_name:
            line += f' -H "authorization: Bearer ${self.key_name}"'
        if len(self.request_body) > LONGEST_CURL:
            return f"{line} -d @BODY  # {len(self.request_body)} bytes, in the recorded exchange"
        if self.request_body:
            line += f" -d {shlex.quote(self.request_body.decode('utf-8', errors='replace'))}"
        return line

    def record(self) -> JsonObject:
        """Return all of it as JSON, to be kept beside a report."""
        return {
            "name": self.name,
            "request": {
                "method": self.method,
                "url": self.url,
                "headers": [[name, value] for name, value in self.request_headers],
                "body": self.request_body.decode("utf-8", errors="backslashreplace"),
            },
            "began": self.began,
            "seconds": round(self.seconds, 6),
            "response": {
                "status": self.status,
                "headers": [[name, value] for name, value in self.headers],
                "error": self.error,
                "chunks": [
                    [round(chunk.at, 6), chunk.data.decode("utf-8", errors="backslashreplace")]
                    for chunk in self.chunks
                ],
            },
        }


def shortened(text: str, longest: int = LONGEST_SHOWN) -> str:
    """Return `text` in one line of at most so many characters, none of which a terminal obeys."""
    line = printable(" ".join(text.split()))
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def expect(condition: object, expected: str, got: object) -> None:
    """Raise `Fault` unless the condition is true."""
    if not condition:
        raise Fault(expected, got if isinstance(got, str) and got else shown(got))


def shown(value: object) -> str:
    """Return a value as it stands in JSON, shortened."""
    return shortened(json.dumps(value, ensure_ascii=False, default=str))


def find(value: Json, *keys: str | int) -> Json:
    """Return what stands at a place of a JSON value, or None."""
    for key in keys:
        if isinstance(value, dict) and isinstance(key, str):
            value = value.get(key)
        elif isinstance(value, list) and isinstance(key, int) and key < len(value):
            value = value[key]
        else:
            return None
    return value


def string(value: Json, *keys: str | int) -> str:
    """Return the text at a place, or fault."""
    got = find(value, *keys)
    if not isinstance(got, str):
        raise Fault(f"a text at {place(keys)}", shown(got))
    return got


def number(value: Json, *keys: str | int) -> int:
    """Return the whole number at a place, or fault."""
    got = find(value, *keys)
    if not isinstance(got, int) or isinstance(got, bool):
        raise Fault(f"a whole number at {place(keys)}", shown(got))
    return got


def objects(value: Json, *keys: str | int) -> list[JsonObject]:
    """Return the list of objects at a place, or fault."""
    got = find(value, *keys)
    if not isinstance(got, list) or not all(isinstance(item, dict) for item in got):
        raise Fault(f"a list of objects at {place(keys)}", shown(got))
    return [item for item in got if isinstance(item, dict)]


def place(keys: tuple[str | int, ...]) -> str:
    """Return where something stands, such as `choices[0].message`."""
    text = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys)
    return text.removeprefix(".")
