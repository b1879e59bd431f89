"""Lies about everything but the text of answers: models, errors, roles, tools, other APIs."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from dynamo_conformance.endpoint.areas import load_requirements
from lies import (
    CHAT,
    CHUNKS,
    FRAMING,
    IGNORED,
    WHOLE,
    Asked,
    Lie,
    ReplyChange,
    _lie,
    asking,
    chunks,
    counter,
    drop,
    having,
    header,
    pieces,
    plain,
    put,
    refused,
    stream,
    texts,
    when,
    whole,
    words,
)
from right_server import Body, Reply, as_json

MODELS = ("/v1/models",)
ONE = ("/v1/models/org/model",)
EMBEDDINGS = ("/v1/embeddings",)
RESPONSES = ("/v1/responses",)
MESSAGES = ("/v1/messages",)

MODEL_LIES = (
    _lie("no list of models", "models.answered", reply=plain("/v1/models", {}, 500)),
    _lie(
        "models as text", "models.media-type", reply=header("content-type", "text/html", on=MODELS)
    ),
    _lie("models without a list", "models.list", reply=whole(put("object", "lists"), on=MODELS)),
    _lie(
        "a model without an owner", "models.shape", reply=whole(drop("data.*.owned_by"), on=MODELS)
    ),
    _lie("a model without an id", "models.id", reply=whole(put("data.*.id", ""), on=MODELS)),
    _lie(
        "a model listed twice",
        "models.unique",
        reply=whole(lambda d: d["data"].append(d["data"][0]), on=MODELS),
    ),
    _lie(
        "another model listed",
        "models.served",
        reply=whole(put("data.*.id", lambda old: f"{old}-x"), on=MODELS),
    ),
    _lie(
        "a model of the future",
        "models.created",
        reply=whole(put("data.*.created", 9_999_999_999), on=MODELS),
    ),
    _lie(
        "a model made anew each time",
        "models.created-constant",
        reply=whole(put("data.*.created", lambda old: old + next(counter)), on=MODELS),
    ),
    _lie("another model found", "models.one", reply=whole(put("id", "gpt"), on=ONE)),
    _lie("half a model found", "models.one-shape", reply=whole(drop("owned_by"), on=ONE)),
    _lie(
        "every model is found",
        "models.unknown",
        reply=plain("/v1/models/nobody/serves-this", {"id": "nobody/serves-this"}),
    ),
)


def _is_error(reply: Reply) -> bool:
    return reply.status >= 400


def _errors(change: Any) -> ReplyChange:
    """Return what edits the bodies of errors."""

    def edit(_asked: Asked, reply: Reply) -> Reply:
        if not _is_error(reply):
            return reply
        document = json.loads(b"".join(reply.pieces))
        return replace(reply, pieces=as_json(change(document)).pieces)

    return edit


def _status(status: int) -> ReplyChange:
    return lambda _asked, reply: replace(reply, status=status) if _is_error(reply) else reply


ALL = tuple(load_requirements())
ERRORS = tuple(one.id for one in ALL if one.area == "errors")
SHAPES = tuple(one for one in ERRORS if one.endswith("-shape"))
PARAMS = tuple(one for one in ERRORS if one.endswith("-param"))
STATUSES = tuple(one for one in ERRORS if one not in (*SHAPES, *PARAMS, "errors.alive"))


class Sulking:
    """A server that is silent after it has refused something."""

    def __init__(self) -> None:
        self.refused = False

    def __call__(self, asked: Asked, reply: Reply) -> Reply:
        self.refused = self.refused or _is_error(reply)
        return refused(503)(asked, reply) if self.refused and not _is_error(reply) else reply


ERROR_LIES = (
    _lie("errors are answered 200", *STATUSES, reply=_status(200)),
    _lie(
        "errors are the server's",
        *STATUSES,
        "embeddings.empty",
        "images.broken",
        reply=_status(500),
    ),
    _lie(
        "errors are flat",
        *SHAPES,
        *PARAMS,
        reply=_errors(lambda d: {"message": d["error"]["message"], "type": "x", "code": 400}),
    ),
    _lie("errors are texts", *SHAPES, reply=_errors(lambda d: {"error": d["error"]["message"]})),
    _lie(
        "errors without a code",
        *SHAPES,
        reply=_errors(lambda d: {"error": {**_without(d["error"], "code")}}),
    ),
    _lie(
        "errors name no field",
        *PARAMS,
        reply=_errors(lambda d: {"error": d["error"] | {"param": None}}),
    ),
    _lie(
        "errors say nothing",
        *SHAPES,
        reply=_errors(lambda d: {"error": d["error"] | {"message": ""}}),
    ),
    _lie(
        "errors in the stream",
        "errors.temperature-streamed",
        "errors.unknown-model-streamed",
        "errors.no-messages-streamed",
        reply=lambda asked, reply: (
            Reply(
                200,
                {"content-type": "text/event-stream"},
                [b"data: " + b"".join(reply.pieces) + b"\n\n"],
            )
            if _is_error(reply) and asked.body.get("stream")
            else reply
        ),
    ),
    _lie(
        "an unknown model is 400",
        "errors.unknown-model",
        "models.unknown",
        "embeddings.unknown-model",
        reply=lambda _asked, reply: replace(reply, status=400) if reply.status == 404 else reply,
    ),
    _lie("dead after an error", "errors.alive", reply=Sulking()),
)


def _without(table: Body, name: str) -> Body:
    return {key: value for key, value in table.items() if key != name}


def _ascii(text: str) -> str:
    return text.encode("ascii", "ignore").decode()


def _last_message(body: Body) -> None:
    body["messages"] = body["messages"][-1:]


def _no_role(*roles: str) -> Any:
    def edit(body: Body) -> None:
        if "messages" in body:
            body["messages"] = [one for one in body["messages"] if one.get("role") not in roles]

    return edit


def _first_part(body: Body) -> None:
    for one in body.get("messages", []):
        if isinstance(one.get("content"), list):
            one["content"] = one["content"][:1]


def _strip_text(body: Body) -> None:
    for one in body.get("messages", []):
        if isinstance(one.get("content"), str):
            one["content"] = _ascii(one["content"])


PROMPT_LIES = (
    _lie("prompts lose what is not ASCII", "unicode.counted", ask=asking(_strip_text, on=(CHAT,))),
    _lie(
        "escapes are read as they stand",
        "unicode.escapes",
        reply=when(
            lambda a: b"\\u6f22" in a.raw, whole(put("usage.prompt_tokens", lambda old: old + 40))
        ),
    ),
    _lie("a stream without what is not ASCII", "unicode.same-text", reply=stream(texts(_ascii))),
    _lie(
        "a strange character is an error of the server",
        "unicode.lone-surrogate",
        "unicode.nul",
        reply=when(lambda a: b"\\ud800" in a.raw or b"\\u0000" in a.raw, refused(500)),
    ),
    _lie("system messages are dropped", "roles.system-counted", ask=asking(_no_role("system"))),
    _lie(
        "developer messages are dropped",
        "roles.developer-counted",
        ask=asking(_no_role("developer")),
    ),
    _lie(
        "tool results are dropped", "roles.tool-counted", ask=asking(_no_role("tool", "assistant"))
    ),
    _lie(
        "the last message only",
        "roles.turns-counted",
        ask=asking(lambda b: _last_message(b) if b.get("messages") else None),
    ),
    _lie("the first part only", "roles.two-parts-counted", ask=asking(_first_part)),
    _lie(
        "parts are read as JSON",
        "roles.parts-same",
        reply=when(
            lambda a: '"content": [' in words(a),
            whole(put("usage.prompt_tokens", lambda old: old + 9)),
        ),
    ),
)
STRUCTURED_LIES = (
    _lie(
        "response_format is ignored",
        "structured.object",
        "structured.schema-json",
        "structured.schema",
        "structured.schema-streamed",
        ask=asking(drop("response_format")),
    ),
    _lie(
        "JSON of another schema",
        "structured.schema",
        reply=whole(texts(lambda t: t.replace("Elbe", "Nile"))),
    ),
    _lie(
        "streamed JSON of another schema",
        "structured.schema-streamed",
        reply=stream(texts(lambda t: t.replace("false", "0"))),
    ),
)
CALLS = "choices.*.message.tool_calls"


def _calls(edit: Any) -> ReplyChange:
    return when(having("tools"), whole(edit))


def _delta_calls(edit: Any) -> ReplyChange:
    return when(having("tools"), stream(edit))


TOOL_LIES = (
    _lie(
        "tools are ignored",
        "tools.required",
        "tools.named",
        "tools.streamed",
        "tools.single",
        ask=asking(lambda b: [b.pop(name, None) for name in ("tools", "tool_choice")]),  # type: ignore[arg-type, return-value]
    ),
    _lie(
        "a tool of another name",
        "tools.required",
        "tools.auto",
        reply=_calls(put(f"{CALLS}.*.function.name", "rm")),
    ),
    _lie("a call without a type", "tools.shape", reply=_calls(put(f"{CALLS}.*.type", "tool"))),
    _lie(
        "arguments that are no JSON",
        "tools.arguments",
        "tools.auto",
        reply=_calls(put(f"{CALLS}.*.function.arguments", "{city: Paris")),
    ),
    _lie(
        "a call that finishes with stop",
        "tools.finish",
        reply=_calls(put("choices.*.finish_reason", "stop")),
    ),
    _lie("calls without an id", "tools.ids", reply=_calls(put(f"{CALLS}.*.id", ""))),
    _lie("one id for all calls", "tools.several", reply=_calls(put(f"{CALLS}.*.id", "call"))),
    _lie(
        "another tool than the one named",
        "tools.named",
        ask=asking(lambda b: b.update(tool_choice="required") if "tool_choice" in b else None),
    ),
    _lie(
        "a call though none is allowed",
        "tools.none",
        ask=asking(lambda b: b.update(tool_choice="auto") if "tool_choice" in b else None),
    ),
    _lie(
        "two calls though one is allowed", "tools.single", ask=asking(drop("parallel_tool_calls"))
    ),
    _lie(
        "a streamed tool of another name",
        "tools.streamed",
        reply=_delta_calls(put("choices.*.delta.tool_calls.*.function.name", "rm")),
    ),
    _lie(
        "streamed arguments lose a piece",
        "tools.streamed-arguments",
        reply=when(having("tools"), chunks(lambda d: d[:2] + d[3:])),
    ),
    _lie(
        "a streamed call that finishes with stop",
        "tools.streamed-finish",
        reply=_delta_calls(put("choices.*.finish_reason", lambda old: old and "stop")),
    ),
    _lie(
        "streamed calls without an id",
        "tools.streamed-ids",
        reply=_delta_calls(put("choices.*.delta.tool_calls.*.id", "")),
    ),
    _lie(
        "streamed calls count from 1",
        "tools.streamed-ids",
        reply=_delta_calls(put("choices.*.delta.tool_calls.*.index", 1)),
    ),
)


def _think_aloud(document: Body) -> None:
    for choice in document["choices"]:
        for place in ("message", "delta"):
            said = choice.get(place) or {}
            if thought := said.pop("reasoning_content", None):
                said["content"] = f"<think>{thought}</think>{said.get('content') or ''}"


REASONING_LIES = (
    _lie(
        "thoughts in the text",
        "reasoning.apart",
        "reasoning.not-in-text",
        reply=whole(_think_aloud),
    ),
    _lie(
        "thoughts in the streamed text",
        "reasoning.streamed",
        "reasoning.streamed-not-in-text",
        reply=stream(_think_aloud),
    ),
)


def _no_image(body: Body) -> None:
    for one in body.get("messages", []):
        if isinstance(one.get("content"), list):
            one["content"] = [part for part in one["content"] if part["type"] == "text"]


IMAGE_LIES = (
    _lie(
        "images are dropped",
        "images.counted",
        "images.broken",
        "images.understood",
        ask=asking(_no_image),
    ),
    _lie(
        "red is blue", "images.understood", reply=whole(texts(lambda t: t.replace("red", "blue")))
    ),
    _lie(
        "images are refused",
        "images.data",
        reply=when(lambda a: "image_url" in words(a), refused()),
    ),
)
EMBEDDING_LIES = (
    _lie(
        "no vectors",
        "embeddings.answered",
        "embeddings.token-ids",
        reply=whole(put("data", []), on=EMBEDDINGS),
    ),
    _lie(
        "vectors of another object",
        "embeddings.shape",
        reply=whole(put("object", "lists"), on=EMBEDDINGS),
    ),
    _lie(
        "vectors of another model",
        "embeddings.model",
        reply=whole(put("model", "gpt"), on=EMBEDDINGS),
    ),
    _lie(
        "zeros",
        "embeddings.numbers",
        reply=whole(put("data.*.embedding", [0.0] * 16), on=EMBEDDINGS),
    ),
    _lie(
        "another vector each time",
        "embeddings.same",
        "embeddings.base64-same",
        reply=when(
            lambda a: a.body.get("encoding_format") != "base64",
            whole(
                put("data.*.embedding.*", lambda old: old * (next(counter) % 7 - 3)), on=EMBEDDINGS
            ),
        ),
    ),
    _lie(
        "one vector for all",
        "embeddings.different",
        reply=when(
            lambda a: a.body.get("encoding_format") != "base64",
            whole(put("data.*.embedding", [0.5] * 16), on=EMBEDDINGS),
        ),
    ),
    _lie(
        "all vectors at index 0",
        "embeddings.several",
        reply=whole(put("data.*.index", 0), on=EMBEDDINGS),
    ),
    _lie(
        "vectors in another order",
        "embeddings.order",
        ask=asking(
            lambda b: (
                b.update(input=b["input"][1:] + b["input"][:1])
                if isinstance(b["input"], list) and b["input"]
                else None
            ),
            on=EMBEDDINGS,
        ),
    ),
    _lie(
        "base64 is ignored", "embeddings.base64", ask=asking(drop("encoding_format"), on=EMBEDDINGS)
    ),
    _lie(
        "base64 of other numbers",
        "embeddings.base64-same",
        reply=when(
            lambda a: a.body.get("encoding_format") == "base64",
            whole(put("data.*.embedding", lambda old: "AAAA" + old[4:]), on=EMBEDDINGS),
        ),
    ),
    _lie(
        "dimensions is ignored",
        "embeddings.dimensions",
        ask=asking(drop("dimensions"), on=EMBEDDINGS),
    ),
    _lie(
        "texts for free",
        "embeddings.usage",
        reply=whole(put("usage.total_tokens", 0), on=EMBEDDINGS),
    ),
    _lie(
        "an empty list is answered",
        "embeddings.empty",
        reply=when(
            lambda a: a.target == EMBEDDINGS[0] and a.body.get("input") == [],
            plain(EMBEDDINGS[0], {"data": []}),
        ),
    ),
    _lie(
        "every model embeds",
        "embeddings.unknown-model",
        ask=asking(put("model", "org/model"), on=EMBEDDINGS),
    ),
)


def _renumbered(documents: list[Body]) -> list[Body]:
    for one in documents:
        one["sequence_number"] = 0
    return documents


RESPONSE_LIES = (
    _lie(
        "a response without text",
        "responses.answered",
        reply=whole(put("output", []), on=RESPONSES),
    ),
    _lie(
        "a response of another object",
        "responses.shape",
        reply=whole(put("object", "answer"), on=RESPONSES),
    ),
    _lie("a response without an id", "responses.id", reply=whole(put("id", ""), on=RESPONSES)),
    _lie(
        "a response of another model",
        "responses.model",
        reply=whole(put("model", "gpt"), on=RESPONSES),
    ),
    _lie(
        "a response's usage does not add up",
        "responses.usage",
        reply=whole(put("usage.total_tokens", 1), on=RESPONSES),
    ),
    _lie(
        "a cut response is completed",
        "responses.status",
        reply=whole(put("status", "completed"), on=RESPONSES),
    ),
    _lie("events without an item", "responses.events", reply=stream(drop("item_id"), on=RESPONSES)),
    _lie(
        "events of another name",
        "responses.names",
        reply=pieces(lambda p: [one.replace(b"event: ", b"event: x-") for one in p], on=RESPONSES),
    ),
    _lie("events without order", "responses.sequence", reply=chunks(_renumbered, on=RESPONSES)),
    _lie("no last event", "responses.order", reply=chunks(lambda d: d[:-1], on=RESPONSES)),
    _lie(
        "a delta is lost",
        "responses.streamed-text",
        reply=chunks(lambda d: d[:2] + d[3:], on=RESPONSES),
    ),
    _lie(
        "every model responds",
        "responses.unknown-model",
        ask=asking(put("model", "org/model"), on=RESPONSES),
    ),
)
MESSAGE_LIES = (
    _lie("a message of a user", "messages.answered", reply=whole(put("role", "user"), on=MESSAGES)),
    _lie(
        "a message of another model",
        "messages.model",
        reply=whole(put("model", "gpt"), on=MESSAGES),
    ),
    _lie(
        "a cut message ends its turn",
        "messages.stop",
        reply=whole(put("stop_reason", "end_turn"), on=MESSAGES),
    ),
    _lie(
        "a message that does not stop",
        "messages.events",
        reply=chunks(lambda d: d[:-1], on=MESSAGES),
    ),
)


def _get(target: str, edit: Any) -> ReplyChange:
    return whole(edit, on=(target,))


METRICS = "/metrics"


def _metrics(old: bytes, new: bytes) -> ReplyChange:
    return lambda asked, reply: (
        replace(reply, pieces=[one.replace(old, new) for one in reply.pieces])
        if asked.target == METRICS
        else reply
    )


def _no_header(name: str) -> ReplyChange:
    return lambda _asked, reply: replace(reply, headers=_without(reply.headers, name))


OPERATION_LIES = (
    _lie("not healthy", "operations.health", reply=_get("/health", put("status", "sick"))),
    _lie(
        "no instances", "operations.health-instances", reply=_get("/health", put("instances", []))
    ),
    _lie("not live", "operations.live", reply=plain("/live", {}, 503)),
    _lie("metrics that nobody reads", "operations.metrics", reply=_metrics(b"} ", b"} = ")),
    _lie(
        "metrics that stand still",
        "operations.metrics-count",
        reply=_metrics(b"requests_total{", b"requests_sum{"),
    ),
    _lie(
        "a request id of its own",
        "operations.request-id",
        reply=lambda _a, r: replace(r, headers=r.headers | {"x-request-id": "mine"}),
    ),
    _lie(
        "no request id",
        "operations.request-id",
        "operations.request-id-made",
        reply=_no_header("x-request-id"),
    ),
    _lie(
        "no page may ask",
        "operations.preflight",
        "operations.cors",
        reply=_no_header("access-control-allow-origin"),
    ),
    _lie("requests that never end", "lifetime.left-ends", reply=_metrics(b"} 0\n", b"} 1\n")),
)
ROUTE = "nvext.worker_id.prefill_worker_id"
ROUTING_LIES = (
    _lie("no worker is named", "routing.worker-ids", reply=whole(drop("nvext.worker_id"))),
    _lie("no timing", "routing.timing", reply=whole(drop("nvext.timing"))),
    _lie("one worker does both", "routing.disaggregated", reply=whole(put(ROUTE, 80))),
    _lie(
        "prefixes go anywhere", "routing.prefix", reply=whole(put(ROUTE, lambda _: next(counter)))
    ),
    _lie("one worker for all", "routing.spread", reply=whole(put(ROUTE, 70))),
    _lie(
        "an adapter without a parent",
        "adapters.listed",
        reply=whole(drop("data.*.parent"), on=MODELS),
    ),
    _lie(
        "an adapter that is not asked",
        "adapters.answered",
        reply=when(
            lambda a: a.body.get("model") == "org/adapter", whole(put("model", "org/model"))
        ),
    ),
    _lie(
        "eight at once are too many",
        "lifetime.many",
        "lifetime.many-streamed",
        reply=when(lambda a: a.target == CHAT and "Count from 3 to" in words(a), refused(503)),
    ),
    _lie(
        "a large prompt is too much",
        "lifetime.large",
        reply=when(lambda a: 8000 < len(a.raw) < 9000, refused(500)),
    ),
)

LIES: tuple[Lie, ...] = (
    *FRAMING, *CHUNKS, *WHOLE, *IGNORED, *MODEL_LIES, *ERROR_LIES, *PROMPT_LIES, *STRUCTURED_LIES,
    *TOOL_LIES, *REASONING_LIES, *IMAGE_LIES, *EMBEDDING_LIES, *RESPONSE_LIES, *MESSAGE_LIES,
    *OPERATION_LIES, *ROUTING_LIES,
)  # fmt: skip
