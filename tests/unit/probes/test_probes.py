"""Every probe passes a well-behaved endpoint, and fails the one fault that it is there to see."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import cycle
from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.engines.role import Role
from dynamo_conformance.engines.serving import Serving
from dynamo_conformance.probes.graph_probe import (
    Endpoint,
    GraphProbe,
    ProbeFailure,
    Unsupported,
    load_graph_probes,
)
from dynamo_conformance.targets.interface import Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MODEL = "org/model"
PROBES = {probe.id: probe for probe in load_graph_probes()}
DISAGGREGATED = {Role.PREFILL: 2, Role.DECODE: 1}


@dataclass(slots=True)
class Behaviour:
    """How the stub answers; each field is one thing that can be wrong."""

    models: list[str] = field(default_factory=lambda: [MODEL])
    total_tokens: int = 10
    completion_tokens: int = 4
    streamed_prompt_tokens: int = 6
    text: str = "some words"
    finish: list[str] = field(default_factory=lambda: ["length"])
    usage_chunks: int = 1
    usage_first: bool = False
    choices: int = 1
    role: str = "assistant"
    ids: tuple[str, ...] = ("1",)
    """Those that the chunks of a stream carry in turn."""
    ends: tuple[str, ...] = ("[DONE]",)
    """The data that come after the chunks of a stream."""
    answers_as: str = MODEL
    prompt_tokens: int = 6
    unknown_status: int = 404
    unknown_body: object = field(default_factory=lambda: {"error": {"message": "no such model"}})
    pick: Callable[[int, str, dict[str, int]], int] = lambda _n, _prompt, _held: 0
    prefill_counts: bool = True
    decode_counts: bool = True
    knows_prefixes: bool = True
    absent: int = 0
    """How often the frontend is asked before it knows the second prefill worker."""
    names_workers: bool = False
    """Whether answers name the workers, and how much of the prompt the router knew."""
    names_hit_rate: bool = True
    refuses_fields: bool = False
    seen: list[tuple[str, dict[str, object]]] = field(default_factory=list)
    """What was asked: path and body."""
    late: int = 0
    """Until which request the answers come from a frontend that knows one worker only."""


def sticky(count: int, prompt: str, held: dict[str, int]) -> int:
    """Send a prompt to the worker that holds it, new ones in turn."""
    return held.setdefault(prompt, count % 2)


def fickle(count: int, prompt: str, held: dict[str, int]) -> int:
    """Send a prompt to the worker that does not hold it, new ones in turn."""
    return 1 - held[prompt] if prompt in held else sticky(count, prompt, held)


NAMED = Behaviour(pick=sticky, names_workers=True)
"""A frontend whose answers name the workers."""


def turns(count: int, _prompt: str, _held: dict[str, int]) -> int:
    """Send prompts to the workers in turn."""
    return count % 2


class Stub:
    """A frontend and two prefill workers in one server."""

    def __init__(self, behaviour: Behaviour, promised: int) -> None:
        self.behaviour = behaviour
        self.promised = promised
        self.counts = [0, 0]
        self.asked = 0
        self.decoded = 0
        self.cached = 0
        self.held: dict[str, int] = {}

    def serve(self, prompt: str) -> dict[str, object]:
        known = prompt in self.held
        worker = self.behaviour.pick(self.decoded, prompt, self.held)
        if self.decoded < self.behaviour.late:
            worker, known = self.decoded % 2, False
        self.decoded += 1
        if self.behaviour.prefill_counts:
            self.counts[worker] += 1
        knew = known and self.behaviour.knows_prefixes
        if knew:
            self.cached += 64
        if not self.behaviour.names_workers:
            return {}
        prefill = 70 + worker if self.behaviour.prefill_counts else 80
        timing = {"kv_hit_rate": 0.9 if knew else 0.0} if self.behaviour.names_hit_rate else {}
        return {
            "nvext": {
                "worker_id": {"prefill_worker_id": prefill, "decode_worker_id": 80},
                "timing": timing,
            }
        }

    def health(self) -> dict[str, object]:
        self.asked += 1
        known = self.promised if self.asked > self.behaviour.absent else 1
        components = ["prefill"] * known + ["backend"]
        return {
            "instances": [
                {"component": component, "endpoint": "generate"} for component in components
            ]
        }

    def metrics(self, path: str) -> str:
        kind = "dynamo_component_requests_total"
        labels = 'dynamo_component="{}",dynamo_endpoint="generate"'
        if path.startswith("/prefill"):
            count = self.counts[int(path[8])]
            return f"{kind}{{{labels.format('prefill')}}} {count}\n"
        if path.startswith("/decode"):
            decoded = self.decoded if self.behaviour.decode_counts else 0
            return f"{kind}{{{labels.format('backend')}}} {decoded}\n"
        name = "dynamo_component_router_kv_selected_cached_prefix_tokens_total"
        return f'{name}{{phase="prefill"}} {self.cached}\n'

    def usage(self, prompt_tokens: int | None = None) -> dict[str, int]:
        behaviour = self.behaviour
        prompt_tokens = behaviour.prompt_tokens if prompt_tokens is None else prompt_tokens
        return {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": behaviour.completion_tokens,
            "total_tokens": behaviour.total_tokens - 6 + prompt_tokens,
        }

    def whole(self, *, chat: bool) -> dict[str, object]:
        choice: dict[str, object] = {"index": 0, "finish_reason": self.behaviour.finish[0]}
        if chat:
            choice["message"] = {"role": self.behaviour.role, "content": self.behaviour.text}
        else:
            choice["text"] = self.behaviour.text
        return {
            "id": "1",
            "model": self.behaviour.answers_as,
            "choices": [choice] * self.behaviour.choices,
            "usage": self.usage(),
        }

    def chunks(self, *, chat: bool) -> list[dict[str, object]]:
        ids = cycle(self.behaviour.ids)

        def chunk(choices: list[dict[str, object]], usage: object = None) -> dict[str, object]:
            return {"id": next(ids), "model": MODEL, "choices": choices, "usage": usage}

        said = (
            {"delta": {"content": self.behaviour.text}} if chat else {"text": self.behaviour.text}
        )
        empty: dict[str, object] = {"delta": {}} if chat else {"text": ""}
        found = [chunk([{"index": 0, "finish_reason": None, **said}])]
        found += [
            chunk([{"index": 0, "finish_reason": reason, **empty}])
            for reason in self.behaviour.finish
        ]
        usage = self.usage(self.behaviour.streamed_prompt_tokens)
        usages = [chunk([], usage) for _ in range(self.behaviour.usage_chunks)]
        return [*usages, *found] if self.behaviour.usage_first else [*found, *usages]


def handler(stub: Stub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.endswith("/metrics"):
                self.reply(200, stub.metrics(self.path).encode(), "text/plain")
                return
            models = {"data": [{"id": name} for name in stub.behaviour.models]}
            self.json(200, stub.health() if self.path.endswith("/health") else models)

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            stub.behaviour.seen.append((self.path, body))
            chat = self.path.endswith("/chat/completions")
            if body["model"] != MODEL:
                self.json(stub.behaviour.unknown_status, stub.behaviour.unknown_body)
                return
            if "nvext" in body and stub.behaviour.refuses_fields:
                self.json(400, {"error": {"message": "unknown field nvext"}})
                return
            told = stub.serve(str(body.get("prompt")))
            if not body.get("stream"):
                self.json(200, {**stub.whole(chat=chat), **told})
                return
            chunks = [json.dumps(chunk) for chunk in stub.chunks(chat=chat)]
            lines = [f"data: {data}\n\n" for data in (*chunks, *stub.behaviour.ends)]
            self.reply(200, "".join(lines).encode(), "text/event-stream")

        def json(self, code: int, body: object) -> None:
            self.reply(code, json.dumps(body).encode(), "application/json")

        def reply(self, code: int, data: bytes, kind: str) -> None:
            self.send_response(code)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            del format, args

    return Handler


@contextmanager
def endpoint(
    behaviour: Behaviour, *, promised: int = 2, frontends: int = 1, counted: bool = True
) -> Iterator[Endpoint]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(Stub(behaviour, promised)))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}"
    prefill = [Worker(f"prefill-{n}", f"{url}/prefill{n}") for n in range(promised)]
    try:
        yield Endpoint(
            url=url,
            model=MODEL,
            serving=replace(
                promise({**DISAGGREGATED, Role.PREFILL: promised}, "kv"), frontends=frontends
            ),
            workers=(*prefill, Worker("decode", f"{url}/decode")) if counted else (),
        )
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def promise(roles: dict[Role, int], router: str, *, events: bool = False) -> Serving:
    return Serving(model=MODEL, source=MODEL, roles=roles, router_mode=router, kv_events=events)


ASKED = {
    name: probe for name, probe in PROBES.items() if probe.applies(promise(DISAGGREGATED, "kv"))
}
"""The probes of a graph that is asked for text; the others are in test_promises.py."""


@pytest.fixture(autouse=True)
def _no_settling(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dynamo_conformance.probes.routing.SETTLE_SECONDS", 0.0)
    monkeypatch.setattr("dynamo_conformance.probes.routing.LATE_SECONDS", 0.0)


@pytest.mark.parametrize("probe", ASKED.values(), ids=ASKED)
def test_a_good_endpoint_passes_every_probe(probe: GraphProbe) -> None:
    with endpoint(Behaviour(pick=sticky)) as good:
        probe.run(good)


@pytest.mark.parametrize(
    ("probe", "fault", "words"),
    [
        ("models", Behaviour(models=[MODEL, "extra"]), "expected exactly org/model"),
        ("models", Behaviour(models=[]), "expected exactly org/model"),
        ("chat", Behaviour(text=""), "no text"),
        ("chat", Behaviour(finish=["tool"]), "finish_reason is tool"),
        ("chat", Behaviour(total_tokens=11), "usage does not add up"),
        ("chat", Behaviour(completion_tokens=20, total_tokens=26), "with max_tokens 8"),
        ("chat", Behaviour(choices=2), "2 choices instead of one"),
        ("chat", Behaviour(role="user"), "role is user"),
        ("chat", Behaviour(answers_as="other"), "names model other"),
        ("chat", Behaviour(completion_tokens=0, total_tokens=6), "completion_tokens is 0"),
        ("chat", Behaviour(completion_tokens=9, total_tokens=15), "completion_tokens is 9"),
        ("chat", Behaviour(prompt_tokens=0, total_tokens=4), "prompt_tokens is 0"),
        ("chat-stream", Behaviour(ends=()), r"does not end with \[DONE\]"),
        ("chat-stream", Behaviour(ends=("[DONE]", "{}")), r"does not end with \[DONE\]"),
        ("chat-stream", Behaviour(ends=("[DONE]", "[DONE]")), r"2 times \[DONE\]"),
        ("chat-stream", Behaviour(ids=("1", "2")), "carry 2 ids"),
        ("chat-stream", Behaviour(total_tokens=11), "usage does not add up"),
        ("chat-stream", Behaviour(text=""), "no text in any of them"),
        ("chat-stream", Behaviour(finish=[]), "expected exactly one"),
        ("chat-stream", Behaviour(finish=["stop", "stop"]), "expected exactly one"),
        ("chat-stream", Behaviour(usage_chunks=0), "0 chunks carry a usage"),
        ("chat-stream", Behaviour(usage_first=True), "the usage does not come last"),
        ("usage", Behaviour(streamed_prompt_tokens=9), "one prompt, two prompt_tokens"),
        ("usage", Behaviour(usage_chunks=0), "no usage"),
        ("completions", Behaviour(text=""), "no text"),
        ("completions", Behaviour(total_tokens=11), "usage does not add up"),
        ("completions-stream", Behaviour(text=""), "no text in any of them"),
        ("completions-stream", Behaviour(finish=["stop", "stop"]), "expected exactly one"),
        ("unknown-model", Behaviour(unknown_status=200), "answered 200, expected 404"),
        *(
            ("unknown-model", Behaviour(unknown_status=status), f"answered {status}, expected 404")
            for status in (400, 401, 422, 500)
        ),
        ("unknown-model", Behaviour(unknown_body="gone"), "no OpenAI error body"),
        ("unknown-model", Behaviour(unknown_body={"error": {}}), "no OpenAI error body"),
        ("unknown-model", Behaviour(unknown_body={"message": 1}), "no OpenAI error body"),
        ("prefill", Behaviour(prefill_counts=False), "prefill workers served 0 of 4"),
        ("prefill", Behaviour(decode_counts=False), "backend workers served 0 of 4"),
        ("kv-router", Behaviour(pick=turns), "went to prefill-"),
        ("kv-router", Behaviour(pick=fickle), r"that prefill-(\d) holds went to prefill-(?!\1)"),
        (
            "kv-router",
            Behaviour(pick=sticky, knows_prefixes=False),
            "the router knew of no cached token",
        ),
    ],
)
def test_a_fault_is_seen_and_named(probe: str, fault: Behaviour, words: str) -> None:
    with endpoint(fault) as faulty, pytest.raises(ProbeFailure, match=words):
        PROBES[probe].run(faulty)


@pytest.mark.parametrize("embeds", [False, True])
def test_an_unknown_model_is_asked_for_as_clients_do(*, embeds: bool) -> None:
    behaviour = Behaviour(unknown_status=200)
    messages = [{"role": "user", "content": "Hello"}]
    fields = {"input": "Hello"} if embeds else {"messages": messages, "max_tokens": 1}
    path = "/v1/embeddings" if embeds else "/v1/chat/completions"
    serving = replace(promise(DISAGGREGATED, "kv"), embeds=embeds)
    with endpoint(behaviour) as good, pytest.raises(ProbeFailure) as failed:
        PROBES["unknown-model"].run(replace(good, serving=serving))
    assert behaviour.seen == [(path, {"model": "nobody/serves-this", **fields})]
    assert f"to repeat: curl {good.url}{path} -H" in str(failed.value)


def test_an_error_without_a_body_says_how_to_repeat_it() -> None:
    with (
        endpoint(Behaviour(unknown_body="gone")) as faulty,
        pytest.raises(ProbeFailure, match=r'no OpenAI error body: "gone"\n  to repeat: curl '),
    ):
        PROBES["unknown-model"].run(faulty)


def test_a_prompt_whose_fields_are_refused_is_sent_without_them() -> None:
    behaviour = Behaviour(refuses_fields=True)
    with endpoint(behaviour) as old:
        PROBES["prefill"].run(old)
    first, second = (body for _path, body in behaviour.seen[:2])
    assert first.pop("nvext") == {"extra_fields": ["worker_id", "timing"]}
    assert first == second
    assert (second["model"], second["max_tokens"]) == (MODEL, 2)
    prompts = [body["prompt"] for _path, body in behaviour.seen]
    assert len(set(prompts)) == 4  # A new one each time: no cache answers.


def test_only_what_is_served_during_the_probe_counts() -> None:
    behaviour = Behaviour()
    with endpoint(behaviour) as faulty:
        PROBES["prefill"].run(faulty)
        behaviour.prefill_counts = False
        with pytest.raises(ProbeFailure, match="prefill workers served 0 of 4 requests"):
            PROBES["prefill"].run(faulty)


def test_workers_that_count_nothing_served_nothing() -> None:
    with (
        endpoint(Behaviour()) as whole,
        pytest.raises(ProbeFailure, match="backend workers served 0 of 4 requests"),
    ):
        PROBES["prefill"].run(replace(whole, workers=whole.workers[:2]))


def test_an_answer_may_use_all_of_its_tokens() -> None:
    with endpoint(Behaviour(completion_tokens=8, total_tokens=14)) as good:
        PROBES["chat"].run(good)


def test_an_error_may_be_flat() -> None:
    with endpoint(Behaviour(unknown_body={"message": "no such model", "type": "x"})) as good:
        PROBES["unknown-model"].run(good)


def test_one_worker_leaves_a_router_no_choice() -> None:
    behaviour = Behaviour(pick=lambda _n, _p, _h: 0)
    with (
        endpoint(behaviour, promised=1) as single,
        pytest.raises(Unsupported, match="leaves the router no choice"),
    ):
        PROBES["kv-router"].run(single)


def test_a_worker_that_is_late_is_waited_for() -> None:
    with endpoint(Behaviour(pick=sticky, absent=3)) as late:
        PROBES["kv-router"].run(late)


def test_a_worker_that_does_not_come_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dynamo_conformance.probes.routing.REGISTER_SECONDS", 0.05)
    with (
        endpoint(Behaviour(absent=10**9)) as lonely,
        pytest.raises(ProbeFailure, match="1 of 2 prefill workers"),
    ):
        PROBES["kv-router"].run(lonely)


@pytest.mark.parametrize("probe", ["kv-router", "prefill"])
@pytest.mark.parametrize("frontends", [1, 2])
def test_answers_that_name_the_workers_need_no_system_port(probe: str, frontends: int) -> None:
    with endpoint(NAMED, frontends=frontends, counted=False) as good:
        PROBES[probe].run(good)


@pytest.mark.parametrize("frontends", [1, 2])
@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (replace(NAMED, pick=turns), "went to worker 7"),
        (replace(NAMED, knows_prefixes=False), "the router knew of no cached token"),
        # A frontend that takes turns says nothing of a hit rate.
        (replace(NAMED, pick=turns, names_hit_rate=False), "went to worker 7"),
    ],
)
def test_a_wrong_router_is_seen_behind_any_number_of_frontends(
    frontends: int, fault: Behaviour, words: str
) -> None:
    with (
        endpoint(fault, frontends=frontends) as faulty,
        pytest.raises(ProbeFailure, match=words),
    ):
        PROBES["kv-router"].run(faulty)


def test_a_frontend_that_knows_the_workers_late_is_waited_for() -> None:
    with endpoint(replace(NAMED, late=6), frontends=2) as late:
        PROBES["kv-router"].run(late)


@pytest.mark.parametrize("behaviour", [Behaviour(pick=sticky), replace(NAMED, refuses_fields=True)])
def test_an_older_frontend_is_judged_by_the_counters(behaviour: Behaviour) -> None:
    with endpoint(behaviour) as old:
        PROBES["kv-router"].run(old)
        PROBES["prefill"].run(old)


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        (Behaviour(pick=sticky), "do not name the workers, and each of the 2 frontends"),
        (replace(NAMED, names_hit_rate=False), "whether the router knew why is not reported"),
    ],
)
def test_several_older_frontends_are_not_judged(behaviour: Behaviour, words: str) -> None:
    with endpoint(behaviour, frontends=2) as old, pytest.raises(Unsupported, match=words):
        PROBES["kv-router"].run(old)


def test_a_skipped_prefill_is_seen_without_system_ports() -> None:
    with (
        endpoint(replace(NAMED, prefill_counts=False), counted=False) as skipping,
        pytest.raises(ProbeFailure, match="0 of 4 answers name a prefill worker"),
    ):
        PROBES["prefill"].run(skipping)


def test_workers_that_nobody_names_are_not_judged() -> None:
    with (
        endpoint(Behaviour(), counted=False) as silent,
        pytest.raises(Unsupported, match="do not name the workers"),
    ):
        PROBES["prefill"].run(silent)


@pytest.mark.parametrize(
    ("serving", "asked"),
    [
        (None, set()),
        (promise({Role.AGG: 1}, "round-robin"), set()),
        (promise({Role.AGG: 2}, "kv"), {"kv-router"}),
        (promise(DISAGGREGATED, "round-robin"), {"prefill"}),
        (promise(DISAGGREGATED, "kv"), {"prefill", "kv-router"}),
        # Nobody reads what these workers publish, so the router's mode is not the one meant.
        (promise({Role.AGG: 2}, "round-robin", events=True), {"kv-router"}),
        (promise({Role.AGG: 2}, "direct", events=True), set()),
    ],
)
def test_a_graph_is_asked_what_its_manifest_promises(
    serving: Serving | None, asked: set[str]
) -> None:
    found = {probe.id for probe in PROBES.values() if probe.applies(serving)}
    assert found & {"prefill", "kv-router"} == asked
    assert {"models", "chat", "chat-stream", "unknown-model"} <= found
