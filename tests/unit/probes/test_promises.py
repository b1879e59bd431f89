"""Probes of what only some graphs promise: roles, embeddings, images, parsers and the like."""

from __future__ import annotations

import base64
import json
import struct
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.engines.features import GraphFeature
from dynamo_conformance.engines.role import Role
from dynamo_conformance.engines.serving import Serving
from dynamo_conformance.probes.feature_claims import CLAIMS
from dynamo_conformance.probes.graph_probe import (
    Endpoint,
    ProbeFailure,
    Unsupported,
    load_graph_probes,
)
from dynamo_conformance.probes.images import red_picture
from dynamo_conformance.targets.interface import Worker

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.engines.flag import Json

MODEL = "org/model"
PROBES = {probe.id: probe for probe in load_graph_probes()}
MOCK: dict[str, Json] = {"engine": "vllm", "version": "0" * 64, "unread": []}
SERVING = Serving(
    model=MODEL,
    source=MODEL,
    roles={Role.AGG: 1},
    router_mode="round-robin",
    kv_events=False,
    registers={"backend": (1, 1)},
)
CALL: dict[str, Json] = {
    "tool_calls": [
        {"id": "1", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}
    ]
}


def unit(*numbers: float) -> list[float]:
    return list(numbers)


@dataclass(slots=True)
class Answers:
    """What the stub says; each field is one thing that can be wrong."""

    mock: dict[str, Json] | None = None
    components: list[str] = field(default_factory=lambda: ["backend"])
    vectors: list[list[float]] = field(
        default_factory=lambda: [unit(1.0, 0.0), unit(0.0, 1.0), unit(1.0, 0.0)]
    )
    packs: bool = True
    message: dict[str, Json] = field(default_factory=lambda: {"content": "Red."})
    encodes: bool = True
    metrics: str = ""
    encoded: int = 0


def embeddings(answers: Answers, *, packed: bool) -> dict[str, Json]:
    def written(vector: list[float]) -> Json:
        if not (packed and answers.packs):
            return [*vector]
        return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()

    data: Json = [
        {"object": "embedding", "index": index, "embedding": written(vector)}
        for index, vector in enumerate(answers.vectors)
    ]
    usage: Json = {"prompt_tokens": 3, "total_tokens": 3}
    return {"object": "list", "model": MODEL, "data": data, "usage": usage}


def completion(answers: Answers) -> dict[str, Json]:
    choice: Json = {
        "index": 0,
        "finish_reason": "stop",
        "text": "",
        "message": {"role": "assistant", "content": None, **answers.message},
    }
    usage: Json = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    return {"id": "1", "model": MODEL, "choices": [choice], "usage": usage}


def handler(answers: Answers) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/health":
                both = [(name, end) for name in answers.components for end in ("generate", "other")]
                found: Json = [{"component": name, "endpoint": end} for name, end in both]
                self.reply(200, {"instances": found})
                return
            labels = 'dynamo_component="encode",dynamo_endpoint="generate"'
            counted = f"dynamo_component_requests_total{{{labels}}} {answers.encoded}\n"
            self.text(200, counted + answers.metrics)

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            if self.path.endswith("/engine/mock"):
                self.reply(404 if answers.mock is None else 200, answers.mock or {})
            elif self.path == "/v1/embeddings":
                self.reply(200, embeddings(answers, packed=body["encoding_format"] == "base64"))
            else:
                answers.encoded += answers.encodes and "image_url" in json.dumps(body)
                self.reply(200, completion(answers))

        def reply(self, code: int, body: dict[str, Json]) -> None:
            self.text(code, json.dumps(body), "application/json")

        def text(self, code: int, text: str, kind: str = "text/plain") -> None:
            self.send_response(code)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            del format, args

    return Handler


@contextmanager
def endpoint(answers: Answers, serving: Serving = SERVING) -> Iterator[Endpoint]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(answers))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}"
    workers = (Worker("worker", f"{url}/worker"),)
    try:
        yield Endpoint(url=url, model=MODEL, serving=serving, workers=workers)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(autouse=True)
def _no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dynamo_conformance.probes.registration.SECONDS", 0.0)


ENCODER = replace(SERVING, roles={Role.AGG: 1, Role.ENCODE: 1})
SPECULATED = 'vllm:spec_decode_num_accepted_tokens_total{a="b"} '
THOUGHT: dict[str, Json] = {"content": "No.", "reasoning_content": "7 times 13"}


@pytest.mark.parametrize(
    ("probe", "good"),
    [
        ("roles", Answers()),
        ("roles", Answers(components=["backend", "Planner", "mine"])),
        ("embeddings", Answers()),
        ("embeddings-base64", Answers()),
        ("image", Answers()),
        ("image-content", Answers()),
        ("tool-calls", Answers(message=CALL)),
        ("reasoning", Answers(message=THOUGHT)),
        ("speculation", Answers(metrics=f"{SPECULATED}5\n")),
        ("engine-options", Answers(mock=MOCK)),
        ("engine-options", Answers()),
    ],
)
def test_a_graph_that_keeps_its_promise_passes(probe: str, good: Answers) -> None:
    with endpoint(good, ENCODER if probe == "image" else SERVING) as found:
        PROBES[probe].run(found)


@pytest.mark.parametrize(
    ("probe", "fault", "words"),
    [
        (
            "roles",
            Answers(components=["backend"] * 2),
            "2 backend; the manifest promises 1 backend",
        ),
        ("roles", Answers(components=["prefill"]), "1 prefill; the manifest promises 1 backend"),
        ("roles", Answers(components=[]), "no workers; the manifest promises 1 backend"),
        ("embeddings", Answers(vectors=[[1.0], [1.0, 2.0], [1.0]]), r"vectors of \[1, 2\] numbers"),
        ("embeddings", Answers(vectors=[[1.0, 0.0]] * 2), r"have the indices \[0, 1\]"),
        ("embeddings", Answers(vectors=[[0.0, 0.0]] * 3), "all zero"),
        ("embeddings", Answers(vectors=[[1.0, 0.0]] * 3), "as near"),
        (
            "embeddings",
            Answers(vectors=[[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]),
            "the same text twice gives vectors with a cosine of 0.000",
        ),
        ("embeddings-base64", Answers(packs=False), "base64 was asked, and numbers came"),
        ("image", Answers(encodes=False), "no encode worker was asked for the image"),
        ("image", Answers(message={"content": ""}), "no text"),
        ("image-content", Answers(message={"content": "Blue."}), "described as 'Blue.'"),
        ("tool-calls", Answers(), "no tool was called"),
        ("reasoning", Answers(), "no reasoning_content"),
        (
            "reasoning",
            Answers(message={**THOUGHT, "content": "<think>7</think>"}),
            "thoughts are in the answer",
        ),
        ("speculation", Answers(metrics=f"{SPECULATED}0\n"), "no draft token was accepted"),
    ],
)
def test_a_broken_promise_is_seen_and_named(probe: str, fault: Answers, words: str) -> None:
    serving = ENCODER if probe == "image" else SERVING
    with endpoint(fault, serving) as found, pytest.raises(ProbeFailure, match=words):
        PROBES[probe].run(found)


@pytest.mark.parametrize("probe", ["image-content", *(str(claim.feature) for claim in CLAIMS)])
def test_the_mock_engine_proves_no_claim(probe: str) -> None:
    answers = Answers(mock=MOCK, message={**CALL, **THOUGHT}, metrics=f"{SPECULATED}5\n")
    with endpoint(answers) as found, pytest.raises(Unsupported, match="mock engine"):
        PROBES[probe].run(found)


def test_workers_that_cannot_be_asked_prove_no_claim() -> None:
    with endpoint(Answers(message=CALL)) as found, pytest.raises(Unsupported):
        PROBES["tool-calls"].run(replace(found, workers=()))


def test_options_that_were_not_read_are_named() -> None:
    answers = Answers(mock={**MOCK, "unread": ["moe_config.backend"]})
    with endpoint(answers) as found, pytest.raises(Unsupported, match=r"moe_config\.backend"):
        PROBES["engine-options"].run(found)


@pytest.mark.parametrize("feature", GraphFeature)
def test_a_claim_is_asked_for_where_it_is_made(feature: GraphFeature) -> None:
    claimed = replace(SERVING, features=frozenset({feature}))
    asked = {probe.id for probe in PROBES.values() if probe.applies(claimed)}
    plain = {probe.id for probe in PROBES.values() if probe.applies(SERVING)}
    extra = {"image", "image-content"} if feature is GraphFeature.IMAGES else {str(feature)}
    assert asked - plain == extra


def test_a_graph_of_embeddings_is_not_asked_for_text() -> None:
    asked = {probe.id for probe in PROBES.values() if probe.applies(replace(SERVING, embeds=True))}
    assert asked == {"models", "roles", "embeddings", "embeddings-base64", "unknown-model"}


def test_the_picture_is_a_png() -> None:
    kind, _, data = red_picture().partition(",")
    assert kind == "data:image/png;base64"
    assert base64.b64decode(data).startswith(b"\x89PNG")
