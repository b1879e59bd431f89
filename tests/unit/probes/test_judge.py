"""What becomes of a probe: the five outcomes, and reports of them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dynamo_conformance.engines.features import GraphFeature
from dynamo_conformance.engines.role import Role
from dynamo_conformance.engines.serving import Serving
from dynamo_conformance.mock_engine.chosen_answers import ENGINE
from dynamo_conformance.probes import report as reports
from dynamo_conformance.probes.areas import AREAS, load_probes, unicode
from dynamo_conformance.probes.deviations import Deviation, applied, read_deviations
from dynamo_conformance.probes.exchange import (
    CannotShow,
    Chunk,
    Exchange,
    Fault,
    NotAnswered,
    Unjudged,
)
from dynamo_conformance.probes.graph import (
    PROMISED_ONLY,
    ServedGraph,
    UnknownModelError,
    only_model,
    served_graph,
)
from dynamo_conformance.probes.probe import Feature, Outcome, Profile, Result
from dynamo_conformance.probes.recorder import Address, Recorder
from dynamo_conformance.probes.report import Report
from dynamo_conformance.probes.run import Judge, chosen
from lies import Lie, asking, drop, lying, put, refused, whole
from right_server import MODEL, RELEASE, Reply, RightServer, as_json, on_port

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lies import Answering, Asked

REQUIREMENTS = load_probes()
KNOWN = {one.id: one for one in REQUIREMENTS}
SERVING = Serving(
    model=MODEL, source=MODEL, roles={Role.AGG: 2}, router_mode="kv", kv_events=True,
    registers={"backend": (2, 2)},
)  # fmt: skip
ROW = Deviation(
    probes=("chat.id",),
    releases=(RELEASE,),
    engine=None,
    answered='""',
    why="ids are empty",
    upstream="https://example.org/1",
    date="2026-11-30",
)
NO_IDS = lying(RightServer().reply, Lie("", (), reply=whole(put("id", ""))))


def results(
    answer: Answering,
    *ids: str,
    rows: tuple[Deviation, ...] = (),
    unshown: dict[Feature, str] | None = None,
    release: str = RELEASE,
    engine: str | None = None,
) -> list[Result]:
    graph = ServedGraph(model=MODEL, release=release, engine=engine, unshown=unshown or {})
    with on_port(answer) as url, Recorder(Address(url=url, model=MODEL)) as recorder:
        judge = Judge(recorder, graph, deviations=rows)
        return [judge.result(KNOWN[one]) for one in ids]


def test_a_failure_has_what_was_expected_what_came_and_how_to_repeat_it() -> None:
    (result,) = results(NO_IDS, "chat.id")
    assert result.outcome is Outcome.FAIL
    assert (result.expected, result.got) == ("an id that is not empty", '""')
    assert result.curl.startswith("curl -sS -i http://127.0.0.1:")
    assert result.exchanges == ("chat",)


def test_a_question_without_an_answer_fails_once_and_the_rest_is_not_run() -> None:
    broken = lying(RightServer().reply, Lie("", (), reply=refused(503)))
    found = results(broken, "chat.answered", "chat.id", "chat.text")
    assert [one.outcome for one in found] == [Outcome.FAIL, Outcome.NOT_RUN, Outcome.NOT_RUN]
    assert found[0].got.startswith("HTTP 503: ")
    assert found[1].reason == "chat has no answer, see chat.answered"


def test_an_error_that_is_none_is_judged_once() -> None:
    taking = lying(
        RightServer().reply,
        Lie("", (), reply=lambda _, reply: replace(reply, status=200)),
    )
    found = results(taking, "errors.role", "errors.role-shape", "errors.role-param")
    assert [one.outcome for one in found] == [Outcome.FAIL, Outcome.NOT_RUN, Outcome.NOT_RUN]
    assert found[1].reason == "it is not refused as it must be, see errors.role"


def test_what_is_lacking_is_not_asked() -> None:
    def never(*_: object) -> Reply:
        raise AssertionError

    (result,) = results(never, "sampling.n", unshown={Feature.CHOICES: "one choice alone"})
    assert (result.outcome, result.reason) == (Outcome.UNSUPPORTED, "one choice alone")
    assert result.exchanges == ()


@pytest.mark.parametrize(
    ("answer", "changes", "outcome"),
    [
        (NO_IDS, {}, Outcome.DEVIATION),
        (NO_IDS, {"release": "9.9.8"}, Outcome.FAIL),
        (NO_IDS, {"rows": (replace(ROW, engine="vllm"),)}, Outcome.FAIL),
        (NO_IDS, {"rows": (replace(ROW, engine="vllm"),), "engine": "vllm"}, Outcome.DEVIATION),
        (NO_IDS, {"rows": (replace(ROW, answered="null"),)}, Outcome.FAIL),
        (NO_IDS, {"rows": (replace(ROW, probes=("chat.text",)),)}, Outcome.FAIL),
        (RightServer().reply, {}, Outcome.FAIL),
        (RightServer().reply, {"release": "9.9.8"}, Outcome.PASS),
        (NO_IDS, {"rows": (replace(ROW, where="where it rains"),)}, Outcome.DEVIATION),
        (RightServer().reply, {"rows": (replace(ROW, where="where it rains"),)}, Outcome.PASS),
    ],
    ids=[
        "known", "another release", "another engine", "the engine", "another answer",
        "another probe", "no longer", "right in another release", "in some graphs",
        "right in others",
    ],
)  # fmt: skip
def test_a_known_deviation(answer: Answering, changes: dict[str, object], outcome: Outcome) -> None:
    given_rows: dict[str, object] = {"rows": (ROW,), **changes}
    (result,) = results(answer, "chat.id", **given_rows)  # type: ignore[arg-type]
    assert result.outcome is outcome


def test_a_deviation_says_since_when_and_where_it_is_known() -> None:
    (result,) = results(NO_IDS, "chat.id", rows=(ROW,))
    assert result.reason == "ids are empty (known since 2026-11-30; https://example.org/1)"


def test_a_deviation_of_some_graphs_says_of_which() -> None:
    (result,) = results(NO_IDS, "chat.id", rows=(replace(ROW, where="where it rains"),))
    assert result.reason.startswith("ids are empty where it rains (known since")


def test_a_deviation_of_graphs_with_a_feature_is_none_of_others() -> None:
    row = replace(ROW, feature="speculation")
    (result,) = results(NO_IDS, "chat.id", rows=(row,))
    assert result.outcome is Outcome.FAIL
    promised = frozenset({Feature.SPECULATION})
    known = applied(result, (row,), release=row.releases[0], engine=row.engine, promised=promised)
    assert known.outcome is Outcome.DEVIATION


def test_a_deviation_that_is_no_more_asks_to_be_taken_out() -> None:
    (result,) = results(RightServer().reply, "chat.id", rows=(ROW,))
    assert "take the row of 2026-11-30 out of deviations.json" in result.got


def test_the_rows_are_of_probes_that_there_are() -> None:
    rows = read_deviations()
    named = [
        (name, release, row.engine, row.feature)
        for row in rows
        for name in row.probes
        for release in row.releases
    ]
    assert {name for name, *_ in named} <= {*KNOWN}
    assert len(named) == len({*named})
    assert all(row.why and row.releases and row.date for row in rows)


def test_probes_have_an_area_a_sentence_and_an_id_of_their_own() -> None:
    assert len(KNOWN) == len(REQUIREMENTS)
    assert [*dict.fromkeys(one.area for one in REQUIREMENTS)] == [*AREAS]
    for one in REQUIREMENTS:
        assert one.sentence.endswith("."), one.id
        assert one.asks or one.area == "graph", one.id


def test_what_is_chosen() -> None:
    core = chosen(REQUIREMENTS, profile=Profile.CORE)
    assert {one.profile for one in core} == {Profile.CORE}
    calm = tuple(probe for probe in REQUIREMENTS if not probe.disturbs)
    assert chosen(REQUIREMENTS, profile=Profile.EXTENDED) == calm
    named = chosen(REQUIREMENTS, profile=Profile.CORE, ids=("models", "chat.id"))
    assert {one.id for one in named} > {"chat.id", "models.one"}
    assert {one.area for one in named} == {"models", "chat"}


# What answers.


def looked_at(answer: Answering, **options: object) -> ServedGraph:
    with on_port(answer) as url, Recorder(Address(url=url, model=MODEL)) as recorder:
        return served_graph(recorder, **options)  # type: ignore[arg-type]


def test_what_a_server_serves_is_found_out() -> None:
    graph = looked_at(RightServer().reply)
    assert graph.release == RELEASE
    assert {*graph.unshown} == {*PROMISED_ONLY, Feature.CHOSEN}


def test_the_mock_engine_is_recognized_by_an_answer_of_its_own() -> None:
    server = RightServer()

    def answer(method: str, target: str, headers: dict[str, str], raw: bytes) -> Reply:
        reply = server.reply(method, target, headers, raw)
        if b"output_replay_id:engine" in raw:
            document = json.loads(b"".join(reply.pieces))
            document["choices"][0]["message"]["content"] = ENGINE
            return as_json(document)
        return reply

    assert looked_at(answer).engine == "mock"
    assert looked_at(answer, engine="vllm").engine == "mock"
    assert looked_at(server.reply, engine="vllm").engine == "vllm"


@pytest.mark.parametrize("promised", [frozenset(), frozenset(Feature)], ids=["no", "all"])
def test_what_the_mock_engine_passes_over_is_named(promised: frozenset[Feature]) -> None:
    graph = looked_at(RightServer().reply, engine="mock", promised=promised)
    assert "seed" in graph.unshown[Feature.DETERMINED]
    assert Feature.LOGPROBS in graph.unshown


def _serving(features: frozenset[GraphFeature]) -> Serving:
    return Serving(
        model=MODEL,
        source=MODEL,
        roles={Role.AGG: 1},
        router_mode="round-robin",
        kv_events=False,
        features=features,
    )


def test_harmony_is_not_shown_with_the_mock_engine() -> None:
    features = frozenset({GraphFeature.HARMONY, GraphFeature.TOOL_CALLS, GraphFeature.REASONING})
    writes_harmony = _serving(features)
    for engine, serving, is_named in (
        ("mock", writes_harmony, True),
        ("mock", _serving(features - {GraphFeature.HARMONY}), False),
        ("vllm", writes_harmony, False),
    ):
        graph = looked_at(RightServer().reply, engine=engine, serving=serving)
        named = "vocabulary" in graph.unshown.get(Feature.TOOL_PARSER, "")
        assert named is is_named, (engine, serving)


def _only(*targets: str) -> Answering:
    server = RightServer()

    def answer(method: str, target: str, headers: dict[str, str], raw: bytes) -> Reply:
        if target in targets:
            return server.reply(method, target, headers, raw)
        return as_json({"error": {"message": "no"}}, 404)

    return answer


def test_a_server_of_vectors_alone() -> None:
    graph = looked_at(_only("/v1/embeddings", "/v1/models"))
    assert Feature.EMBEDDINGS not in graph.unshown
    assert "vectors" in graph.unshown[Feature.TEXT]
    assert graph.release is None
    assert Feature.DYNAMO in graph.unshown


def test_a_server_of_nothing_is_taken_for_one_of_text_that_is_broken() -> None:
    graph = looked_at(_only())
    assert Feature.TEXT not in graph.unshown
    assert Feature.EMBEDDINGS in graph.unshown


def test_what_is_promised_is_not_lacking() -> None:
    graph = looked_at(_only(), promised=frozenset(Feature))
    # What is chosen is not drawn.
    assert {*graph.unshown} == {Feature.DETERMINED}


def test_an_answer_is_chosen_where_the_engine_can() -> None:
    with on_port(RightServer().reply) as url, Recorder(Address(url=url, model=MODEL)) as recorder:
        drawn = recorder.ask(unicode.ASKED)
        served_graph(recorder, engine="mock")
        chosen = recorder.ask(unicode.STREAMED)
    assert "nvext" not in drawn.request
    assert chosen.request["nvext"] == {"annotations": ["output_replay_id:unicode"]}
    assert "output_replay_id:unicode" in chosen.curl()


def _answers(**message: object) -> Answering:
    """Return a server whose chosen answers are right, and whose messages have these fields."""
    server = RightServer()

    def answer(method: str, target: str, headers: dict[str, str], raw: bytes) -> Reply:
        reply = server.reply(method, target, headers, raw)
        if b"output_replay_id:plain" in raw or not target.endswith("completions"):
            return reply
        body = json.loads(b"".join(reply.pieces))
        body["choices"][0]["message"] = {"role": "assistant", **message}
        return as_json(body)

    return answer


def test_a_mock_engine_whose_workers_name_no_parser_shows_none() -> None:
    graph = looked_at(_answers(content="<tool_call>", tool_calls=None), engine="mock")
    for feature in (Feature.TOOL_PARSER, Feature.REASONING):
        assert "by a parser that the workers name" in graph.unshown[feature]
    assert {Feature.CHOSEN, Feature.REPEATED}.isdisjoint(graph.unshown)
    parsed = looked_at(RightServer().reply, engine="mock")
    assert {Feature.TOOL_PARSER, Feature.REASONING}.isdisjoint(parsed.unshown)
    assert "tool_choice" in parsed.unshown[Feature.TOOLS]


def test_a_worker_that_draws_though_it_is_mocked_shows_nothing_that_is_chosen() -> None:
    drawing = lying(RightServer().reply, Lie("", (), ask=asking(drop("nvext"))))
    graph = looked_at(drawing, engine="mock", promised=frozenset({Feature.TOOL_PARSER}))
    for feature in (Feature.CHOSEN, Feature.REPEATED, Feature.TOOL_PARSER, Feature.REASONING):
        assert "draw at random" in graph.unshown[feature]


def test_a_promised_tool_is_parsed_too() -> None:
    graph = looked_at(_answers(content="no"), promised=frozenset({Feature.TOOLS}))
    assert {Feature.TOOLS, Feature.TOOL_PARSER}.isdisjoint(graph.unshown)


def test_a_chosen_call_that_is_not_parsed_is_a_fault() -> None:
    lost = lying(RightServer().reply, Lie("", (), ask=asking(put("tool_choice", "none"))))
    names = ("tools.auto", "tools.several", "tools.several-streamed")
    with on_port(lost) as url, Recorder(Address(url=url, model=MODEL)) as recorder:
        graph = served_graph(recorder, promised=frozenset(Feature))
        judge = Judge(recorder, graph, deviations=())
        chosen = {name: judge.result(KNOWN[name]).outcome for name in names}
    assert set(chosen.values()) == {Outcome.FAIL}
    drawn = {one.outcome for one in results(lost, *names)}
    assert drawn == {Outcome.UNSUPPORTED}


def test_the_only_model() -> None:
    one = {"object": "list", "data": [{"id": "a"}]}
    two = {"data": [{"id": "a"}, {"id": "b", "parent": "a"}]}
    for listed, model in ((one, "a"), (two, "a"), ({"data": []}, None), ([], None)):

        def answer(*_: object, listed: object = listed) -> Reply:
            return as_json(listed)

        with on_port(answer) as url, Recorder(Address(url=url, model="")) as recorder:
            if model is None:
                with pytest.raises(UnknownModelError):
                    only_model(recorder)
            else:
                assert only_model(recorder) == model


# Reports.


def a_report() -> Report:
    def reply(asked: Asked, answer: Reply) -> Reply:
        raw = b"".join(whole(put("id", "MARK"))(asked, answer).pieces)
        return replace(answer, pieces=[raw.replace(b"MARK", rb"\u001b[2J\ud800")])

    failing = lying(RightServer().reply, Lie("", (), reply=reply))
    ids = ["models.answered", "chat.model", "chat.id-unique", "sampling.n"]
    found = results(failing, *ids, unshown={Feature.CHOICES: "one choice alone"})
    return Report(
        url="http://host", model=MODEL, release=RELEASE, engine=None, profile=Profile.CORE,
        date="2026-11-30T00:00:00+00:00", seconds=1.5, results=tuple(found),
    )  # fmt: skip


REPORT = a_report()


def test_the_text_counts_by_area_and_shows_what_failed() -> None:
    text = reports.text(REPORT)
    lines = text.splitlines()
    assert lines[0] == "org/model at http://host"
    total = next(one for one in lines if one.startswith("all"))
    assert total.split() == ["all", "2", "1", "0", "1", "0"]
    assert "FAIL chat.id-unique: Two answers have two ids." in lines
    assert all(one.isprintable() for one in lines)
    assert "  expected:  two ids" in lines
    assert "UNSUPPORTED one choice alone: sampling.n" in lines


def test_the_json_has_what_two_runs_are_compared_by() -> None:
    read = json.loads(reports.json_text(REPORT))
    assert {*read} >= {"version", "release", "engine", "date", "profile", "results"}
    assert [(one["id"], one["outcome"]) for one in read["results"]] == [
        ("models.answered", "PASS"), ("chat.model", "PASS"), ("chat.id-unique", "FAIL"),
        ("sampling.n", "UNSUPPORTED"),
    ]  # fmt: skip
    assert {*read["results"][2]} >= {"area", "profile", "expected", "got", "curl", "exchanges"}


def test_the_junit_counts_and_is_xml() -> None:
    suite = ET.fromstring(reports.junit(REPORT))  # noqa: S314 - our own
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("4", "1", "1")
    assert suite.find("testcase[@name='chat.id-unique']/failure") is not None


# Whatever comes, a judge ends with an outcome.

KEYS = st.sampled_from(
    ["id", "choices", "message", "content", "usage", "data", "object", "created", "index", "delta",
     "prompt_tokens", "completion_tokens", "tool_calls", "function", "logprobs", "error", "output",
     "finish_reason", "embedding", "text", "nvext", "type", "response"]
)  # fmt: skip
ANY = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 10**12) | st.text(max_size=5) | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=12,
)
STREAMED = ANY.map(lambda one: f"data: {json.dumps(one)}\n\n".encode())


def an_exchange(body: bytes, status: int) -> Exchange:
    return Exchange(
        name="any", method="POST", url="http://host/v1/models/m", request_headers=(),
        request_body=b'{"model": "m", "max_tokens": 3}', key_name=None, began=1.0, seconds=1.0,
        status=status, headers=(("content-type", "application/json"),), error="",
        chunks=(Chunk(0.1, body),),
    )  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    bodies=st.lists(
        ANY.map(lambda one: json.dumps(one).encode())
        | st.lists(STREAMED, max_size=3).map(b"".join)
        | st.binary(max_size=30),
        min_size=8,
        max_size=8,
    ),
    status=st.sampled_from([200, 200, 200, 400, 404, 500, 0]),
)
def test_a_judge_never_breaks(bodies: Sequence[bytes], status: int) -> None:
    exchanges = [an_exchange(body, status) for body in bodies]
    graph = ServedGraph(model=MODEL, release=None, engine=None, unshown={}, serving=SERVING)
    for one in REQUIREMENTS:
        given_ones = [
            replace(exchanges[place % 8], name=f"{question.name}@w")
            if question.of_workers
            else replace(exchanges[place % 8], name=question.name)
            for place, question in enumerate(one.asks)
        ]
        try:
            one.judge(*([graph] if one.of_graph else []), *given_ones)
        except (Fault, CannotShow, NotAnswered, Unjudged):
            continue
