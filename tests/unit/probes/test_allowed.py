"""What a server may do: seen with servers of others, and no fault of theirs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.probes.areas import LAST, load_probes
from dynamo_conformance.probes.graph import ServedGraph
from dynamo_conformance.probes.probe import Feature, Outcome, Result
from dynamo_conformance.probes.recorder import Address, Recorder
from dynamo_conformance.probes.run import SILENT, Judge
from lies import (
    CHAT,
    COMPLETIONS,
    Lie,
    asking,
    having,
    lying,
    pieces,
    put,
    shared_character,
    stream,
    texts,
    when,
    whole,
)
from right_server import MODEL, RightServer, on_port

if TYPE_CHECKING:
    from collections.abc import Callable

    from lies import Answering, Asked
    from right_server import Body, Reply

KNOWN = {one.id: one for one in load_probes()}


def outcomes(answer: Answering, *ids: str, timeout: float = 60.0) -> dict[str, Result]:
    graph = ServedGraph(model=MODEL, release=None, engine=None, unshown={})
    with (
        on_port(answer) as url,
        Recorder(Address(url=url, model=MODEL, timeout=timeout)) as recorder,
    ):
        judge = Judge(recorder, graph, deviations=())
        return {one: judge.result(KNOWN[one]) for one in ids}


def first_only(change: Callable[[Asked, Reply], Reply]) -> Callable[[Asked, Reply], Reply]:
    """Return what changes the first answer, and no other."""
    done: list[bool] = []

    def changed(asked: Asked, reply: Reply) -> Reply:
        if done:
            return reply
        done.append(True)
        return change(asked, reply)

    return changed


ENDED = whole(put("choices.*.finish_reason", "stop"))
ENDED_STREAM = stream(put("choices.*.finish_reason", lambda old: old and "stop"))


@pytest.mark.parametrize("api", ["chat", "completions"])
@pytest.mark.parametrize(
    ("name", "change"), [("{}.finish-length", ENDED), ("streaming.{}-finish-length", ENDED_STREAM)]
)
def test_the_last_token_may_be_the_end(
    api: str, name: str, change: Callable[[Asked, Reply], Reply]
) -> None:
    right = RightServer().reply
    probe = name.format(api)
    (once,) = outcomes(lying(right, Lie("", (), reply=first_only(change))), probe).values()
    assert once.outcome is Outcome.PASS
    (always,) = outcomes(lying(right, Lie("", (), reply=change)), probe).values()
    assert always.outcome is Outcome.FAIL
    assert always.got.count("after") == 2


def _short(document: Body) -> None:
    document["choices"][0] |= {"text": " no", "finish_reason": "stop"}
    document["usage"]["completion_tokens"] = 4


def test_two_short_answers_do_not_show_best_of() -> None:
    short = Lie("", (), reply=when(having("best_of"), whole(_short)))
    (result,) = outcomes(lying(RightServer().reply, short), "completions.best-of").values()
    assert result.outcome is Outcome.UNSUPPORTED


def _thinking(field: str, *, says: str | None) -> Callable[[Body], None]:
    def edit(document: Body) -> None:
        for choice in document["choices"]:
            said = choice.get("message") or choice.get("delta") or {}
            if said.get("content"):
                said[field], said["content"] = said["content"], says

    return edit


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_thoughts_count_as_text_where_there_is_no_other(field: str) -> None:
    edit = _thinking(field, says=None)
    change = lambda asked, reply: stream(edit)(asked, whole(edit)(asked, reply))  # noqa: E731
    # Chosen answers have no thoughts.
    names = [
        name
        for name, probe in KNOWN.items()
        if name.startswith(("chat.", "streaming.chat")) and Feature.CHOSEN not in probe.needs
    ]
    results = outcomes(lying(RightServer().reply, Lie("", (), reply=change)), *names)
    wrong = {name: one.got for name, one in results.items() if one.outcome is not Outcome.PASS}
    assert wrong == {}


def test_all_tokens_may_be_thoughts() -> None:
    def all_thoughts(document: Body) -> None:
        if "output" in document:
            thought = {"type": "reasoning", "id": "rs_1", "summary": []}
            document |= {"output": [thought], "status": "incomplete"}
        elif document.get("type") == "message":
            document["content"] = [{"type": "thinking", "thinking": "Hm.", "signature": "1"}]
        elif "choices" in document:
            _thinking("reasoning", says=None)(document)
            for choice in document["choices"]:
                choice["finish_reason"] = "length"

    places = (CHAT, "/v1/responses", "/v1/messages")
    lie = Lie("", (), reply=whole(all_thoughts, on=places))
    names = ("sampling.n-different", "sampling.n-usage-text", "structured.schema",
             "responses.answered", "messages.answered")  # fmt: skip
    results = outcomes(lying(RightServer().reply, lie), *names)
    unshown = [name for name, one in results.items() if one.outcome is not Outcome.PASS]
    assert unshown == ["structured.schema"]
    assert results["structured.schema"].outcome is Outcome.UNSUPPORTED


def test_thoughts_cost_tokens_beside_the_text() -> None:
    change = whole(_thinking("reasoning", says="No."), on=(CHAT,))
    (result,) = outcomes(
        lying(RightServer().reply, Lie("", (), reply=change)), "chat.usage-text"
    ).values()
    assert result.outcome is Outcome.PASS


def test_an_answer_may_be_cut_within_a_character() -> None:
    change = whole(texts(lambda text: f"{text}\ufffd"))
    names = ("chat.characters", "unicode.characters", "unicode.same-text")
    results = outcomes(lying(RightServer().reply, Lie("", (), reply=change)), *names)
    assert {one.outcome for one in results.values()} == {Outcome.PASS}


def test_some_tokens_may_have_fewer_alternatives() -> None:
    def fewer(document: Body) -> None:
        document["choices"][0]["logprobs"]["content"][0]["top_logprobs"].pop()

    change = when(having("top_logprobs"), whole(fewer))
    (result,) = outcomes(
        lying(RightServer().reply, Lie("", (), reply=change)), "sampling.top-logprobs"
    ).values()
    assert result.outcome is Outcome.PASS


def test_what_is_passed_over_fails_once() -> None:
    def without(body: Body) -> None:
        body.pop("n", None)
        body.pop("logprobs", None)
        body.pop("top_logprobs", None)

    names = ("sampling.n", "sampling.n-different", "sampling.logprobs", "sampling.top-logprobs")
    results = outcomes(lying(RightServer().reply, Lie("", (), ask=asking(without))), *names)
    assert [results[one].outcome for one in names] == [Outcome.FAIL, Outcome.NOT_RUN] * 2


def test_streams_that_never_say_done_do_not_fail_for_being_many() -> None:
    never = Lie("", (), reply=pieces(lambda parts: parts[:-1]))
    names = ("streaming.chat-done", "lifetime.many-streamed")
    results = outcomes(lying(RightServer().reply, never), *names)
    assert [results[one].outcome for one in names] == [Outcome.FAIL, Outcome.PASS]


def test_a_request_id_is_asked_of_dynamo_alone() -> None:
    assert Feature.DYNAMO in KNOWN["operations.request-id"].needs


def test_a_prompt_of_any_length_is_asked_last() -> None:
    calm = [probe.id for probe in KNOWN.values() if not probe.disturbs]
    assert tuple(calm[-len(LAST) :]) == LAST


def test_a_server_that_hangs_is_not_asked_for_ever() -> None:
    asked: list[str] = []

    def hanging(method: str, target: str, headers: dict[str, str], raw: bytes) -> Reply:
        if target in (CHAT, COMPLETIONS):
            asked.append(target)
            time.sleep(1)
        return RightServer().reply(method, target, headers, raw)

    names = ("chat.answered", "chat.simplest", "chat.stream-false", "chat.nulls", "chat.role")
    results = outcomes(hanging, *names, timeout=0.3)
    assert len(asked) == SILENT
    assert [results[one].outcome for one in names] == [
        *[Outcome.FAIL] * SILENT, *[Outcome.NOT_RUN] * 2,
    ]  # fmt: skip
    assert results["chat.nulls"].reason == f"no answer to {SILENT} questions in a row"


@pytest.mark.parametrize(
    ("shares", "outcome"),
    [
        (([195], [169]), Outcome.PASS),
        (([], [195, 169]), Outcome.PASS),
        (([239, 191, 189], [239, 191, 189]), Outcome.FAIL),
    ],
    ids=["halves", "the second has all", "unreadable"],
)
def test_a_character_may_be_of_several_tokens(
    shares: tuple[list[int], ...], outcome: Outcome
) -> None:
    reply = whole(shared_character(*shares))
    names = ("sampling.logprobs-text", "unicode.logprobs")
    results = outcomes(lying(RightServer().reply, Lie("", (), reply=reply)), *names)
    assert [results[name].outcome for name in names] == [Outcome.PASS, outcome]
