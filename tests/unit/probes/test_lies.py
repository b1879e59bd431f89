"""No lie about an endpoint stays unnoticed, and each probe has been seen to fail."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.probes.areas import load_probes
from dynamo_conformance.probes.graph import served_graph
from dynamo_conformance.probes.probe import Feature, Outcome, Probe, Result
from dynamo_conformance.probes.recorder import Address, Recorder
from dynamo_conformance.probes.run import Judge
from lies import CHAT, Lie, forwarded, lying, stream, whole
from lies import pieces as edited
from more_lies import LIES
from right_server import MODEL, RightServer, on_port

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lies import Answering, Asked, ReplyChange
    from right_server import Body, Reply

# Those of a graph need workers, and are in test_graph_probes.py.
REQUIREMENTS = tuple(one for one in load_probes() if one.area != "graph" and not one.disturbs)
KNOWN = {one.id: one for one in REQUIREMENTS}


def judged(answer: Answering, ids: Iterable[str] | None = None) -> dict[str, Result]:
    """Return the results of a server, by probe; it is said to serve everything.

    What is drawn and what is chosen cannot be shown in one run.
    """
    probes = REQUIREMENTS if ids is None else [KNOWN[one] for one in ids]
    told: dict[str, Result] = {}
    for is_chosen in (False, True):
        group = [probe for probe in probes if (Feature.CHOSEN in probe.needs) is is_chosen]
        promised = frozenset(Feature) - (set() if is_chosen else {Feature.CHOSEN})
        if group:
            told |= _results(answer, group, promised)
    return told


def _results(
    answer: Answering, probes: Iterable[Probe], promised: frozenset[Feature]
) -> dict[str, Result]:
    with (
        on_port(answer) as url,
        Recorder(Address(url=url, model=MODEL), sleep=lambda _: None) as recorder,
    ):
        graph = served_graph(recorder, promised=promised)
        results = Judge(recorder, graph).results(probes)
        return {result.probe.id: result for result in results}


def test_a_server_that_is_right_passes_everything() -> None:
    results = judged(RightServer().reply)
    wrong = {name: one.got for name, one in results.items() if one.outcome is not Outcome.PASS}
    assert wrong == {}


def test_what_stands_before_a_server_and_tells_no_lie_changes_no_outcome() -> None:
    with on_port(RightServer().reply) as url:
        results = judged(lying(forwarded(url), None))
    wrong = {name: one.got for name, one in results.items() if one.outcome is not Outcome.PASS}
    assert wrong == {}


def _split(pieces: list[bytes]) -> list[bytes]:
    data = b"".join(pieces)
    return [data[at : at + 7] for at in range(0, len(data), 7)]


HONEST: dict[str, ReplyChange] = {
    "comments": edited(lambda pieces: [b": still here\n\n", *pieces]),
    "other line ends": edited(lambda pieces: [one.replace(b"\n", b"\r\n") for one in pieces]),
    "pieces that end anywhere": edited(_split),
    "names of events": edited(lambda pieces: [b"event: message\n" + one for one in pieces]),
    "no space after the colon": edited(
        lambda pieces: [one.replace(b"data: ", b"data:", 1) for one in pieces]
    ),
    "further fields": stream(lambda document: document.update(provider={"region": "west"})),
}


@pytest.mark.parametrize("change", HONEST.values(), ids=HONEST.keys())
def test_what_a_server_may_do_fails_nothing(change: ReplyChange) -> None:
    streams = [one for one in KNOWN if "stream" in one]
    results = judged(lying(RightServer().reply, Lie("", (), reply=change)), streams)
    wrong = {name: one.got for name, one in results.items() if one.outcome is not Outcome.PASS}
    assert wrong == {}


def _thinking(document: Body) -> None:
    for choice in document["choices"]:
        said = choice.get("message") or choice.get("delta") or {}
        if said.get("content"):
            said["reasoning_content"], said["content"] = said["content"], None


def _thought(asked: Asked, reply: Reply) -> Reply:
    return stream(_thinking, on=(CHAT,))(asked, whole(_thinking, on=(CHAT,))(asked, reply))


def test_a_model_that_thinks_until_it_is_cut_fails_nothing() -> None:
    areas = ("chat.", "streaming.chat", "roles.", "lifetime.", "unicode.")
    names = [one for one in KNOWN if one.startswith(areas)]
    results = judged(lying(RightServer().reply, Lie("", (), reply=_thought)), names)
    wrong = {name: one.got for name, one in results.items() if one.outcome is not Outcome.PASS}
    assert wrong == {}


@pytest.mark.parametrize("lie", LIES, ids=[one.name for one in LIES])
def test_a_lie_fails_what_it_is_about(lie: Lie) -> None:
    # The graph's own answers come first, as in a run of everything.
    results = judged(lying(RightServer().reply, lie), lie.breaks)
    passed = [name for name, one in results.items() if one.outcome is not Outcome.FAIL]
    assert passed == []
    for one in results.values():
        assert one.expected
        assert one.got
        assert one.curl.startswith("curl ")


def test_every_probe_is_broken_by_a_lie() -> None:
    broken = {name for lie in LIES for name in lie.breaks}
    assert {*KNOWN} - broken == set()
    assert broken - {*KNOWN} == set()
    assert len({lie.name for lie in LIES}) == len(LIES) >= 50
