"""Lies about everything but the text of answers: models, errors, roles, tools, other APIs."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from dynamo_conformance.probes.areas import load_probes
from dynamo_conformance.probes.areas.chat import TAKEN
from lies import (
    CHAT,
    CHUNKS,
    FRAMING,
    IGNORED,
    WHOLE,
    Asked,
    Edit,
    Lie,
    ReplyChange,
    a_lie,
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

if TYPE_CHECKING:
    from collections.abc import Callable

MODELS = ("/v1/models",)
EMBEDDINGS = ("/v1/embeddings",)
RESPONSES = ("/v1/responses",)
MESSAGES = ("/v1/messages",)


def _one_model(edit: Edit) -> ReplyChange:
    return lambda asked, reply: (
        whole(edit, on=(asked.target,))(asked, reply)
        if asked.target.startswith("/v1/models/")
        else reply
    )


def _serves_all(target: str) -> ReplyChange:
    return when(
        lambda asked: "nobody/" in str(asked.body.get("model")), plain(target, {"data": []})
    )


MODEL_LIES = (
    a_lie("no list of models", "models.answered", reply=plain("/v1/models", {}, 500)),
    a_lie(
        "models as text", "models.media-type", reply=header("content-type", "text/html", on=MODELS)
    ),
    a_lie("models without a list", "models.list", reply=whole(put("object", "lists"), on=MODELS)),
    a_lie(
        "a model without an owner", "models.shape", reply=whole(drop("data.*.owned_by"), on=MODELS)
    ),
    a_lie("a model without an id", "models.id", reply=whole(put("data.*.id", ""), on=MODELS)),
    a_lie(
        "a model listed twice",
        "models.unique",
        reply=whole(lambda d: d["data"].append(d["data"][0]), on=MODELS),
    ),
    a_lie(
        "another model listed",
        "models.served",
        reply=whole(put("data.*.id", lambda old: f"{old}-x"), on=MODELS),
    ),
    a_lie(
        "a model of the future",
        "models.created",
        reply=whole(put("data.*.created", 9_999_999_999), on=MODELS),
    ),
    a_lie(
        "a model made anew each time",
        "models.created-constant",
        reply=whole(put("data.*.created", lambda old: old + next(counter)), on=MODELS),
    ),
    a_lie("another model found", "models.one", reply=_one_model(put("id", "gpt"))),
    a_lie("half a model found", "models.one-shape", reply=_one_model(drop("owned_by"))),
    a_lie(
        "every model is found",
        "models.unknown",
        reply=plain("/v1/models/nobody/serves-this", {"id": "nobody/serves-this"}),
    ),
)


def _is_error(reply: Reply) -> bool:
    return reply.status >= 400


def _errors(change: Callable[[Body], Body]) -> ReplyChange:
    """Return what edits the bodies of errors."""

    def edit(_asked: Asked, reply: Reply) -> Reply:
        if not _is_error(reply):
            return reply
        document = json.loads(b"".join(reply.pieces))
        return replace(reply, pieces=as_json(change(document)).pieces)

    return edit


def _status(status: int) -> ReplyChange:
    return lambda _asked, reply: replace(reply, status=status) if _is_error(reply) else reply


ALL = tuple(probe for probe in load_probes() if not probe.disturbs)
ERRORS = tuple(one.id for one in ALL if one.area == "errors")
SHAPES = tuple(one for one in ERRORS if one.endswith("-shape"))
PARAMS = tuple(one for one in ERRORS if one.endswith("-param"))
STATUSES = tuple(
    one
    for one in ERRORS
    if one not in (*SHAPES, *PARAMS, "errors.alive", "errors.code", "errors.content-type")
)


class Sulking:
    """A server that is silent after it has refused something."""

    def __init__(self) -> None:
        self.refused = False

    def __call__(self, asked: Asked, reply: Reply) -> Reply:
        self.refused = self.refused or _is_error(reply)
        return refused(503)(asked, reply) if self.refused and not _is_error(reply) else reply


ERROR_LIES = (
    a_lie("errors are answered 200", *STATUSES, reply=_status(200)),
    a_lie(
        "errors are the server's",
        *STATUSES,
        "embeddings.empty",
        "images.broken",
        reply=_status(500),
    ),
    a_lie(
        "errors are flat",
        *SHAPES,
        *PARAMS,
        reply=_errors(lambda d: {"message": d["error"]["message"], "type": "x", "code": 400}),
    ),
    a_lie(
        "a number as the code of an error",
        "errors.code",
        reply=_errors(lambda d: {"error": d["error"] | {"code": 400}}),
    ),
    a_lie("errors are texts", *SHAPES, reply=_errors(lambda d: {"error": d["error"]["message"]})),
    a_lie(
        "errors without a code",
        *SHAPES,
        reply=_errors(lambda d: {"error": {**_without(d["error"], "code")}}),
    ),
    a_lie(
        "errors name no field",
        *PARAMS,
        reply=_errors(lambda d: {"error": d["error"] | {"param": None}}),
    ),
    a_lie(
        "errors say nothing",
        *SHAPES,
        reply=_errors(lambda d: {"error": d["error"] | {"message": ""}}),
    ),
    a_lie(
        "errors in the stream",
        "errors.temperature-streamed",
        "errors.unknown-model-streamed",
        "errors.no-messages-streamed",
        "errors.too-long-streamed",
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
    a_lie(
        "an unknown model is 400",
        "errors.unknown-model",
        "models.unknown",
        "embeddings.unknown-model",
        reply=lambda _asked, reply: replace(reply, status=400) if reply.status == 404 else reply,
    ),
    a_lie("dead after an error", "errors.alive", reply=Sulking()),
)


def _without(table: Body, name: str) -> Body:
    return {key: value for key, value in table.items() if key != name}


def _ascii(text: str) -> str:
    return text.encode("ascii", "ignore").decode()


def _last_message(body: Body) -> None:
    body["messages"] = body["messages"][-1:]


def _messages(body: Body) -> list[Body]:
    given = body.get("messages")
    return [one for one in given if isinstance(one, dict)] if isinstance(given, list) else []


def _no_role(*roles: str) -> Edit:
    def edit(body: Body) -> None:
        if kept := _messages(body):
            body["messages"] = [one for one in kept if one.get("role") not in roles]

    return edit


def _first_part(body: Body) -> None:
    for one in _messages(body):
        if isinstance(one.get("content"), list):
            one["content"] = one["content"][:1]


def _strip_text(body: Body) -> None:
    for one in _messages(body):
        if isinstance(one.get("content"), str):
            one["content"] = _ascii(one["content"])


PROMPT_LIES = (
    a_lie("prompts lose what is not ASCII", "unicode.counted", ask=asking(_strip_text, on=(CHAT,))),
    a_lie(
        "escapes are read as they stand",
        "unicode.escapes",
        reply=when(
            lambda a: b"\\u6f22" in a.raw, whole(put("usage.prompt_tokens", lambda old: old + 40))
        ),
    ),
    a_lie(
        "a stream without what is not ASCII",
        "unicode.same-text",
        "unicode.said",
        reply=stream(texts(_ascii)),
    ),
    a_lie(
        "an answer without its backslashes",
        "unicode.escaped",
        reply=whole(texts(lambda text: text.replace("\\", ""))),
    ),
    a_lie(
        "a stream that drops a late chunk",
        "streaming.chat-long",
        "streaming.completions-long",
        reply=chunks(lambda given: given[:90] + given[91:]),
    ),
    a_lie(
        "a strange character is an error of the server",
        "unicode.lone-surrogate",
        "unicode.nul",
        reply=when(lambda a: b"\\ud800" in a.raw or b"\\u0000" in a.raw, refused(500)),
    ),
    a_lie("system messages are dropped", "roles.system-counted", ask=asking(_no_role("system"))),
    a_lie(
        "developer messages are dropped",
        "roles.developer-counted",
        ask=asking(_no_role("developer")),
    ),
    a_lie(
        "tool results are dropped", "roles.tool-counted", ask=asking(_no_role("tool", "assistant"))
    ),
    a_lie(
        "the last message only",
        "roles.turns-counted",
        ask=asking(lambda b: _last_message(b) if b.get("messages") else None),
    ),
    a_lie("the first part only", "roles.two-parts-counted", ask=asking(_first_part)),
    a_lie(
        "parts are read as JSON",
        "roles.parts-same",
        reply=when(
            lambda a: '"content": [' in words(a),
            whole(put("usage.prompt_tokens", lambda old: old + 9)),
        ),
    ),
)
STRUCTURED_LIES = (
    a_lie(
        "response_format is ignored",
        "structured.object",
        "structured.schema-json",
        "structured.schema",
        "structured.schema-streamed",
        ask=asking(drop("response_format")),
    ),
    a_lie(
        "words in place of JSON until they are cut",
        "structured.object",
        "structured.schema-json",
        reply=when(
            having("response_format"),
            whole(
                lambda d: d["choices"][0].update(
                    message=d["choices"][0]["message"] | {"content": "The Elbe, the"},
                    finish_reason="length",
                )
            ),
        ),
    ),
    a_lie(
        "JSON of another schema",
        "structured.schema",
        reply=whole(texts(lambda t: t.replace("Elbe", "Nile"))),
    ),
    a_lie(
        "streamed JSON of another schema",
        "structured.schema-streamed",
        reply=stream(texts(lambda t: t.replace("false", "0"))),
    ),
)
CALLS = "choices.*.message.tool_calls"


def _calls(edit: Edit) -> ReplyChange:
    return when(having("tools"), whole(edit))


def _delta_calls(edit: Edit) -> ReplyChange:
    return when(having("tools"), stream(edit))


TOOL_LIES = (
    a_lie(
        "tools are ignored",
        "tools.required",
        "tools.named",
        "tools.streamed",
        "tools.single",
        ask=asking(lambda b: [b.pop(name, None) for name in ("tools", "tool_choice")]),
    ),
    a_lie(
        "a tool of another name",
        "tools.required",
        "tools.auto",
        reply=_calls(put(f"{CALLS}.*.function.name", "rm")),
    ),
    a_lie("a call without a type", "tools.shape", reply=_calls(put(f"{CALLS}.*.type", "tool"))),
    a_lie(
        "arguments that are no JSON",
        "tools.arguments",
        "tools.auto",
        reply=_calls(put(f"{CALLS}.*.function.arguments", "{city: Paris")),
    ),
    a_lie(
        "arguments that do not fit the tool",
        "tools.arguments",
        "tools.auto",
        reply=_calls(put(f"{CALLS}.*.function.arguments", '{"city": "Atlantis"}')),
    ),
    a_lie(
        "a call that finishes with stop",
        "tools.finish",
        reply=_calls(put("choices.*.finish_reason", "stop")),
    ),
    a_lie("calls without an id", "tools.ids", reply=_calls(put(f"{CALLS}.*.id", ""))),
    a_lie("one id for all calls", "tools.several", reply=_calls(put(f"{CALLS}.*.id", "call"))),
    a_lie(
        "one id for all streamed calls",
        "tools.several-streamed",
        reply=_delta_calls(put("choices.*.delta.tool_calls.*.id", "call")),
    ),
    a_lie(
        "a call that stands in the text too",
        "tools.not-in-text",
        reply=_calls(put("choices.*.message.content", '<tool_call>{"name": "get_weather"}')),
    ),
    a_lie(
        "another tool than the one named",
        "tools.named",
        ask=asking(lambda b: b.update(tool_choice="required") if "tool_choice" in b else None),
    ),
    a_lie(
        "a call though none is allowed",
        "tools.none",
        ask=asking(lambda b: b.update(tool_choice="auto") if "tool_choice" in b else None),
    ),
    a_lie(
        "two calls though one is allowed", "tools.single", ask=asking(drop("parallel_tool_calls"))
    ),
    a_lie(
        "a streamed tool of another name",
        "tools.streamed",
        reply=_delta_calls(put("choices.*.delta.tool_calls.*.function.name", "rm")),
    ),
    a_lie(
        "streamed arguments lose a piece",
        "tools.streamed-arguments",
        reply=when(having("tools"), chunks(lambda d: d[:2] + d[3:])),
    ),
    a_lie(
        "a streamed call that finishes with stop",
        "tools.streamed-finish",
        reply=_delta_calls(put("choices.*.finish_reason", lambda old: old and "stop")),
    ),
    a_lie(
        "streamed calls without an id",
        "tools.streamed-ids",
        reply=_delta_calls(put("choices.*.delta.tool_calls.*.id", "")),
    ),
    a_lie(
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
    a_lie(
        "thoughts in the text",
        "reasoning.apart",
        "reasoning.not-in-text",
        reply=whole(_think_aloud),
    ),
    a_lie(
        "thoughts in the streamed text",
        "reasoning.streamed",
        "reasoning.streamed-not-in-text",
        reply=stream(_think_aloud),
    ),
)


def _no_image(body: Body) -> None:
    for one in _messages(body):
        if isinstance(one.get("content"), list):
            one["content"] = [part for part in one["content"] if part["type"] == "text"]


IMAGE_LIES = (
    a_lie(
        "images are dropped",
        "images.counted",
        ask=asking(_no_image),
    ),
    a_lie(
        "red is blue", "images.understood", reply=whole(texts(lambda t: t.replace("red", "blue")))
    ),
    a_lie(
        "images are refused",
        "images.data",
        reply=when(lambda a: "image_url" in words(a), refused()),
    ),
)
EMBEDDING_LIES = (
    a_lie(
        "no vectors",
        "embeddings.answered",
        "embeddings.token-ids",
        reply=whole(put("data", []), on=EMBEDDINGS),
    ),
    a_lie(
        "vectors of another object",
        "embeddings.shape",
        reply=whole(put("object", "lists"), on=EMBEDDINGS),
    ),
    a_lie(
        "vectors of another model",
        "embeddings.model",
        reply=whole(put("model", "gpt"), on=EMBEDDINGS),
    ),
    a_lie(
        "zeros",
        "embeddings.numbers",
        reply=whole(put("data.*.embedding", [0.0] * 16), on=EMBEDDINGS),
    ),
    a_lie(
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
    a_lie(
        "one vector for all",
        "embeddings.different",
        reply=when(
            lambda a: a.body.get("encoding_format") != "base64",
            whole(put("data.*.embedding", [0.5] * 16), on=EMBEDDINGS),
        ),
    ),
    a_lie(
        "all vectors at index 0",
        "embeddings.several",
        reply=whole(put("data.*.index", 0), on=EMBEDDINGS),
    ),
    a_lie(
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
    a_lie(
        "base64 is ignored", "embeddings.base64", ask=asking(drop("encoding_format"), on=EMBEDDINGS)
    ),
    a_lie(
        "base64 of other numbers",
        "embeddings.base64-same",
        reply=when(
            lambda a: a.body.get("encoding_format") == "base64",
            whole(put("data.*.embedding", lambda old: "AAAA" + old[4:]), on=EMBEDDINGS),
        ),
    ),
    a_lie(
        "dimensions is ignored",
        "embeddings.dimensions",
        ask=asking(drop("dimensions"), on=EMBEDDINGS),
    ),
    a_lie(
        "texts for free",
        "embeddings.usage",
        reply=whole(put("usage.total_tokens", 0), on=EMBEDDINGS),
    ),
    a_lie(
        "an empty list is answered",
        "embeddings.empty",
        reply=when(
            lambda a: a.target == EMBEDDINGS[0] and a.body.get("input") == [],
            plain(EMBEDDINGS[0], {"data": []}),
        ),
    ),
    a_lie(
        "every model embeds",
        "embeddings.unknown-model",
        reply=_serves_all(EMBEDDINGS[0]),
    ),
)


def _renumbered(documents: list[Body]) -> list[Body]:
    for one in documents:
        one["sequence_number"] = 0
    return documents


def _lost_delta(documents: list[Body]) -> list[Body]:
    first = next(one for one in documents if one["type"] == "response.output_text.delta")
    return [one for one in documents if one is not first]


RESPONSE_LIES = (
    a_lie(
        "a response without text",
        "responses.answered",
        reply=whole(put("output", []), on=RESPONSES),
    ),
    a_lie(
        "a response of another object",
        "responses.shape",
        reply=whole(put("object", "answer"), on=RESPONSES),
    ),
    a_lie("a response without an id", "responses.id", reply=whole(put("id", ""), on=RESPONSES)),
    a_lie(
        "a response of another model",
        "responses.model",
        reply=whole(put("model", "gpt"), on=RESPONSES),
    ),
    a_lie(
        "a response's usage does not add up",
        "responses.usage",
        reply=whole(put("usage.total_tokens", 1), on=RESPONSES),
    ),
    a_lie(
        "a cut response is completed",
        "responses.status",
        reply=whole(put("status", "completed"), on=RESPONSES),
    ),
    a_lie(
        "events without an item", "responses.events", reply=stream(drop("item_id"), on=RESPONSES)
    ),
    a_lie(
        "events of another name",
        "responses.names",
        reply=pieces(lambda p: [one.replace(b"event: ", b"event: x-") for one in p], on=RESPONSES),
    ),
    a_lie("events without order", "responses.sequence", reply=chunks(_renumbered, on=RESPONSES)),
    a_lie("no last event", "responses.order", reply=chunks(lambda d: d[:-1], on=RESPONSES)),
    a_lie(
        "a delta is lost",
        "responses.streamed-text",
        reply=chunks(_lost_delta, on=RESPONSES),
    ),
    a_lie(
        "every model responds",
        "responses.unknown-model",
        reply=_serves_all(RESPONSES[0]),
    ),
)


def _read_response(asked: Asked, reply: Reply) -> Reply:
    return refused(404)(asked, reply) if asked.target.startswith("/v1/responses/") else reply


STORE_LIES = (
    a_lie("nothing is stored", "responses.stored", reply=_read_response),
    a_lie(
        "nothing is continued",
        "responses.previous",
        ask=asking(drop("previous_response_id"), on=RESPONSES),
    ),
    *(
        a_lie(
            f"{field} is refused",
            f"chat.takes-{field.replace('_', '-')}",
            reply=when(having(field), refused()),
        )
        for field in TAKEN
    ),
)
MESSAGE_LIES = (
    a_lie(
        "a message of a user", "messages.answered", reply=whole(put("role", "user"), on=MESSAGES)
    ),
    a_lie(
        "a message of another model",
        "messages.model",
        reply=whole(put("model", "gpt"), on=MESSAGES),
    ),
    a_lie(
        "a cut message ends its turn",
        "messages.stop",
        reply=whole(put("stop_reason", "end_turn"), on=MESSAGES),
    ),
    a_lie(
        "a message that does not stop",
        "messages.events",
        reply=chunks(lambda d: d[:-1], on=MESSAGES),
    ),
)


def _get(target: str, edit: Edit) -> ReplyChange:
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
    a_lie("not healthy", "operations.health", reply=_get("/health", put("status", "sick"))),
    a_lie(
        "no instances", "operations.health-instances", reply=_get("/health", put("instances", []))
    ),
    a_lie("not live", "operations.live", reply=plain("/live", {}, 503)),
    a_lie("metrics that nobody reads", "operations.metrics", reply=_metrics(b"} ", b"} = ")),
    a_lie(
        "metrics that stand still",
        "operations.metrics-count",
        reply=_metrics(b"requests_total{", b"requests_sum{"),
    ),
    a_lie(
        "a request id of its own",
        "operations.request-id",
        reply=lambda _a, r: replace(r, headers=r.headers | {"x-request-id": "mine"}),
    ),
    a_lie(
        "no request id",
        "operations.request-id",
        "operations.request-id-made",
        reply=_no_header("x-request-id"),
    ),
    a_lie(
        "no page may ask",
        "operations.preflight",
        "operations.cors",
        reply=_no_header("access-control-allow-origin"),
    ),
    a_lie("requests that never end", "lifetime.left-ends", reply=_metrics(b"} 0\n", b"} 1\n")),
)
ROUTE = "nvext.worker_id.prefill_worker_id"
DECODE = "nvext.worker_id.decode_worker_id"
RATE = "nvext.timing.kv_hit_rate"


def _each_second(first: float, second: float) -> Callable[[object], float]:
    """Return what two frontends say in turns."""
    return lambda _: (first, second)[next(counter) % 2]


def _of_two_frontends(prefill: object) -> object:
    """Every second answer is of a frontend whose workers take turns."""
    turn = next(counter)
    return prefill if turn % 2 else 70 + turn // 2 % 2


def _swapped(document: Body) -> None:
    if "nvext" in document:
        workers = document["nvext"]["worker_id"]
        prefill, decode = workers["prefill_worker_id"], workers["decode_worker_id"]
        workers |= {"prefill_worker_id": decode, "decode_worker_id": prefill}


ROUTING_LIES = (
    a_lie("no worker is named", "routing.worker-ids", reply=whole(drop("nvext.worker_id"))),
    a_lie("no timing", "routing.timing", reply=whole(drop("nvext.timing"))),
    a_lie("a worker that is not there", "routing.worker-ids", reply=whole(put(DECODE, 99))),
    a_lie("one worker does both", "routing.disaggregated", reply=whole(put(ROUTE, 80))),
    a_lie(
        "one of two frontends has one worker do both",
        "routing.disaggregated",
        reply=whole(put(DECODE, _each_second(80, 70))),
    ),
    a_lie(
        "a worker that decodes is said to prefill",
        "routing.disaggregated",
        reply=whole(_swapped),
    ),
    a_lie("workers take turns", "routing.prefix", reply=whole(put(ROUTE, _each_second(70, 71)))),
    a_lie(
        "one of two frontends takes turns",
        "routing.prefix",
        reply=whole(put(ROUTE, _of_two_frontends)),
    ),
    a_lie(
        "a router that knows of nothing",
        "routing.prefix-known",
        reply=whole(put(RATE, lambda rate: rate and 0.0)),
    ),
    a_lie(
        "one of two frontends knows of nothing",
        "routing.prefix-known",
        reply=whole(put(RATE, _each_second(0.9, 0.0))),
    ),
    a_lie("one worker for all", "routing.spread", reply=whole(put(ROUTE, 70))),
    a_lie(
        "an adapter without a parent",
        "adapters.listed",
        reply=whole(drop("data.*.parent"), on=MODELS),
    ),
    a_lie(
        "an adapter that is not asked",
        "adapters.answered",
        reply=when(
            lambda a: a.body.get("model") == "org/adapter", whole(put("model", "org/model"))
        ),
    ),
    a_lie(
        "an adapter that changes nothing",
        "adapters.applied",
        ask=asking(put("model", lambda name: name and "org/model")),
        reply=when(
            lambda a: a.body.get("model") == "org/adapter", whole(put("model", "org/adapter"))
        ),
    ),
    a_lie(
        "eight at once are too many",
        "lifetime.many",
        "lifetime.many-streamed",
        reply=when(lambda a: a.target == CHAT and "Count from 3 to" in words(a), refused(503)),
    ),
    a_lie(
        "no [DONE] when many ask at once",
        "lifetime.many-streamed",
        reply=when(lambda a: "Count from 3 to" in words(a), pieces(lambda p: p[:-1])),
    ),
    a_lie(
        "a large prompt is too much",
        "lifetime.large",
        reply=when(lambda a: 8000 < len(a.raw) < 9000, refused(500)),
    ),
)

LIES: tuple[Lie, ...] = (
    *FRAMING, *CHUNKS, *WHOLE, *IGNORED, *MODEL_LIES, *ERROR_LIES, *PROMPT_LIES, *STRUCTURED_LIES,
    *TOOL_LIES, *REASONING_LIES, *IMAGE_LIES, *EMBEDDING_LIES, *RESPONSE_LIES, *STORE_LIES,
    *MESSAGE_LIES, *OPERATION_LIES, *ROUTING_LIES,
)  # fmt: skip
