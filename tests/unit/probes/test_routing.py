"""Several frontends behind one address: what each of them must have shown."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.probes.areas import load_probes, routing
from dynamo_conformance.probes.areas.operations import METRICS_PATH
from dynamo_conformance.probes.graph import served_graph
from dynamo_conformance.probes.probe import Feature, Outcome, Result
from dynamo_conformance.probes.recorder import Address, Recorder
from dynamo_conformance.probes.run import Judge
from lies import OK, Lie, lying
from right_server import MODEL, Reply, RightServer, as_json, on_port

if TYPE_CHECKING:
    from collections.abc import Callable

    from lies import Answering, Asked

PROVEN = ("routing.disaggregated", "routing.prefix", "routing.prefix-known", "routing.spread")
"""What is not to be passed on by luck."""


def judged(answer: Answering, *, pauses: list[float] | None = None) -> dict[str, Result]:
    """Return the results of a server that is said to serve everything."""
    waits: list[float] = [] if pauses is None else pauses
    with (
        on_port(answer) as url,
        Recorder(Address(url=url, model=MODEL), sleep=waits.append) as recorder,
    ):
        judge = Judge(recorder, served_graph(recorder, promised=frozenset(Feature)))
        area = [probe for probe in load_probes() if probe.area == "routing"]
        return {result.probe.id: result for result in judge.results(area)}


def frontends(*, answers: Callable[[int], int]) -> Answering:
    """Return two frontends behind one address.

    Args:
        answers: Which of them answers the n-th prompt; their metrics are asked in turns.
    """
    server, turns, prompts = RightServer(), count(), count()
    served = [0, 0]

    def change(asked: Asked, reply: Reply) -> Reply:
        if asked.body.get("nvext"):
            served[answers(next(prompts))] += 1
        if asked.target != METRICS_PATH:
            return reply
        name = next(turns) % 2
        text = (
            f'dynamo_frontend_requests_total{{model="{MODEL}"}} {served[name]}\n'
            f'dynamo_component_uptime_seconds{{worker_id="f{name}"}} 1.5\n'
        )
        return replace(reply, pieces=[text.encode()])

    return lying(server.reply, Lie("", (), reply=change))


def test_frontends_that_all_answer_prove_it() -> None:
    results = judged(frontends(answers=lambda prompt: prompt % 2))
    assert {result.outcome for result in results.values()} == {Outcome.PASS}


def test_what_a_frontend_does_that_answers_nothing_is_not_known() -> None:
    results = judged(frontends(answers=lambda _prompt: 1))
    for name in PROVEN[:3]:
        assert results[name].outcome is Outcome.UNSUPPORTED
        assert results[name].reason == "of 2 frontends behind the address 1 answered nothing"


def test_a_frontend_that_answers_first_prompts_alone_does_not_show_that_it_knows_prefixes() -> None:
    first = 1 + routing.PROMPTS
    results = judged(frontends(answers=lambda prompt: prompt % 2 if prompt < first else 0))
    outcomes = {name: results[name].outcome for name in PROVEN}
    assert outcomes == dict(
        zip(PROVEN, ("PASS", "UNSUPPORTED", "UNSUPPORTED", "PASS"), strict=True)
    )


def test_every_question_opens_a_connection() -> None:
    questions = (*routing.PREFIXES, *routing.AT_ONCE)
    assert all(("connection", "close") in question.headers for question in questions)


def test_events_get_a_moment_to_reach_every_frontend() -> None:
    pauses: list[float] = []
    judged(RightServer().reply, pauses=pauses)
    assert pauses == [routing.SETTLE_SECONDS]


def test_prompts_are_new_in_every_run() -> None:
    prompts: list[str] = []

    def seen(asked: Asked) -> Asked:
        if asked.body.get("nvext"):
            prompts.append(asked.body["prompt"])
        return asked

    server = lying(RightServer().reply, Lie("", (), ask=seen))
    judged(server)
    judged(server)
    first, second = ({text for text in half if "Book" in text} for half in _halves(prompts))
    assert first
    assert not first & second


def _halves(texts: list[str]) -> tuple[list[str], list[str]]:
    middle = len(texts) // 2
    return texts[:middle], texts[middle:]


@pytest.mark.parametrize(
    ("instances", "reason"),
    [
        ([{"component": "backend", "endpoint": "generate", "instance_id": 70}], True),
        (
            [
                {"component": "prefill", "endpoint": "generate", "instance_id": 70},
                {"component": "backend", "endpoint": "generate", "instance_id": 80},
            ],
            True,
        ),
        ([], False),
    ],
)
def test_one_worker_leaves_a_router_no_choice(instances: list[object], *, reason: bool) -> None:
    def change(asked: Asked, reply: Reply) -> Reply:
        return as_json({"instances": instances}) if asked.target == "/health" else reply

    results = judged(lying(RightServer().reply, Lie("", (), reply=change)))
    expected = "one worker leaves the router no choice" if reason else ""
    for name in ("routing.prefix", "routing.spread"):
        assert results[name].reason == expected


def test_where_health_is_not_served_the_answers_are_enough() -> None:
    def change(asked: Asked, reply: Reply) -> Reply:
        return replace(reply, status=OK + 204) if asked.target in ("/health", "/metrics") else reply

    results = judged(lying(RightServer().reply, Lie("", (), reply=change)))
    assert {result.outcome for result in results.values()} == {Outcome.PASS}


def test_a_release_that_does_not_tell_what_it_knew_does_not_show_it() -> None:
    def change(asked: Asked, reply: Reply) -> Reply:
        if not asked.body.get("nvext"):
            return reply
        return replace(reply, pieces=[reply.pieces[0].replace(b'"kv_hit_rate"', b'"rate"')])

    results = judged(lying(RightServer().reply, Lie("", (), reply=change)))
    assert results["routing.prefix-known"].outcome is Outcome.UNSUPPORTED
    assert "no kv_hit_rate" in results["routing.prefix-known"].reason
