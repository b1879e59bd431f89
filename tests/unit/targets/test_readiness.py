"""Readiness: only good answers count, and what is missing is said in words."""

from __future__ import annotations

import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.targets.interface import Change, DeployFailure, Unready, Worker
from dynamo_conformance.targets.readiness import GOOD_ANSWERS, wait_ready

if TYPE_CHECKING:
    from collections.abc import Iterator

GOOD = (200, {"choices": [{"message": {"role": "assistant", "content": "yes"}}]})
BUSY = (503, {"message": "no worker"})


class Stub:
    """A deployment whose frontend answers from a script."""

    workers: tuple[Worker, ...] = ()
    changes: tuple[Change, ...] = ()
    logs = Path()
    settled_at: float | None = None

    def __init__(self, url: str, looked: list[str]) -> None:
        self.url = url
        self.dead: DeployFailure | None = None
        self.looked = looked
        self.by_path: dict[str, tuple[int, object]] = {}

    @property
    def settled_for(self) -> float | None:
        return time.monotonic() - self.settled_at if self.settled_at is not None else None

    def check(self) -> None:
        if self.dead is not None:
            raise self.dead


@contextmanager
def frontend(
    *, models: list[str], answers: list[tuple[int, object]], instances: list[str]
) -> Iterator[tuple[Stub, list[str]]]:
    asked: list[str] = []
    looked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            looked.append(self.path)
            listed = {"data": [{"id": name} for name in models]}
            health = {"instances": [{"component": c, "endpoint": "generate"} for c in instances]}
            self.reply(200, listed if self.path == "/v1/models" else health)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            asked.append(self.path)
            by_order = answers[min(len(asked), len(answers)) - 1]
            self.reply(*stub.by_path.get(self.path, by_order))

        def reply(self, code: int, body: object) -> None:
            data = json.dumps(body).encode()
            self.send_response(code)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            del format, args

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    stub = Stub(f"http://127.0.0.1:{server.server_port}", looked)
    try:
        yield stub, asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_nothing_but_the_models_is_asked_for_until_somebody_is_told() -> None:
    with frontend(models=[], answers=[GOOD], instances=["backend"]) as (stub, _asked):
        with pytest.raises(DeployFailure, match="workers are registered as: backend"):
            wait_ready(stub, model="m", timeout=1)
        assert stub.looked.count("/health") == 1
        assert stub.looked.count("/v1/models") > GOOD_ANSWERS


def test_one_bad_answer_starts_the_count_anew() -> None:
    answers = [GOOD, GOOD, BUSY, GOOD, GOOD, GOOD]
    with frontend(models=["m"], answers=answers, instances=[]) as (stub, asked):
        ready = wait_ready(stub, model="m", timeout=20)
    assert ready.model == "m"
    assert len(asked) == len(answers)
    assert GOOD_ANSWERS == 3


def test_the_first_listed_model_will_do_when_none_is_promised() -> None:
    with frontend(models=["a", "b"], answers=[GOOD], instances=[]) as (stub, _asked):
        assert wait_ready(stub, model=None, timeout=20).model == "a"


@pytest.mark.parametrize(
    ("models", "instances", "words"),
    [
        ([], [], "no worker has registered"),
        ([], ["backend"], "a role is missing"),
        ([], ["prefill"], "a role is missing"),
        (
            [],
            ["backend", "prefill"],
            "what registers as backend does not run as decode",
        ),
        (["other"], ["backend"], "lists other, but not m"),
        (["m"], ["backend"], "answered 503: "),
    ],
)
def test_what_is_missing_is_said(models: list[str], instances: list[str], words: str) -> None:
    with (
        frontend(models=models, answers=[BUSY], instances=instances) as (stub, _asked),
        pytest.raises(DeployFailure, match=words),
    ):
        wait_ready(stub, model="m", timeout=0.5)


def test_what_is_not_ready_explains_why_a_role_is_missing() -> None:
    unready = Unready("1 of 2 pods are ready; Prefill: runs, and is not ready", ("loading",))
    with (
        frontend(models=[], answers=[GOOD], instances=["backend"]) as (stub, _asked),
        pytest.raises(DeployFailure, match="as: backend; 1 of 2 pods are ready") as caught,
    ):
        wait_ready(stub, model="m", timeout=0.5, unready=lambda: unready)
    assert caught.value.log == ("loading",)
    assert not caught.value.cause


def test_a_chat_template_that_does_not_render_is_named() -> None:
    refused = (400, {"message": "Invalid request"})
    plain = (200, {"choices": [{"text": "yes"}]})
    with frontend(models=["m"], answers=[refused], instances=[]) as (stub, asked):
        stub.by_path["/v1/completions"] = plain
        with pytest.raises(DeployFailure, match="no chat template, is answered") as caught:
            wait_ready(stub, model="m", timeout=0.5)
    assert "the chat template does not render" in caught.value.cause
    assert asked.count("/v1/completions") == 1


def test_a_graph_that_refuses_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dynamo_conformance.targets.readiness.SETTLED_SECONDS", 0.3)
    refused = (400, {"message": "Invalid request"})
    with (
        frontend(models=["m"], answers=[refused], instances=[]) as (stub, asked),
        pytest.raises(
            DeployFailure,
            match=r"no answer 0 s after everything .* answered 400",
        ),
    ):
        wait_ready(stub, model="m", timeout=60.0)
    assert len(asked) > 1


def test_chats_are_refused_for_another_reason_where_all_prompts_are() -> None:
    refused = (400, {"message": "Invalid request"})
    with (
        frontend(models=["m"], answers=[refused], instances=[]) as (stub, _asked),
        pytest.raises(DeployFailure, match="answered 400") as caught,
    ):
        wait_ready(stub, model="m", timeout=0.5)
    assert not caught.value.cause


def test_errors_of_processes_are_shown_where_nothing_else_is_known() -> None:
    errors = ("Frontend | ERROR template does not parse",)
    with (
        frontend(models=[], answers=[GOOD], instances=["backend"]) as (stub, _asked),
        pytest.raises(DeployFailure) as caught,
    ):
        wait_ready(stub, model="m", timeout=0.5, unready=lambda: Unready(log=errors))
    assert caught.value.log == errors
    assert "its log says so" in caught.value.cause


def test_a_death_ends_the_waiting() -> None:
    with frontend(models=[], answers=[GOOD], instances=[]) as (stub, _asked):
        stub.dead = DeployFailure("component worker exited with code 2")
        with pytest.raises(DeployFailure, match="exited with code 2"):
            wait_ready(stub, model="m", timeout=60)


def test_long_waits_say_what_they_wait_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dynamo_conformance.targets.readiness.PROGRESS_SECONDS", 0.1)
    said: list[str] = []
    with (
        frontend(models=[], answers=[GOOD], instances=[]) as (stub, _asked),
        pytest.raises(DeployFailure),
    ):
        wait_ready(stub, model="m", timeout=0.6, progress=said.append)
    assert len(said) == 1
    assert "no worker has registered" in said[0]


def test_a_wait_without_change_gives_a_rare_sign_of_life(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dynamo_conformance.targets.readiness.PROGRESS_SECONDS", 0.1)
    monkeypatch.setattr("dynamo_conformance.targets.readiness.SIGN_SECONDS", 0.4)
    said: list[str] = []
    with (
        frontend(models=[], answers=[GOOD], instances=[]) as (stub, _asked),
        pytest.raises(DeployFailure),
    ):
        wait_ready(stub, model="m", timeout=1.0, progress=said.append)
    assert 2 <= len(said) <= 3


def test_a_graph_that_is_ready_and_silent_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("dynamo_conformance.targets.readiness.SETTLED_SECONDS", 0.2)
    with frontend(models=[], answers=[GOOD], instances=[]) as (stub, _asked):
        stub.settled_at = time.monotonic()
        with pytest.raises(DeployFailure, match="after everything in it was ready") as caught:
            wait_ready(stub, model=None, timeout=30.0)
    assert "no worker has registered" in str(caught.value)
    assert "another Dynamo namespace" in caught.value.cause


def test_a_first_answer_that_takes_long_is_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    # An engine may trace its model when it is asked for the first time.
    with frontend(models=["m"], answers=[GOOD], instances=[]) as (stub, asked):
        late = property(lambda _stub: 100.0 if asked else 0.0)
        monkeypatch.setattr(Stub, "settled_for", late)
        wait_ready(stub, model="m", timeout=30.0)
    assert len(asked) == GOOD_ANSWERS


def test_a_graph_that_is_ready_and_answers_badly_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with frontend(models=["m"], answers=[GOOD, BUSY], instances=[]) as (stub, asked):
        late = property(lambda _stub: 100.0 if len(asked) > 1 else 0.0)
        monkeypatch.setattr(Stub, "settled_for", late)
        with pytest.raises(DeployFailure, match="after everything in it was ready: m is listed"):
            wait_ready(stub, model="m", timeout=30.0)


def test_time_for_which_other_graphs_hold_it_is_not_its_own() -> None:
    began = time.monotonic()
    with (
        frontend(models=[], answers=[GOOD], instances=[]) as (stub, _asked),
        pytest.raises(DeployFailure, match="not ready after 0 s"),
    ):
        wait_ready(stub, model="m", timeout=0.4, held=lambda: time.monotonic() < began + 0.6)
    assert time.monotonic() - began > 0.85


def test_other_graphs_do_not_hold_it_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dynamo_conformance.targets.readiness.HELD_SECONDS", 0.3)
    with (
        frontend(models=[], answers=[GOOD], instances=[]) as (stub, _asked),
        pytest.raises(DeployFailure, match="not ready after 0 s"),
    ):
        wait_ready(stub, model="m", timeout=0.3, held=lambda: True)
