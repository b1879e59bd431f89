"""What is done to a graph under its answers: each probe fails where that is not borne."""

from __future__ import annotations

import json
import signal
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.probes.areas import load_probes
from dynamo_conformance.probes.areas.life import TOKENS
from dynamo_conformance.probes.graph import ServedGraph
from dynamo_conformance.probes.probe import Feature, Outcome, Profile
from dynamo_conformance.probes.recorder import Address, Recorder
from dynamo_conformance.probes.run import Judge, chosen
from dynamo_conformance.targets.interface import Worker

if TYPE_CHECKING:
    from collections.abc import Iterator

PIECES = 40
SECONDS = 0.01
"""How far apart the pieces of a stream are."""


@dataclass
class Graph:
    """A graph of two workers: what is done to it is done to all that it answers."""

    lie: str = ""
    signals: list[int] = field(default_factory=list)
    restored: int = 0
    is_hit: threading.Event = field(default_factory=threading.Event)
    is_over: threading.Event = field(default_factory=threading.Event)

    def signal(self, worker: Worker, number: int) -> None:
        assert worker.name == "busy"
        self.signals.append(number)
        self.is_hit.set()

    def restore(self) -> None:
        self.restored += 1
        self.is_hit.clear()


class Handler(BaseHTTPRequestHandler):
    """Streams, and bears what is done to its graph, but for the lie."""

    graph: Graph

    def do_GET(self) -> None:
        count = 5 if "busy" in self.path else 1
        self.head("text/plain")
        self.wfile.write(f'dynamo_component_inflight_requests{{a="b"}} {count}\n'.encode())

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.head("text/event-stream")
        graph = self.graph
        for _ in range(2 if graph.lie == "quick" else PIECES):
            if graph.is_hit.wait(SECONDS) and graph.lie in ("cut", "error", "hang"):
                self.die()
                return
            is_other = graph.is_hit.is_set() and graph.lie == "other"
            self.event(self.chunk({"content": "other" if is_other else "a"}, None))
        self.event(self.chunk({}, "length"))
        is_short = graph.is_hit.is_set() and graph.lie == "short"
        self.end(3 if is_short else body["max_tokens"])

    def end(self, tokens: int) -> None:
        usage = {"prompt_tokens": 1, "completion_tokens": tokens, "total_tokens": tokens + 1}
        self.event({**self.chunk({}, None), "choices": [], "usage": usage})
        self.wfile.write(b"data: [DONE]\n\n")

    def die(self) -> None:
        if self.graph.lie == "error":
            self.event({"error": {"message": "no worker", "code": 503}})
        if self.graph.lie == "hang":
            self.graph.is_over.wait(10)

    def chunk(self, delta: dict[str, str], reason: str | None) -> dict[str, object]:
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        return {"id": "c", "object": "chat.completion.chunk", "choices": [choice]}

    def event(self, document: object) -> None:
        self.wfile.write(b"data: %s\n\n" % json.dumps(document).encode())
        self.wfile.flush()

    def head(self, kind: str) -> None:
        self.send_response(200)
        self.send_header("content-type", kind)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        del format, args


@contextmanager
def judging(graph: Graph, *, hand: Graph | None, timeout: float = 30.0) -> Iterator[Judge]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"graph": graph}))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}"
    workers = tuple(Worker(name, f"{url}/{name}") for name in ("idle", "busy"))
    try:
        address = Address(url=url, model="m", timeout=timeout)
        with Recorder(address, workers=workers, hand=hand) as recorder:
            served = ServedGraph(model="m", release=None, engine=None, unshown={})
            yield Judge(recorder, served)
    finally:
        graph.is_over.set()
        server.shutdown()
        thread.join()
        server.server_close()


PROBES = {probe.id: probe for probe in load_probes() if probe.disturbs}
KILLED = ("life.worker-killed", "life.worker-killed-ends", "life.worker-killed-text")


def outcomes(graph: Graph, *names: str, timeout: float = 30.0) -> list[Outcome]:
    with judging(graph, hand=graph, timeout=timeout) as judge:
        return [judge.result(PROBES[name]).outcome for name in names]


def test_a_graph_that_goes_on_passes() -> None:
    graph = Graph()
    assert {*outcomes(graph, *PROBES)} == {Outcome.PASS}
    assert graph.signals == [signal.SIGKILL, signal.SIGTERM]
    assert graph.restored == len(graph.signals)


@pytest.mark.parametrize(
    ("lie", "expected"),
    [
        ("cut", [Outcome.FAIL, Outcome.PASS]),
        ("error", [Outcome.FAIL, Outcome.PASS]),
        ("short", [Outcome.FAIL, Outcome.PASS]),
        ("hang", [Outcome.FAIL, Outcome.FAIL]),
    ],
)
def test_a_graph_that_does_not_go_on_fails(lie: str, expected: list[Outcome]) -> None:
    for event in ("killed", "ended"):
        names = (f"life.worker-{event}", f"life.worker-{event}-ends")
        assert outcomes(Graph(lie=lie), *names, timeout=2.0) == expected


def test_text_that_does_not_go_on_where_it_stopped_fails() -> None:
    names = ("life.worker-killed", "life.worker-killed-text", "life.worker-ended-text")
    assert outcomes(Graph(lie="other"), *names) == [Outcome.PASS, Outcome.FAIL, Outcome.FAIL]


def test_nothing_is_shown_where_answers_end_before() -> None:
    graph = Graph(lie="quick")
    assert {*outcomes(graph, *KILLED)} <= {Outcome.UNSUPPORTED, Outcome.PASS}


def test_nothing_is_shown_where_nothing_can_be_done() -> None:
    with judging(Graph(), hand=None) as judge:
        result = judge.result(PROBES["life.worker-killed"])
    assert result.outcome is Outcome.UNSUPPORTED
    assert "nothing can be done" in result.reason


def test_probes_that_disturb_are_judged_where_they_are_wanted() -> None:
    probes = load_probes()
    assert not any(probe.disturbs for probe in chosen(probes, profile=Profile.EXTENDED))
    wanted = chosen(probes, profile=Profile.CORE, disturbing=True)
    assert [probe.id for probe in wanted if probe.disturbs][-1] == wanted[-1].id
    assert all(probe.disturbs for probe in chosen(probes, profile=Profile.CORE, ids=("life",)))
    assert Feature.MIGRATION in PROBES["life.worker-killed"].needs
    assert TOKENS > PIECES
