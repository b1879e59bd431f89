"""/v1/embeddings: vectors, their encoding and their order."""

from __future__ import annotations

import base64
import binascii
import math
import struct
from typing import TYPE_CHECKING, Final

from dynamo_conformance.probes import judging
from dynamo_conformance.probes.exchange import (
    MODEL,
    Fault,
    Json,
    JsonObject,
    Question,
    expect,
    find,
    number,
    objects,
    shown,
)
from dynamo_conformance.probes.probe import SPECIFICATION, Feature, Profile, probe
from dynamo_conformance.probes.shapes import Shape, check_types

if TYPE_CHECKING:
    from dynamo_conformance.probes.exchange import Exchange

NEEDS = (Feature.EMBEDDINGS,)
PATH: Final = "/v1/embeddings"
ELBE: Final = "The Elbe ends in the North Sea."
DANUBE: Final = "The Danube ends in the Black Sea, after ten countries."
FEWER: Final = 8
CLOSE: Final = 1e-3
BAD: Final = (400, 422)


def _asked(name: str, given: Json, **fields: Json) -> Question:
    body: JsonObject = {"model": MODEL, "input": given}
    return Question(name=f"embeddings-{name}", path=PATH, fields={**body, **fields})


PLAIN = _asked("one", ELBE)
AGAIN = _asked("again", ELBE)
OTHER = _asked("other", DANUBE)
SEVERAL = _asked("several", [ELBE, DANUBE, ELBE])
FLOATS = _asked("float", ELBE, encoding_format="float")
BASE64 = _asked("base64", ELBE, encoding_format="base64")
SMALL = _asked("dimensions", ELBE, dimensions=FEWER)
IDS = _asked("token-ids", [11, 12, 13])
EMPTY = _asked("empty", [])
UNKNOWN = _asked("unknown-model", ELBE, model="nobody/serves-this")


def vectors(exchange: Exchange) -> list[list[float]]:
    """Return the vectors of an answer in the order of their indexes."""
    data = sorted(objects(exchange.answer, "data"), key=lambda entry: number(entry, "index"))
    return [_vector(entry.get("embedding")) for entry in data]


def _vector(given: Json) -> list[float]:
    if isinstance(given, str):
        try:
            raw = base64.b64decode(given, validate=True)
            return [*struct.unpack(f"<{len(raw) // 4}f", raw)]
        except (binascii.Error, struct.error) as error:
            raise Fault("32-bit floats in base64", shown(given)) from error
    if not isinstance(given, list) or not all(isinstance(value, int | float) for value in given):
        raise Fault("a list of numbers", shown(given))
    return [float(value) for value in given if isinstance(value, int | float)]


def _first(exchange: Exchange) -> list[float]:
    listed = vectors(exchange)
    expect(listed and listed[0], "a vector", exchange.summary)
    return listed[0]


def near(first: list[float], second: list[float]) -> bool:
    """Whether two vectors point the same way."""
    dot = sum(left * right for left, right in zip(first, second, strict=False))
    length = math.hypot(*first) * math.hypot(*second)
    return len(first) == len(second) and length > 0 and dot / length > 1 - CLOSE


@probe("embeddings.answered", PLAIN, needs=NEEDS)
def answered(exchange: Exchange) -> None:
    """A text is answered with one vector."""
    expect(len(vectors(exchange)) == 1, "one vector", exchange.summary)


@probe("embeddings.shape", FLOATS, source=SPECIFICATION, needs=NEEDS)
def shape(exchange: Exchange) -> None:
    """All fields have the types and constants of OpenAI's specification."""
    check_types(Shape.EMBEDDINGS, exchange.answer)


@probe("embeddings.model", PLAIN, needs=NEEDS)
def model(exchange: Exchange) -> None:
    """The answer names the model that was asked for."""
    judging.names_model(exchange, exchange.answer)


@probe("embeddings.numbers", PLAIN, needs=NEEDS)
def numbers(exchange: Exchange) -> None:
    """All numbers are finite, and not all of them 0."""
    vector = _first(exchange)
    expect(all(map(math.isfinite, vector)) and any(vector), "finite numbers", vector[:8])


@probe("embeddings.same", PLAIN, AGAIN, needs=NEEDS)
def same(first: Exchange, second: Exchange) -> None:
    """The same text has the same vector."""
    expect(near(_first(first), _first(second)), "the same vector again", "another")


@probe("embeddings.different", PLAIN, OTHER, needs=NEEDS)
def different(first: Exchange, second: Exchange) -> None:
    """Another text has another vector."""
    expect(not near(_first(first), _first(second)), "another vector", "the same")


@probe("embeddings.several", SEVERAL, needs=NEEDS)
def several(exchange: Exchange) -> None:
    """Three texts are answered with three vectors, indexes 0 to 2."""
    judging.indexes(objects(exchange.answer, "data"), 3)


@probe("embeddings.order", PLAIN, OTHER, SEVERAL, needs=NEEDS)
def order(elbe: Exchange, danube: Exchange, exchange: Exchange) -> None:
    """The vectors are in the order of the texts."""
    wanted = [_first(elbe), _first(danube), _first(elbe)]
    got = vectors(exchange)
    is_same = len(got) == len(wanted) and all(map(near, wanted, got))
    expect(is_same, "the vector of each text at its index", "another order")


@probe("embeddings.base64", BASE64, needs=NEEDS)
def in_base64(exchange: Exchange) -> None:
    """With encoding_format base64 the vector is a text of 32-bit floats."""
    given = find(exchange.answer, "data", 0, "embedding")
    expect(isinstance(given, str), "a text", given)
    _vector(given)


@probe("embeddings.base64-same", FLOATS, BASE64, needs=NEEDS)
def base64_same(floats: Exchange, exchange: Exchange) -> None:
    """Both encodings say the same numbers."""
    first, second = _first(floats), _first(exchange)
    is_same = len(first) == len(second) and all(
        math.isclose(left, right, rel_tol=CLOSE, abs_tol=CLOSE)
        for left, right in zip(first, second, strict=False)
    )
    expect(is_same, shown(first[:4]), second[:4])


@probe("embeddings.dimensions", SMALL, profile=Profile.EXTENDED, needs=NEEDS)
def dimensions(exchange: Exchange) -> None:
    """A number of dimensions is kept, or refused with 400: it is not passed over."""
    if exchange.status in BAD:
        return
    count = len(_first(exchange))
    expect(count == FEWER, f"{FEWER} dimensions", f"{count}")


@probe("embeddings.usage", PLAIN, SEVERAL, needs=NEEDS)
def usage(*exchanges: Exchange) -> None:
    """The usage counts the prompt, and nothing else; more texts cost more."""
    counts = []
    for exchange in exchanges:
        prompt, total = (
            number(exchange.answer, "usage", f"{kind}_tokens") for kind in ("prompt", "total")
        )
        expect(
            0 < prompt == total,
            "prompt_tokens and total_tokens alike",
            exchange.answer.get("usage"),
        )
        counts.append(prompt)
    expect(counts[1] > 2 * counts[0], f"more than {2 * counts[0]} tokens", counts[1])


@probe("embeddings.token-ids", IDS, profile=Profile.EXTENDED, needs=NEEDS)
def token_ids(exchange: Exchange) -> None:
    """A text can be given as token ids."""
    expect(len(vectors(exchange)) == 1, "one vector", exchange.summary)


@probe("embeddings.empty", EMPTY, profile=Profile.EXTENDED, needs=NEEDS)
def empty(exchange: Exchange) -> None:
    """An empty list of texts is refused with 400."""
    expect(exchange.status in BAD, "HTTP 400", exchange.summary)


@probe("embeddings.unknown-model", UNKNOWN, needs=NEEDS)
def unknown_model(exchange: Exchange) -> None:
    """A model that is not served is refused with 404."""
    expect(exchange.status == 404, "HTTP 404", exchange.summary)  # noqa: PLR2004 - the status
