"""Servers that are wrong in one way: what stands before a right one, and tells one lie at a time.

A lie changes the request on its way in, or the reply on its way out, and names the probes
that it breaks. `lying` puts it before any server that is a function; `forwarded` makes one of an
address.
"""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import chain, count
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from right_server import Body, Reply, as_json

CHAT, COMPLETIONS = "/v1/chat/completions", "/v1/completions"
TEXT = (CHAT, COMPLETIONS)
OK = 200


@dataclass
class Asked:
    """A request."""

    method: str
    target: str
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> Body:
        try:
            read = json.loads(self.raw)
        except ValueError:
            return {}
        return read if isinstance(read, dict) else {}


Answering = Callable[[str, str, dict[str, str], bytes], Reply]
AskChange = Callable[[Asked], Asked]
ReplyChange = Callable[[Asked, Reply], Reply]
Edit = Callable[[Body], object]
"""Changes a document in place."""


def same_request(asked: Asked) -> Asked:
    return asked


def same_reply(_asked: Asked, reply: Reply) -> Reply:
    return reply


@dataclass
class Lie:
    """One way to be wrong.

    Attributes:
        breaks: The probes that it is about; each of them must fail.
    """

    name: str
    breaks: tuple[str, ...]
    ask: AskChange = field(default=same_request)
    reply: ReplyChange = field(default=same_reply)


def lying(answer: Answering, lie: Lie | None) -> Answering:
    """Return a server with the lie before it; without one the server as it is."""
    if lie is None:
        return answer

    def told(method: str, target: str, headers: dict[str, str], raw: bytes) -> Reply:
        asked = Asked(method, target, headers, raw)
        sent = lie.ask(replace(asked))
        return lie.reply(asked, answer(sent.method, sent.target, sent.headers, sent.raw))

    return told


def forwarded(url: str) -> Answering:
    """Return what asks the server at an address, a stream in pieces of one event."""
    host = urlsplit(url).netloc

    def answer(method: str, target: str, headers: dict[str, str], raw: bytes) -> Reply:
        connection = http.client.HTTPConnection(host, timeout=60)
        try:
            kept_back = ("host", "content-length")  # A lie may have made the body shorter.
            passed = {name: value for name, value in headers.items() if name not in kept_back}
            connection.request(method, target, raw or None, passed)
            response = connection.getresponse()
            data = response.read()
        finally:
            connection.close()
        kept = {
            name.lower(): value
            for name, value in response.getheaders()
            if name.lower() not in ("transfer-encoding", "connection", "date", "content-length")
        }
        kept.setdefault("content-type", "text/plain")
        reply = Reply(response.status, kept, [data])
        if reply.streamed:
            reply.pieces = [one + b"\n\n" for one in data.split(b"\n\n") if one]
        return reply

    return answer


# How replies are changed.


class Found(NamedTuple):
    parent: Any
    key: str | int


def _found(value: object, path: str) -> list[Found]:
    """Return every place that a path names: `*` is each item of a list."""
    first, _, rest = path.partition(".")
    children: dict[str | int, object] = {}
    if isinstance(value, dict):
        children = {first: value.get(first)}
    elif isinstance(value, list) and first == "*":
        children = dict(enumerate(value))
    if not rest:
        return [Found(value, key) for key in children]
    return [place for child in children.values() for place in _found(child, rest)]


def put(path: str, value: object) -> Edit:
    """Return what puts a value at a path; a function is given what stands there."""

    def edit(document: Body) -> None:
        for parent, key in _found(document, path):
            if callable(value):
                old = parent.get(key) if isinstance(parent, dict) else parent[key]
                parent[key] = value(old)
            else:
                parent[key] = value

    return edit


def shared_character(*shares: list[int]) -> Edit:
    """Return what makes the text one character of several tokens, with these bytes."""

    def edit(document: Body) -> None:
        for choice in document.get("choices", []):
            listed = (choice.get("logprobs") or {}).get("content")
            if listed and "message" in choice:
                choice["message"]["content"] = "é"
                of_each = zip(shares, listed, strict=False)
                choice["logprobs"]["content"] = [{**entry, "bytes": of} for of, entry in of_each]

    return edit


def drop(path: str) -> Edit:
    """Return what removes a field."""

    def edit(document: Body) -> None:
        for parent, key in _found(document, path):
            if isinstance(parent, dict):
                parent.pop(key, None)

    return edit


def whole(edit: Edit, *, on: tuple[str, ...] = TEXT, status: int | None = OK) -> ReplyChange:
    """Return what edits answers in one piece."""

    def change(asked: Asked, reply: Reply) -> Reply:
        if asked.target not in on or reply.streamed or status not in (None, reply.status):
            return reply
        document = json.loads(b"".join(reply.pieces))
        edit(document)
        return replace(reply, pieces=as_json(document).pieces)

    return change


def chunks(edit: Callable[[list[Body]], list[Body]], *, on: tuple[str, ...] = TEXT) -> ReplyChange:
    """Return what edits the chunks of a stream as a list."""

    def change(asked: Asked, reply: Reply) -> Reply:
        if asked.target not in on or not reply.streamed:
            return reply
        heads, documents, rest = [], [], []
        for piece in reply.pieces:
            head, _, data = piece.partition(b"data: ")
            if data.startswith(b"{"):
                heads.append(head)
                documents.append(json.loads(data))
            else:
                rest.append(piece)
        edited = edit(documents)
        heads += [heads[-1]] * len(edited)
        pieces = [
            head + b"data: " + json.dumps(one, ensure_ascii=False).encode() + b"\n\n"
            for head, one in zip(heads, edited, strict=False)
        ]
        return replace(reply, pieces=[*pieces, *rest])

    return change


def stream(edit: Edit, *, on: tuple[str, ...] = TEXT) -> ReplyChange:
    """Return what edits each chunk of a stream."""

    def each(documents: list[Body]) -> list[Body]:
        for one in documents:
            edit(one)
        return documents

    return chunks(each, on=on)


def pieces(
    edit: Callable[[list[bytes]], list[bytes]], *, on: tuple[str, ...] = TEXT
) -> ReplyChange:
    """Return what edits the bytes of a stream."""

    def change(asked: Asked, reply: Reply) -> Reply:
        if asked.target not in on or not reply.streamed:
            return reply
        return replace(reply, pieces=edit([*reply.pieces]))

    return change


def header(
    name: str, value: str | None, *, on: tuple[str, ...] = TEXT, streams: bool = False
) -> ReplyChange:
    """Return what sets a header, or removes it."""

    def change(asked: Asked, reply: Reply) -> Reply:
        if asked.target not in on or reply.streamed is not streams:
            return reply
        kept = {key: old for key, old in reply.headers.items() if key != name}
        return replace(reply, headers=kept | ({name: value} if value is not None else {}))

    return change


def asking(edit: Edit, *, on: tuple[str, ...] = TEXT) -> AskChange:
    """Return what edits the request."""

    def change(asked: Asked) -> Asked:
        body = asked.body
        if asked.target not in on or not body:
            return asked
        edit(body)
        return replace(asked, raw=json.dumps(body).encode())

    return change


def when(condition: Callable[[Asked], Any], change: ReplyChange) -> ReplyChange:
    """Return a change that is made for some requests only."""
    return lambda asked, reply: change(asked, reply) if condition(asked) else reply


def having(name: str) -> Callable[[Asked], bool]:
    return lambda asked: name in asked.body


def refused(status: int = 400, message: str = "not taken") -> ReplyChange:
    """Return what answers with an error."""
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": None}
    return lambda _asked, _reply: as_json({"error": error}, status)


def plain(target: str, document: object, status: int = OK) -> ReplyChange:
    """Return what answers an address with something else."""
    return lambda asked, reply: as_json(document, status) if asked.target == target else reply


def each(*names: str) -> tuple[str, ...]:
    """Return ids of chat and of completions: `{}` stands for the API."""
    return tuple(name.format(api) for name in names for api in ("chat", "completions"))


def text_in(document: Body) -> None:
    """Put other text into every choice: twice as many words."""
    for choice in document["choices"]:
        if "message" in choice:
            choice["message"]["content"] = " ".join(["word"] * 500)
        elif "text" in choice:
            choice["text"] = " ".join(["word"] * 500)


def texts(change: Callable[[str], str]) -> Edit:
    """Return what changes the text of all choices, whole or streamed."""

    def edit(document: Body) -> None:
        for choice in document.get("choices", []):
            for parent in (choice, choice.get("message"), choice.get("delta")):
                for key in ("content", "text"):
                    if isinstance(parent, dict) and isinstance(parent.get(key), str):
                        parent[key] = change(parent[key])

    return edit


def words(asked: Asked) -> str:
    return json.dumps(asked.body, ensure_ascii=False)


counter = count()


def a_lie(
    name: str, *breaks: str, ask: AskChange = same_request, reply: ReplyChange = same_reply
) -> Lie:
    return Lie(name, breaks, ask, reply)


def _after_finish(documents: list[Body]) -> list[Body]:
    last = next(one for one in reversed(documents) if one["choices"])
    extra = json.loads(json.dumps(last))
    extra["choices"][0]["finish_reason"] = None
    if "delta" in extra["choices"][0]:
        extra["choices"][0]["delta"] = {"content": " more"}
    else:
        extra["choices"][0]["text"] = " more"
    at = documents.index(last) + 1
    return [*documents[:at], extra, *documents[at:]]


def _finish_twice(documents: list[Body]) -> list[Body]:
    last = next(one for one in reversed(documents) if one["choices"])
    at = documents.index(last)
    return [*documents[: at + 1], last, *documents[at + 1 :]]


def _usage_first(documents: list[Body]) -> list[Body]:
    if not documents[-1].get("usage"):
        return documents
    return [documents[0], documents[-1], *documents[1:-1]]


def _some_index(documents: list[Body]) -> list[Body]:
    documents[1]["choices"][0]["index"] = 1
    return documents


def _swapped(documents: list[Body]) -> list[Body]:
    documents[2], documents[3] = documents[3], documents[2]
    return documents


def _ids_change(documents: list[Body]) -> list[Body]:
    for place, one in enumerate(documents):
        one["id"] = f"{one['id']}-{place}"
    return documents


def _created_change(documents: list[Body]) -> list[Body]:
    documents[-1]["created"] += 1
    return documents


def _usage_everywhere(documents: list[Body]) -> list[Body]:
    usage = {"prompt_tokens": 3, "completion_tokens": 3, "total_tokens": 6}
    for one in documents:
        one["usage"] = one.get("usage") or usage
    return documents


def _cut_characters(given: list[bytes]) -> list[bytes]:
    return [re.sub(rb'"(content|text)": ?"', rb'"\1":"' + b"\xe6\xbc", one) for one in given]


def _unspaced(given: list[bytes]) -> list[bytes]:
    return [one.replace(b"\n\n", b"\n") for one in given[:-1]] + given[-1:]


FRAMING = (
    a_lie(
        "a stream as JSON",
        *each("streaming.{}-media-type"),
        reply=header("content-type", "application/json", streams=True),
    ),
    a_lie("a stray line", *each("streaming.{}-lines"), reply=pieces(lambda p: [b"ok\n", *p])),
    a_lie(
        "data without its name",
        *each("streaming.{}-lines"),
        reply=pieces(lambda p: [p[0], p[1].removeprefix(b"data: "), *p[2:]]),
    ),
    a_lie("no blank lines", *each("streaming.{}-blank-lines"), reply=pieces(_unspaced)),
    a_lie(
        "no blank line at the end",
        *each("streaming.{}-ended"),
        reply=pieces(lambda p: [*p[:-1], p[-1].rstrip(b"\n") + b"\n"]),
    ),
    a_lie(
        "data that is no JSON",
        *each("streaming.{}-json"),
        reply=pieces(lambda p: [p[0], p[1].replace(b'"', b"'"), *p[2:]]),
    ),
    a_lie(
        "no [DONE]",
        *each("streaming.{}-done"),
        reply=pieces(lambda p: p[:-1]),
    ),
    a_lie("[DONE] twice", *each("streaming.{}-done-once"), reply=pieces(lambda p: [*p, p[-1]])),
    a_lie("data after [DONE]", *each("streaming.{}-done-last"), reply=pieces(lambda p: [*p, p[0]])),
    a_lie("all in one piece", *each("streaming.{}-pieces"), reply=pieces(lambda p: [b"".join(p)])),
    a_lie(
        "cut characters",
        *each("streaming.{}-utf8", "streaming.{}-characters"),
        "unicode.utf8",
        reply=pieces(_cut_characters),
    ),
    a_lie(
        "an error within the stream",
        *each("streaming.{}-answered"),
        reply=pieces(lambda p: [p[0], b'data: {"error": {"message": "no"}}\n\n', *p[1:]]),
    ),
    a_lie("a lost chunk", *each("streaming.{}-same-text"), reply=chunks(lambda d: d[:2] + d[3:])),
    a_lie(
        "a doubled chunk", *each("streaming.{}-same-text"), reply=chunks(lambda d: [*d[:3], *d[2:]])
    ),
    a_lie("chunks out of order", *each("streaming.{}-same-text"), reply=chunks(_swapped)),
    a_lie("a stream that shouts", *each("streaming.{}-same-text"), reply=stream(texts(str.upper))),
    a_lie(
        "streamed U+FFFD",
        *each("streaming.{}-characters"),
        "unicode.characters-streamed",
        reply=stream(texts(lambda t: f"{t}\ufffd")),
    ),
    a_lie("a silent stream", *each("streaming.{}-text"), reply=stream(texts(lambda _: ""))),
)
CHUNKS = (
    a_lie(
        "chunks of a bogus object",
        *each("streaming.{}-shape"),
        reply=stream(put("object", "bogus")),
    ),
    a_lie(
        "chunks with a text as index",
        "streaming.chat-shape",
        reply=stream(put("choices.*.index", str)),
    ),
    a_lie(
        "chunks without finish_reason",
        *each("streaming.{}-required"),
        reply=stream(
            lambda d: [c.pop("finish_reason") for c in d["choices"] if not c["finish_reason"]]
        ),
    ),
    a_lie("chunks without an id", *each("streaming.{}-id"), reply=stream(put("id", ""))),
    a_lie(
        "another id for each chunk",
        *each("streaming.{}-id-same"),
        "lifetime.many-apart",
        reply=chunks(_ids_change),
    ),
    a_lie("chunks of 1970", *each("streaming.{}-created"), reply=stream(put("created", 0))),
    a_lie("created that moves", *each("streaming.{}-created-same"), reply=chunks(_created_change)),
    a_lie(
        "chunks of another model", *each("streaming.{}-model"), reply=stream(put("model", "gpt"))
    ),
    a_lie("an index from nowhere", *each("streaming.{}-index"), reply=chunks(_some_index)),
    a_lie("no role", "streaming.chat-role", reply=stream(drop("choices.*.delta.role"))),
    a_lie(
        "a user's role", "streaming.chat-role", reply=stream(put("choices.*.delta.role", "user"))
    ),
    a_lie("text after the finish", *each("streaming.{}-finish-last"), reply=chunks(_after_finish)),
    a_lie("finish twice", *each("streaming.{}-finish"), reply=chunks(_finish_twice)),
    a_lie(
        "no finish",
        *each("streaming.{}-finish"),
        "sampling.n-streamed-finish",
        reply=stream(put("choices.*.finish_reason", None)),
    ),
    a_lie(
        "stop though it was cut, streamed",
        *each("streaming.{}-finish-length", "streaming.{}-same-finish"),
        reply=stream(put("choices.*.finish_reason", lambda old: old and "stop")),
    ),
    a_lie(
        "length though it was stopped, streamed",
        *each("streaming.{}-finish-stop", "sampling.{}-stop-across-streamed"),
        reply=stream(put("choices.*.finish_reason", lambda old: old and "length")),
    ),
    a_lie(
        "usage that nobody asked for",
        *each("streaming.{}-no-usage"),
        reply=chunks(_usage_everywhere),
    ),
    a_lie(
        "no usage, streamed",
        *each("streaming.{}-usage"),
        reply=chunks(lambda d: [one for one in d if one["choices"]]),
    ),
    a_lie("usage not last", *each("streaming.{}-usage-last"), reply=chunks(_usage_first)),
    a_lie(
        "usage in a chunk with a choice",
        *each("streaming.{}-usage-alone"),
        reply=chunks(
            lambda d: [*d[:-2], d[-2] | {"usage": d[-1]["usage"]}] if d[-1].get("usage") else d
        ),
    ),
    a_lie(
        "no usage null",
        *each("streaming.{}-usage-null"),
        reply=stream(lambda d: None if d.get("usage") else d.pop("usage", None)),
    ),
    a_lie(
        "streamed usage that does not add up",
        *each("streaming.{}-usage-sum"),
        reply=stream(put("usage.total_tokens", 9999)),
    ),
    a_lie(
        "a streamed prompt costs more",
        *each("streaming.{}-usage-prompt"),
        reply=stream(put("usage.prompt_tokens", lambda old: (old or 0) + 1)),
    ),
    a_lie(
        "a streamed answer costs less",
        *each("streaming.{}-usage-same"),
        reply=stream(put("usage.completion_tokens", lambda old: (old or 0) - 1)),
    ),
    a_lie(
        "more tokens than allowed, streamed",
        *each("streaming.{}-max-tokens"),
        reply=stream(put("usage.completion_tokens", 400)),
    ),
    a_lie(
        "a streamed text beyond its usage",
        *each("streaming.{}-usage-text"),
        reply=stream(texts(lambda text: f" a b c d{text}")),
    ),
    a_lie(
        "a streamed stop word",
        *each("streaming.{}-stop-left-out"),
        reply=when(having("stop"), stream(texts(lambda text: f"{text}e"))),
    ),
)
WHOLE = (
    a_lie("an answer as text", *each("{}.media-type"), reply=header("content-type", "text/plain")),
    a_lie("a bogus object", *each("{}.shape"), reply=whole(put("object", "bogus"))),
    a_lie("an index as text", *each("{}.shape"), reply=whole(put("choices.*.index", str))),
    a_lie("created as a float", *each("{}.shape"), reply=whole(put("created", float))),
    a_lie("no choices", *each("{}.shape", "{}.one-choice"), reply=whole(drop("choices"))),
    a_lie("no logprobs", *each("{}.required"), reply=whole(drop("choices.*.logprobs"))),
    a_lie("no refusal", "chat.required", reply=whole(drop("choices.*.message.refusal"))),
    a_lie("an empty id", *each("{}.id"), reply=whole(put("id", ""))),
    a_lie(
        "one id for all", *each("{}.id-unique"), "lifetime.many-ids", reply=whole(put("id", "id"))
    ),
    a_lie("an answer of 1970", *each("{}.created"), reply=whole(put("created", 0))),
    a_lie(
        "created in milliseconds",
        *each("{}.created"),
        reply=whole(put("created", lambda old: old * 1000)),
    ),
    a_lie(
        "another model", *each("{}.model"), "adapters.answered", reply=whole(put("model", "gpt"))
    ),
    a_lie(
        "a second choice",
        *each("{}.one-choice"),
        reply=whole(lambda d: d["choices"].append({**d["choices"][0], "index": 1})),
    ),
    a_lie(
        "no index 0",
        *each("{}.one-choice"),
        "completions.prompts",
        reply=whole(put("choices.*.index", 1)),
    ),
    a_lie(
        "no text",
        *each("{}.text"),
        "unicode.answered",
        "unicode.completions",
        "roles.parts",
        "roles.name",
        "roles.system",
        "roles.developer",
        "roles.turns",
        "roles.tool",
        "roles.two-parts",
        "images.data",
        "sampling.penalties",
        "chat.simplest",
        "lifetime.many",
        "lifetime.left",
        reply=whole(texts(lambda _: "")),
    ),
    a_lie(
        "U+FFFD",
        *each("{}.characters"),
        "unicode.characters",
        reply=whole(texts(lambda t: f"\ufffd{t}")),
    ),
    a_lie(
        "Latin-1",
        *each("{}.utf8"),
        reply=lambda asked, reply: (
            replace(
                reply, pieces=[b"".join(reply.pieces).replace(b'"index"', b'"\xe9": 1, "index"')]
            )
            if asked.target in TEXT and reply.status == OK and not reply.streamed
            else reply
        ),
    ),
    a_lie(
        "stop though it was cut",
        *each("{}.finish-length"),
        reply=whole(put("choices.*.finish_reason", "stop")),
    ),
    a_lie(
        "length though it was stopped",
        *each("{}.finish-stop", "sampling.{}-stop-across"),
        "sampling.stop-text",
        reply=whole(put("choices.*.finish_reason", "length")),
    ),
    a_lie(
        "a stop word in the text",
        *each("{}.stop-left-out"),
        "sampling.stop-earliest",
        reply=when(having("stop"), whole(texts(lambda text: f"{text}e"))),
    ),
    a_lie(
        "logprobs that nobody asked for",
        *each("{}.no-logprobs"),
        reply=whole(put("choices.*.logprobs", {"content": []})),
    ),
    a_lie("no usage", *each("{}.usage"), reply=whole(drop("usage"))),
    a_lie(
        "usage that does not add up",
        *each("{}.usage-sum"),
        reply=whole(put("usage.total_tokens", 1)),
    ),
    a_lie(
        "a prompt for free", *each("{}.usage-prompt"), reply=whole(put("usage.prompt_tokens", 0))
    ),
    a_lie(
        "more tokens than allowed",
        *each("{}.max-tokens"),
        "completions.one-token",
        reply=whole(put("usage.completion_tokens", 400)),
    ),
    a_lie(
        "500 words under a usage of 16",
        *each("{}.usage-text"),
        "sampling.n-usage-text",
        reply=whole(text_in),
    ),
    a_lie(
        "a prompt of another price each time",
        *each("{}.usage-same"),
        reply=whole(put("usage.prompt_tokens", lambda _: 10 + next(counter))),
    ),
    a_lie("a flat price", *each("{}.usage-grows"), reply=whole(put("usage.prompt_tokens", 9))),
    a_lie(
        "tokens beyond the stop word are paid",
        *each("{}.usage-stop"),
        reply=when(having("stop"), whole(put("usage.completion_tokens", 32))),
    ),
    a_lie("a user answers", "chat.role", reply=whole(put("choices.*.message.role", "user"))),
    a_lie(
        "a tool that nobody offered",
        "chat.no-tools",
        reply=whole(put("choices.*.message.tool_calls", [1])),
    ),
    a_lie(
        "more cached than asked",
        "chat.usage-cached",
        reply=whole(put("usage.prompt_tokens_details", {"cached_tokens": 9999})),
    ),
    a_lie(
        "500 for all text",
        *each("{}.answered"),
        reply=lambda asked, reply: refused(500)(asked, reply) if asked.target in TEXT else reply,
    ),
)
IGNORED = (
    a_lie("max_tokens is ignored", *each("{}.max-tokens"), ask=asking(drop("max_tokens"))),
    a_lie(
        "max_completion_tokens is ignored",
        "chat.max-completion-tokens",
        ask=asking(drop("max_completion_tokens")),
    ),
    a_lie(
        "max_tokens is required",
        "chat.simplest",
        reply=when(
            lambda a: (
                a.target == CHAT
                and a.method == "POST"
                and "max_tokens" not in words(a)
                and "max_completion_tokens" not in words(a)
            ),
            refused(),
        ),
    ),
    a_lie(
        "stop is ignored",
        *each("sampling.{}-stop-across", "{}.stop-left-out"),
        *each("streaming.{}-stop-left-out"),
        ask=asking(drop("stop")),
    ),
    a_lie(
        "a stop that is a text is ignored",
        "sampling.stop-text",
        ask=asking(lambda b: b.pop("stop") if isinstance(b.get("stop"), str) else None),
    ),
    a_lie(
        "a stop in a stream is ignored",
        *each("sampling.{}-stop-across-streamed"),
        ask=asking(lambda b: b.pop("stop", None) if b.get("stream") else None),
    ),
    a_lie(
        "stop is ignored with ignore_eos",
        "sampling.stop-ignore-eos",
        ask=asking(lambda b: b.pop("stop", None) if "ignore_eos" in b else None),
    ),
    a_lie(
        "temperature is ignored",
        *each("sampling.{}-temperature-zero"),
        ask=asking(lambda b: (b.pop("temperature", None), b.pop("seed", None))),
    ),
    a_lie("temperature is always 0", "sampling.temperature", ask=asking(put("temperature", 0))),
    a_lie("seed is ignored", "sampling.seed", ask=asking(drop("seed"))),
    a_lie("top_p is ignored", "sampling.top-p", ask=asking(drop("top_p"))),
    a_lie(
        "penalties are ignored", "sampling.penalties-effect", ask=asking(drop("presence_penalty"))
    ),
    a_lie(
        "penalties are refused",
        "sampling.penalties",
        reply=when(lambda a: a.body.get("top_p") == 0.9, refused()),
    ),
    a_lie("min_tokens is ignored", "sampling.min-tokens", ask=asking(drop("min_tokens"))),
    a_lie("n is ignored", "sampling.n", "sampling.n-streamed", ask=asking(drop("n"))),
    a_lie(
        "the prompt is paid n times",
        "sampling.n-usage",
        reply=when(having("n"), whole(put("usage.prompt_tokens", lambda old: old * 2))),
    ),
    a_lie(
        "one choice of n is paid",
        "sampling.n-usage-text",
        reply=when(having("n"), whole(put("usage.completion_tokens", lambda old: old // 2))),
    ),
    a_lie(
        "a refusal beside the text",
        "chat.no-refusal",
        reply=whole(put("choices.*.message.refusal", "no")),
    ),
    a_lie(
        "a stream though none was asked for",
        "chat.stream-false",
        ask=asking(lambda b: b.update(stream=True) if b.get("stream") is False else None),
    ),
    a_lie(
        "null is no number",
        "chat.nulls",
        reply=when(lambda a: '"top_p": null' in words(a), refused()),
    ),
    a_lie(
        "streamed logprobs that nobody asked for",
        *each("streaming.{}-no-logprobs"),
        reply=stream(put("choices.*.logprobs", {"content": []})),
    ),
    a_lie(
        "each answer on a connection of its own",
        "lifetime.kept",
        reply=header("connection", "close"),
    ),
    a_lie(
        "errors as pages",
        "errors.content-type",
        reply=lambda _asked, reply: (
            replace(reply, headers=reply.headers | {"content-type": "text/html"})
            if reply.status >= 400
            else reply
        ),
    ),
    a_lie(
        "one choice n times",
        "sampling.n-different",
        reply=whole(lambda d: [one.update(d["choices"][0]) for one in d["choices"]]),
    ),
    a_lie(
        "any stop word cuts",
        *each("sampling.{}-stop-unused"),
        reply=when(having("stop"), whole(texts(lambda text: text[: len(text) // 2]))),
    ),
    a_lie(
        "16 tokens for a word",
        *each("{}.usage-text"),
        reply=whole(texts(lambda text: text.split()[0][:5] if text else "")),
    ),
    a_lie(
        "16 streamed tokens for nothing",
        *each("streaming.{}-usage-text"),
        reply=stream(texts(lambda _: "")),
    ),
    a_lie(
        "one id for all streams",
        *each("streaming.{}-id-unique"),
        reply=stream(put("id", "id")),
    ),
    a_lie("logit_bias is ignored", "sampling.logit-bias", ask=asking(drop("logit_bias"))),
    a_lie("best_of is ignored", "completions.best-of", ask=asking(drop("best_of"))),
    a_lie("echo is ignored", "completions.echo", ask=asking(drop("echo"))),
    a_lie("suffix is ignored", "completions.suffix", ask=asking(drop("suffix"))),
    a_lie(
        "the first prompt only",
        "completions.prompts",
        ask=asking(lambda b: b.update(prompt=b["prompt"][0]) if _texts(b.get("prompt")) else None),
    ),
    a_lie(
        "one prompt of two is paid",
        "completions.prompts-usage",
        reply=when(
            lambda a: _texts(a.body.get("prompt")),
            whole(put("usage.prompt_tokens", lambda old: old - 3)),
        ),
    ),
    a_lie(
        "prompts in another order",
        "completions.prompts-order",
        ask=asking(
            lambda b: b.update(prompt=b["prompt"][::-1]) if _texts(b.get("prompt")) else None
        ),
    ),
    a_lie(
        "token ids are refused",
        "completions.token-ids",
        reply=when(
            lambda a: a.target == COMPLETIONS and isinstance(a.body.get("prompt"), list), refused()
        ),
    ),
    a_lie(
        "token ids as text",
        "completions.token-ids",
        ask=asking(
            lambda b: (
                b.update(prompt=f"the ids {b['prompt']}")
                if isinstance(b.get("prompt"), list) and isinstance(b["prompt"][0], int)
                else None
            )
        ),
    ),
    a_lie(
        "lists of token ids are one prompt",
        "completions.token-id-lists",
        ask=asking(
            lambda b: b.update(prompt=[*chain(*b["prompt"])]) if _lists(b.get("prompt")) else None
        ),
    ),
    a_lie(
        "logprobs are ignored",
        "sampling.logprobs",
        "sampling.logprobs-streamed",
        "sampling.completions-logprobs",
        ask=asking(lambda b: (b.pop("logprobs", None), b.pop("top_logprobs", None))),
    ),
    a_lie(
        "positive logprobs",
        "sampling.logprobs-range",
        reply=whole(put("choices.*.logprobs.content.*.logprob", 0.5)),
    ),
    a_lie(
        "logprobs of other tokens",
        "sampling.logprobs-text",
        reply=whole(put("choices.*.logprobs.content.*.bytes", [65])),
    ),
    a_lie(
        "bytes of half a character are those of an unreadable one",
        "unicode.logprobs",
        reply=whole(shared_character([239, 191, 189], [239, 191, 189])),
    ),
    a_lie(
        "a logprob too few",
        "sampling.logprobs",
        reply=whole(put("choices.*.logprobs.content", lambda old: old[:-2] if old else old)),
    ),
    a_lie(
        "one alternative too few",
        "sampling.top-logprobs",
        reply=whole(put("choices.*.logprobs.content.*.top_logprobs", lambda old: old[:-1])),
    ),
    a_lie(
        "alternatives in another order",
        "sampling.top-logprobs-order",
        reply=whole(put("choices.*.logprobs.content.*.top_logprobs", lambda old: old[::-1])),
    ),
    a_lie(
        "offsets are missing",
        "sampling.completions-logprobs",
        reply=whole(drop("choices.*.logprobs.text_offset")),
    ),
    a_lie(
        "no streamed logprobs",
        "sampling.logprobs-streamed",
        reply=stream(put("choices.*.logprobs", None)),
    ),
)


def _texts(prompt: object) -> bool:
    return isinstance(prompt, list) and isinstance(prompt[0], str)


def _lists(prompt: object) -> bool:
    return isinstance(prompt, list) and isinstance(prompt[0], list)
