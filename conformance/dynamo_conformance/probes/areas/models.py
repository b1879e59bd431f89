"""/v1/models: what is served."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from dynamo_conformance.probes.exchange import (
    MODEL,
    CannotShow,
    Question,
    expect,
    number,
    objects,
    string,
)
from dynamo_conformance.probes.judging import CLOCK_DIFFERS
from dynamo_conformance.probes.probe import SPECIFICATION, Profile, probe
from dynamo_conformance.probes.questions import MODELS_PATH, get
from dynamo_conformance.probes.shapes import Shape, check_types

if TYPE_CHECKING:
    from dynamo_conformance.probes.exchange import Exchange, JsonObject

LIST = get("models", MODELS_PATH)
LATER = Question(name="models-later", path=MODELS_PATH, method="GET", headers=(), pause=1.1)
RETRIEVED = get("model", f"{MODELS_PATH}/{MODEL}")
NOBODY: Final = "nobody/serves-this"
UNKNOWN = get("model-unknown", f"{MODELS_PATH}/{NOBODY}")
OLDEST: Final = 1_500_000_000
NOT_FOUND: Final = 404


def _model_of(exchange: Exchange) -> str:
    """Return the model that was asked for: the only part of the path that is its own."""
    return unquote(exchange.url.partition(f"{MODELS_PATH}/")[2])


def _entries(exchange: Exchange) -> list[JsonObject]:
    return objects(exchange.answer, "data")


@probe("models.answered", LIST)
def answered(exchange: Exchange) -> None:
    """The list of models is answered with 200 and a JSON object."""
    expect(exchange.answer, "a JSON object", exchange.summary)


@probe("models.media-type", LIST)
def media_type(exchange: Exchange) -> None:
    """The content type is application/json."""
    exchange.require_answered()
    expect(exchange.media_type == "application/json", "application/json", exchange.media_type)


@probe("models.list", LIST, source=SPECIFICATION)
def is_list(exchange: Exchange) -> None:
    """The answer is an object `list` with the models in `data`."""
    expect(exchange.answer.get("object") == "list", "object list", exchange.answer)
    expect(_entries(exchange), "models in data", exchange.answer)


@probe("models.shape", LIST, source=SPECIFICATION)
def shape(exchange: Exchange) -> None:
    """Each model has the fields of OpenAI's specification: id, object, created, owned_by."""
    for entry in _entries(exchange):
        check_types(Shape.MODEL, entry)


@probe("models.id", LIST)
def has_id(exchange: Exchange) -> None:
    """Each model has an id that is not empty."""
    for entry in _entries(exchange):
        expect(string(entry, "id").strip(), "an id that is not empty", entry)


@probe("models.unique", LIST)
def unique(exchange: Exchange) -> None:
    """No model is listed twice."""
    ids = [string(entry, "id") for entry in _entries(exchange)]
    expect(len(ids) == len(set(ids)), "each id once", ids)


@probe("models.served", LIST, RETRIEVED)
def served(listed: Exchange, exchange: Exchange) -> None:
    """The model that is asked for is in the list."""
    ids = [string(entry, "id") for entry in _entries(listed)]
    expect(_model_of(exchange) in ids, f"{_model_of(exchange)} in the list", ids)


@probe("models.created", LIST)
def created(exchange: Exchange) -> None:
    """`created` is a time in seconds since 1970, and not in the future."""
    for entry in _entries(exchange):
        latest = exchange.began + CLOCK_DIFFERS
        second = number(entry, "created")
        expect(OLDEST <= second <= latest, f"a second from {OLDEST} to {latest:.0f}", entry)


@probe("models.created-constant", LIST, LATER, profile=Profile.EXTENDED)
def created_constant(now: Exchange, later: Exchange) -> None:
    """`created` is when the model was made: it stays the same."""
    first, second = (
        [entry.get("created") for entry in _entries(exchange)] for exchange in (now, later)
    )
    expect(first == second, f"created {first}", f"{second} a second later")


def _require_address(exchange: Exchange) -> None:
    """Dynamo serves models by folder too, whose path is their id.

    Raises:
        CannotShow: The id is such a path.
    """
    if _model_of(exchange).startswith("/"):
        raise CannotShow("an id that is a path has no address below /v1/models")


@probe("models.one", RETRIEVED)
def retrieved(exchange: Exchange) -> None:
    """A model is found by its id, and answers with it."""
    wanted = _model_of(exchange)
    _require_address(exchange)
    expect(exchange.answer.get("id") == wanted, f"id {wanted}", exchange.answer)


@probe("models.one-shape", RETRIEVED, source=SPECIFICATION)
def retrieved_shape(exchange: Exchange) -> None:
    """A single model has the fields of OpenAI's specification."""
    _require_address(exchange)
    check_types(Shape.MODEL, exchange.answer)


@probe("models.unknown", UNKNOWN)
def unknown(exchange: Exchange) -> None:
    """A model that is not served is answered with 404."""
    expect(exchange.status == NOT_FOUND, "HTTP 404", exchange.summary)
