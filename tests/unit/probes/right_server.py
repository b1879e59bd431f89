"""A small OpenAI server that is right in everything that is asked, and answers the same each time.

`RightServer.reply` is a pure function of a request, but for counters; `on_port` serves it.
A token is some bytes: most are a word, and a character beyond ASCII lies in two of them, so that
what holds it back until it is whole is tested too.
"""

from __future__ import annotations

import base64
import json
import random
import re
import struct
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import TYPE_CHECKING, Any, ClassVar

from dynamo_conformance.mock_engine.chosen_answers import JSON_TEXT, LONG, PLAIN, UNICODE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MODEL = "org/model"
ADAPTER = "org/adapter"
RELEASE = "9.9.9"
CONTEXT = 30_000
NATURAL = 40
WORDS = [
    " the", " river", " flows", " west", " near", " old", " stones", " and", " ends", " where",
    " salt", " meets", " sweet", " water", " under", " grey", " skies", " of", " late", " spring",
    " na\u00efve", " \u6f22\u5b57", " \U0001f980",
]  # fmt: skip
CHOSEN = {
    "plain": PLAIN,
    "unicode": UNICODE,
    "json": JSON_TEXT,
    "long": LONG,
    "long-text": LONG,
}
WORKERS = {70: "prefill", 71: "prefill", 80: "backend"}
Body = dict[str, Any]


@dataclass
class Reply:
    """What is sent back: the pieces are sent one after the other."""

    status: int
    headers: dict[str, str]
    pieces: list[bytes]

    @property
    def streamed(self) -> bool:
        return self.headers["content-type"].startswith("text/event-stream")


class RefusedError(Exception):
    def __init__(
        self, status: int, message: str, *, param: str | None = None, code: str | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.error = {
            "message": message, "type": "invalid_request_error", "param": param, "code": code,
        }  # fmt: skip


def as_json(body: object, status: int = 200) -> Reply:
    raw = json.dumps(body, ensure_ascii=False).encode()
    return Reply(status, {"content-type": "application/json"}, [raw])


def events(documents: list[Any], *, named: bool = False, done: bool = True) -> Reply:
    pieces = []
    for one in documents:
        name = f"event: {one['type']}\n" if named else ""
        pieces.append(f"{name}data: {json.dumps(one, ensure_ascii=False)}\n\n".encode())
    if done:
        pieces.append(b"data: [DONE]\n\n")
    return Reply(200, {"content-type": "text/event-stream"}, pieces)


def tokens_of(text: str) -> list[bytes]:
    """Return the tokens of a text: words, those beyond ASCII in pieces of three bytes."""
    found: list[bytes] = []
    for word in re.findall(r"\s*\S+|\s+$", text):
        raw = word.encode()
        found += [raw] if word.isascii() else [raw[at : at + 3] for at in range(0, len(raw), 3)]
    return found


@dataclass
class Drawn:
    """The answer to one prompt: its tokens, why it ended, and what stands beside the text."""

    tokens: list[bytes]
    finish: str
    text: str
    calls: list[Body] = field(default_factory=list)
    thoughts: str = ""

    def deltas(self) -> list[tuple[str, int]]:
        """Return the text in pieces, and up to which token each goes; no character is cut."""
        pieces: list[tuple[str, int]] = []
        held, sent = b"", 0
        for place, token in enumerate(self.tokens):
            held += token
            try:
                piece = held.decode()
            except UnicodeDecodeError:
                continue
            piece = piece[: max(len(self.text) - sent, 0)]
            sent += len(piece)
            pieces.append((piece, place + 1))
            held = b""
        if held:  # The answer was cut within a character.
            pieces.append((held.decode(errors="ignore"), len(self.tokens)))
        return pieces


class RightServer:
    """Answers requests."""

    def __init__(self) -> None:
        self.drawn = count()
        self.named = count(1)
        self.requests = 0
        self.prefixes: dict[str, int] = {}
        self.stored: dict[str, Body] = {}
        self.lock = threading.Lock()

    def reply(self, method: str, target: str, headers: dict[str, str], raw: bytes) -> Reply:
        given = headers.get("x-request-id")
        try:
            answer = self._routed(method, target, headers, raw)
        except RefusedError as refused:
            answer = as_json({"error": refused.error}, refused.status)
        answer.headers["x-request-id"] = given or f"req-{next(self.named)}"
        answer.headers["access-control-allow-origin"] = "*"
        return answer

    POSTED: ClassVar[dict[str, str]] = {
        "/v1/chat/completions": "chat",
        "/v1/completions": "completions",
        "/v1/embeddings": "embeddings",
        "/v1/responses": "responses",
        "/v1/messages": "messages",
    }

    def _routed(self, method: str, target: str, headers: dict[str, str], raw: bytes) -> Reply:
        if target in self.POSTED:
            if method == "OPTIONS":
                return Reply(204, {"content-type": "text/plain"}, [])
            if method != "POST":
                raise RefusedError(405, "use POST")
            if headers.get("content-type") != "application/json":
                raise RefusedError(415, "send application/json")
            answer: Reply = getattr(self, f"_{self.POSTED[target]}")(_read(raw))
            with self.lock:
                self.requests += 1
            return answer
        if target == "/v1/models":
            return as_json({"object": "list", "data": [_model(MODEL), _model(ADAPTER)]})
        if target.startswith("/v1/models/"):
            name = target.removeprefix("/v1/models/")
            _known(name)
            return as_json(_model(name))
        if (found := self.stored.get(target.removeprefix("/v1/responses/"))) is not None:
            return as_json(found)
        return self._operations(target)

    def _operations(self, target: str) -> Reply:
        if target == "/health":
            instances = [
                {"component": component, "endpoint": "generate", "instance_id": worker}
                for worker, component in WORKERS.items()
            ]
            return as_json({"status": "healthy", "instances": instances})
        if target == "/live":
            return as_json({"status": "live"})
        if target == "/openapi.json":
            return as_json({"info": {"title": "Dynamo of the tests", "version": RELEASE}})
        if target == "/metrics":
            text = (
                "# TYPE dynamo_frontend_requests_total counter\n"
                f'dynamo_frontend_requests_total{{model="{MODEL}"}} {self.requests}\n'
                f'dynamo_frontend_active_requests{{model="{MODEL}"}} 0\n'
                'dynamo_component_uptime_seconds{worker_id="f1"} 1.5\n'
            )
            return Reply(200, {"content-type": "text/plain; version=0.0.4"}, [text.encode()])
        raise RefusedError(404, f"there is no {target}")

    # Text.

    def _chat(self, body: Body) -> Reply:
        _check_chat(body)
        prompt, cost = _read_messages(body["messages"])
        head = self._head(body, "chatcmpl", "chat.completion")
        drawn = [self._draw(body, prompt, choice) for choice in range(body.get("n") or 1)]
        usage = _usage(cost, drawn)
        extra = self._route(body, prompt)
        if body.get("stream"):
            return events(_chat_chunks(body, head, drawn, usage))
        choices = [
            {
                "index": index,
                "message": _message(one),
                "finish_reason": one.finish,
                "logprobs": _logprobs(body, one.tokens) if body.get("logprobs") else None,
            }
            for index, one in enumerate(drawn)
        ]
        return as_json({**head, "choices": choices, "usage": usage, **extra})

    def _completions(self, body: Body) -> Reply:
        _check_completion(body)
        prompts = _prompts(body["prompt"])
        head = self._head(body, "cmpl", "text_completion")
        times, best = body.get("n") or 1, body.get("best_of") or 1
        drawn = [self._draw(body, text, turn) for text, _ in prompts for turn in range(times)]
        cost = sum(tokens for _, tokens in prompts) + len(tokens_of(body.get("suffix") or ""))
        unseen = [self._draw(body, text, times) for text, _ in prompts for _ in range(best - times)]
        usage = _usage(cost, [*drawn, *unseen])
        if body.get("stream"):
            return events(_completion_chunks(body, head, drawn, usage))
        choices = [
            {
                "index": index,
                "text": (prompts[index // times][0] if body.get("echo") else "") + one.text,
                "finish_reason": one.finish,
                "logprobs": _old_logprobs(body, one.tokens) if body.get("logprobs") else None,
            }
            for index, one in enumerate(drawn)
        ]
        extra = self._route(body, prompts[0][0])
        return as_json({**head, "choices": choices, "usage": usage, **extra})

    def _head(self, body: Body, prefix: str, kind: str) -> Body:
        kind += ".chunk" if body.get("stream") and prefix == "chatcmpl" else ""
        name = f"{prefix}-{next(self.named)}"
        return {"id": name, "object": kind, "created": int(time.time()), "model": body["model"]}

    def _draw(self, body: Body, prompt: str, choice: int) -> Drawn:
        if calls := _calls(body, prompt):
            return Drawn([b"<call>"] * 5, "tool_calls", "", calls)
        temperature = body.get("temperature", 1)
        fixed = temperature == 0 or (body.get("top_p") or 1) < 0.01
        seed = body.get("seed")
        key = f"{prompt}|{choice}" if fixed else f"{prompt}|{choice}|{seed}|{temperature}"
        if not fixed and seed is None:
            key += str(next(self.drawn))
        key += str(body.get("logit_bias") or "")
        key += ADAPTER if body.get("model") == ADAPTER else ""
        draw = random.Random(key)  # noqa: S311 - no secret
        wanted = body.get("max_tokens") or body.get("max_completion_tokens") or NATURAL
        drawn_text = "".join(draw.choices(WORDS, k=NATURAL))
        tokens = _chosen(body) or _said(body, prompt) or tokens_of(drawn_text)
        finish = "length" if len(tokens) > wanted else "stop"
        drawn = Drawn(tokens[:wanted], finish, "")
        drawn.text = b"".join(drawn.tokens).decode(errors="ignore")
        _stop(body, drawn)
        if "prime number" in prompt:
            drawn.thoughts = "Seven times thirteen is ninety-one."
        return drawn

    def _route(self, body: Body, prompt: str) -> Body:
        if not body.get("nvext"):
            return {}
        with self.lock:
            is_known = prompt[:60] in self.prefixes
            worker = self.prefixes.setdefault(prompt[:60], len(self.prefixes) % 2)
        workers = {"prefill_worker_id": 70 + worker, "decode_worker_id": 80}
        timing = {"total_time_ms": 1.0, "kv_hit_rate": 0.9 if is_known else 0.0}
        return {"nvext": {"worker_id": workers, "timing": timing}}

    # Other APIs.

    def _embeddings(self, body: Body) -> Reply:
        _known(body.get("model"))
        given = body.get("input")
        if not given:
            raise RefusedError(400, "no input", param="input")
        texts = [text for text, _ in _prompts(given)]
        size = body.get("dimensions") or 16
        vectors = [_vector(text, size) for text in texts]
        if body.get("encoding_format") == "base64":
            packed = [struct.pack(f"<{size}f", *one) for one in vectors]
            shown: list[Any] = [base64.b64encode(one).decode() for one in packed]
        else:
            shown = vectors
        cost = sum(len(tokens_of(text)) for text in texts)
        data = [
            {"object": "embedding", "index": index, "embedding": one}
            for index, one in enumerate(shown)
        ]
        usage = {"prompt_tokens": cost, "total_tokens": cost}
        return as_json({"object": "list", "model": body["model"], "data": data, "usage": usage})

    def _responses(self, body: Body) -> Reply:
        _known(body.get("model"))
        limits = {"max_tokens": body["max_output_tokens"]}
        drawn = self._draw(limits, body["input"], 0)
        whole = self._response(body, drawn, f"resp_{next(self.named)}")
        earlier = self.stored.get(body.get("previous_response_id") or "")
        if earlier:
            for kind in ("input_tokens", "total_tokens"):
                whole["usage"][kind] += earlier["usage"]["total_tokens"]
        if body.get("store"):
            self.stored[whole["id"]] = whole
        if not body.get("stream"):
            return as_json(whole)
        begun = {**whole, "status": "in_progress", "output": [], "incomplete_details": None}
        item = whole["output"][0]
        at = {"item_id": item["id"], "output_index": 0, "content_index": 0}
        told: list[Body] = [
            {"type": "response.created", "response": begun},
            *(
                {"type": "response.output_text.delta", "delta": piece, "logprobs": [], **at}
                for piece, _ in drawn.deltas()
            ),
            {"type": f"response.{whole['status']}", "response": whole},
        ]
        numbered = [{**one, "sequence_number": number} for number, one in enumerate(told)]
        return events(numbered, named=True, done=False)

    def _response(self, body: Body, drawn: Drawn, name: str) -> Body:
        cut = drawn.finish == "length"
        text = {"type": "output_text", "text": drawn.text, "annotations": [], "logprobs": []}
        item = {
            "id": "msg_1", "type": "message", "role": "assistant", "status": "completed",
            "content": [text],
        }  # fmt: skip
        read, written = len(tokens_of(body["input"])), len(drawn.tokens)
        usage = {
            "input_tokens": read,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": written,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": read + written,
        }
        return {
            "id": name, "object": "response", "created_at": int(time.time()),
            "status": "incomplete" if cut else "completed", "model": body["model"],
            "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
            "output": [item], "parallel_tool_calls": True, "tool_choice": "auto", "tools": [],
            "usage": usage, "error": None, "instructions": None, "metadata": {},
            "temperature": 1.0, "top_p": 1.0,
        }  # fmt: skip

    def _messages(self, body: Body) -> Reply:
        _known(body.get("model"))
        prompt, cost = _read_messages(body["messages"])
        drawn = self._draw({"max_tokens": body["max_tokens"]}, prompt, 0)
        reason = "max_tokens" if drawn.finish == "length" else "end_turn"
        usage = {"input_tokens": cost, "output_tokens": len(drawn.tokens)}
        whole = {
            "id": f"msg_{next(self.named)}", "type": "message", "role": "assistant",
            "model": body["model"], "content": [{"type": "text", "text": drawn.text}],
            "stop_reason": reason, "usage": usage,
        }  # fmt: skip
        if not body.get("stream"):
            return as_json(whole)
        told = [
            {"type": "message_start", "message": {**whole, "content": [], "stop_reason": None}},
            {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": usage},
            {"type": "message_stop"},
        ]
        return events(told, named=True, done=False)


def _read(raw: bytes) -> Body:
    try:
        body = json.loads(raw.decode())
        json.dumps(body, ensure_ascii=False).encode()  # Half a surrogate pair is no text.
    except ValueError as error:
        raise RefusedError(400, f"no JSON: {error}") from error
    if not isinstance(body, dict):
        raise RefusedError(400, "no JSON object")
    return body


def _model(name: str) -> Body:
    parent = {"parent": MODEL} if name == ADAPTER else {}
    return {"id": name, "object": "model", "created": 1_700_000_000, "owned_by": "tests", **parent}


def _known(name: object) -> None:
    if name is None:
        raise RefusedError(400, "which model?", param="model")
    if name not in (MODEL, ADAPTER):
        raise RefusedError(404, f"there is no {name}", param="model", code="model_not_found")


RANGES: dict[str, tuple[float, float]] = {
    "temperature": (0, 2),
    "top_p": (0, 1),
    "max_tokens": (1, 1e9),
    "n": (1, 128),
    "frequency_penalty": (-2, 2),
    "presence_penalty": (-2, 2),
    "top_logprobs": (0, 20),
}


def _check(body: Body) -> None:
    _known(body.get("model"))
    for name, (least, most) in RANGES.items():
        value = body.get(name)
        if value is not None and not (isinstance(value, int | float) and least <= value <= most):
            raise RefusedError(400, f"{name} is {value}", param=name)
    wrong = {
        "logit_bias": any(abs(one) > 100 for one in (body.get("logit_bias") or {}).values()),
        "stop": isinstance(body.get("stop"), list) and len(body["stop"]) > 4,
        "stream": not isinstance(body.get("stream") or False, bool),
        "stream_options": "stream_options" in body and not body.get("stream"),
    }
    for name, is_wrong in wrong.items():
        if is_wrong:
            raise RefusedError(400, f"{name} is wrong", param=name)


def _check_chat(body: Body) -> None:
    _check(body)
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise RefusedError(400, "no messages", param="messages")
    for place, one in enumerate(messages):
        if one["role"] not in ("system", "developer", "user", "assistant", "tool"):
            raise RefusedError(400, "unknown role", param=f"messages[{place}].role")
    if "top_logprobs" in body and not body.get("logprobs"):
        raise RefusedError(400, "top_logprobs needs logprobs", param="top_logprobs")
    kind = (body.get("response_format") or {"type": "text"})["type"]
    if kind not in ("text", "json_object", "json_schema"):
        raise RefusedError(400, "unknown format", param="response_format")
    if body.get("tool_choice") == "required" and not body.get("tools"):
        raise RefusedError(400, "no tools", param="tool_choice")


def _check_completion(body: Body) -> None:
    _check(body)
    if "prompt" not in body:
        raise RefusedError(400, "no prompt", param="prompt")
    if (body.get("best_of") or 128) < (body.get("n") or 1):
        raise RefusedError(400, "best_of is less than n", param="best_of")
    if (body.get("logprobs") or 0) > 5:
        raise RefusedError(400, "logprobs over 5", param="logprobs")


def _read_messages(messages: list[Body]) -> tuple[str, int]:
    """Return the prompt, and how many tokens it costs."""
    texts, cost = [], 0
    for one in messages:
        content = one.get("content") or ""
        parts: list[Body] = [{"type": "text", "text": content}]
        if isinstance(content, list):
            parts = content
        for part in parts:
            if part["type"] == "image_url":
                data = part["image_url"]["url"].partition(",")[2]
                if not base64.b64decode(data).startswith(b"\x89PNG"):
                    raise RefusedError(400, "no image", param="messages")
                cost += 64
                texts.append("<image>")
            else:
                texts.append(part["text"])
        cost += 3 + len(json.dumps(one.get("tool_calls") or "")) // 8
    prompt = "\n".join(texts)
    cost += len(tokens_of(prompt))
    if cost > CONTEXT:
        raise RefusedError(400, "too long", param="messages", code="context_length_exceeded")
    return prompt, cost


def _prompts(given: object) -> list[tuple[str, int]]:
    """Return the prompts as texts, and how many tokens each costs."""
    if isinstance(given, str):
        return [(given, len(tokens_of(given)))]
    assert isinstance(given, list)
    if given and isinstance(given[0], int):
        return [(f"<{given}>", len(given))]
    return [_prompts(one)[0] for one in given]


def _chosen(body: Body) -> list[bytes]:
    """Return what a request says that it wants to be answered."""
    for annotation in (body.get("nvext") or {}).get("annotations", []):
        if (text := CHOSEN.get(annotation.removeprefix("output_replay_id:"))) is not None:
            return tokens_of(text)
    return []


def _said(body: Body, prompt: str) -> list[bytes]:
    """Return what is said to prompts that have one answer; nothing for others."""
    for annotation in (body.get("nvext") or {}).get("annotations", []):
        if (text := CHOSEN.get(annotation.removeprefix("output_replay_id:"))) is not None:
            return tokens_of(text)
    kind = (body.get("response_format") or {"type": "text"})["type"]
    if kind == "json_object":
        return tokens_of('{"answer": "Elbe"}')
    if kind == "json_schema":
        return tokens_of('{"river": "Elbe", "dry": false}')
    if "<image>" in prompt:
        return tokens_of("red")
    if "Repeat the word" in prompt:
        other = body.get("presence_penalty")
        return tokens_of(" sea lake pond" if other else " sea sea sea")
    if "Repeat this" in prompt:
        return tokens_of(prompt.partition("else: ")[2] or "nothing")
    if "Count from 1 to 2000" in prompt:
        return tokens_of("".join(f" {number}" for number in range(2000)))
    return []


def _stop(body: Body, drawn: Drawn) -> None:
    """End an answer before the first stop word in it."""
    given = body.get("stop") or []
    least = body.get("min_tokens") or 0
    floor = len(b"".join(drawn.tokens[:least]).decode(errors="ignore"))
    stops = [given] if isinstance(given, str) else given
    places = [at for one in stops if (at := drawn.text.find(one, floor)) >= 0]
    if not places:
        return
    drawn.text = drawn.text[: min(places)]
    drawn.finish = "stop"
    needed = len(drawn.text.encode()) + 1
    while drawn.tokens and len(b"".join(drawn.tokens[:-1])) >= needed:
        drawn.tokens.pop()


def _calls(body: Body, prompt: str) -> list[Body]:
    choice = body.get("tool_choice", "auto" if body.get("tools") else "none")
    if choice == "none":
        return []
    name = choice["function"]["name"] if isinstance(choice, dict) else "get_weather"
    cities = [one for one in ("Paris", "Rome") if one in prompt]
    if isinstance(choice, dict) or body.get("parallel_tool_calls") is False:
        cities = cities[:1]
    return [
        {
            "id": f"call_{place}_{abs(hash(prompt)) % 1000}",
            "type": "function",
            "function": {"name": name, "arguments": json.dumps({"city": city})},
        }
        for place, city in enumerate(cities)
    ]


def _usage(cost: int, drawn: list[Drawn]) -> Body:
    written = sum(len(one.tokens) for one in drawn)
    return {
        "prompt_tokens": cost, "completion_tokens": written, "total_tokens": cost + written,
        "prompt_tokens_details": {"cached_tokens": 0},
    }  # fmt: skip


def _message(drawn: Drawn) -> Body:
    message: Body = {"role": "assistant", "content": drawn.text, "refusal": None}
    if drawn.calls:
        message |= {"content": None, "tool_calls": drawn.calls}
    if drawn.thoughts:
        message["reasoning_content"] = drawn.thoughts
    return message


def _entry(token: bytes) -> Body:
    shown = token.decode(errors="replace")
    return {"token": shown, "bytes": list(token), "logprob": -0.1}


def _logprobs(body: Body, tokens: list[bytes]) -> Body:
    top = body.get("top_logprobs") or 0
    return {
        "content": [
            {
                **_entry(token),
                "top_logprobs": [
                    {**_entry(token), "logprob": -0.1 - place} for place in range(top)
                ],
            }
            for token in tokens
        ],
        "refusal": None,
    }


def _old_logprobs(body: Body, tokens: list[bytes]) -> Body:
    texts = [one.decode(errors="replace") for one in tokens]
    return {
        "tokens": texts,
        "token_logprobs": [-0.1] * len(texts),
        "top_logprobs": [{one: -0.1} for one in texts],
        "text_offset": list(range(len(texts))),
    }


def _chat_chunks(body: Body, head: Body, drawn: list[Drawn], usage: Body) -> list[Body]:
    found: list[Body] = []
    asked = bool((body.get("stream_options") or {}).get("include_usage"))
    empty = {"usage": None} if asked else {}

    def add(index: int, delta: Body, finish: str | None = None, logprobs: object = None) -> None:
        choice = {"index": index, "delta": delta, "finish_reason": finish, "logprobs": logprobs}
        found.append({**head, "choices": [choice], **empty})

    for index, one in enumerate(drawn):
        add(index, {"role": "assistant", "content": ""})
        if one.thoughts:
            add(index, {"reasoning_content": one.thoughts})
        for place, call in enumerate(one.calls):
            shown = {**call, "index": place}
            arguments = call["function"]["arguments"]
            shown["function"] = {"name": call["function"]["name"], "arguments": arguments[:4]}
            add(index, {"tool_calls": [shown]})
            rest = {"index": place, "function": {"arguments": arguments[4:]}}
            add(index, {"tool_calls": [rest]})
        sent = 0
        for piece, upto in [] if one.calls else one.deltas():
            listed = _logprobs(body, one.tokens[sent:upto]) if body.get("logprobs") else None
            add(index, {"content": piece}, logprobs=listed)
            sent = upto
        add(index, {}, one.finish)
    if asked:
        found.append({**head, "choices": [], "usage": usage})
    return found


def _completion_chunks(body: Body, head: Body, drawn: list[Drawn], usage: Body) -> list[Body]:
    asked = bool((body.get("stream_options") or {}).get("include_usage"))
    empty = {"usage": None} if asked else {}
    found: list[Body] = []
    for index, one in enumerate(drawn):
        for piece, finish in [*((piece, None) for piece, _ in one.deltas()), ("", one.finish)]:
            choice = {"index": index, "text": piece, "finish_reason": finish, "logprobs": None}
            found.append({**head, "choices": [choice], **empty})
    if asked:
        found.append({**head, "choices": [], "usage": usage})
    return found


def _vector(text: str, size: int) -> list[float]:
    draw = random.Random(text)  # noqa: S311 - no secret
    return [round(draw.gauss(0, 1), 4) for _ in range(size)]


def _handler(
    answer: Callable[[str, str, dict[str, str], bytes], Reply],
) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_any(self) -> None:
            raw = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            reply = answer(self.command, self.path, headers, raw)
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            if reply.streamed:
                self.send_header("transfer-encoding", "chunked")
            else:
                self.send_header("content-length", str(sum(map(len, reply.pieces))))
            self.end_headers()
            try:
                self._send(reply)
            except ConnectionError:
                self.close_connection = True

        def _send(self, reply: Reply) -> None:
            if not reply.streamed:
                self.wfile.write(b"".join(reply.pieces))
                return
            sent = [b"%x\r\n%s\r\n" % (len(one), one) for one in reply.pieces if one]
            self.wfile.write(b"".join(sent) + b"0\r\n\r\n")

        do_GET = do_POST = do_OPTIONS = do_any  # noqa: N815 - http.server's names

        def log_message(self, *_args: object) -> None:
            pass

    return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401
        if not isinstance(sys.exception(), ConnectionError):  # The client may leave.
            super().handle_error(request, client_address)


@contextmanager
def on_port(answer: Callable[[str, str, dict[str, str], bytes], Reply]) -> Iterator[str]:
    """Serve a function of requests, and yield its address."""
    server = _Server(("127.0.0.1", 0), _handler(answer))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
