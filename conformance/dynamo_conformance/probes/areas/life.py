"""What becomes of answers when a part of the graph goes away under them.

Questions are streamed at once, and in the middle of their answers something is done to the worker
that is at most of them. Without `-m life` nothing of this is asked.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import takewhile
from typing import TYPE_CHECKING, Final

from dynamo_conformance.probes import judging
from dynamo_conformance.probes.exchange import Event, expect
from dynamo_conformance.probes.probe import DYNAMO, Feature, Profile, probe
from dynamo_conformance.probes.questions import CHAT, STREAM, USAGE, chat, user, varied

if TYPE_CHECKING:
    from dynamo_conformance.probes.exchange import Exchange, Question

TEXT = (Feature.TEXT,)
MIGRATES = (Feature.TEXT, Feature.MIGRATION)
STREAMS: Final = 8
NEAR: Final = 20
"""How many letters before and after a difference are shown."""

TOKENS: Final = 1500
"""So many that an answer takes longer than it takes to do something."""

WHOLE = tuple(
    replace(
        chat(
            f"life-{number}",
            messages=[user(f"Count from {number} to 2000.")],
            temperature=0,
            seed=7,
            max_tokens=TOKENS,
            ignore_eos=True,
            stream_options=USAGE,
            **STREAM,
        ),
        together=True,
    )
    for number in range(STREAMS)
)
"""What is asked, answered by a graph that is left alone."""


def _during(event: Event, name: str) -> tuple[Question, ...]:
    return tuple(replace(varied(each, f"{each.name}-{name}"), during=event) for each in WHOLE)


KILLED = _during(Event.WORKER_KILLED, "worker-killed")
ENDED = _during(Event.WORKER_ENDED, "worker-ended")


def _complete(exchanges: tuple[Exchange, ...]) -> None:
    """Every stream has all of its tokens, its reason and its end."""
    for exchange in exchanges:
        got = judging.streamed(CHAT, exchange)
        tokens = got.usage.get("completion_tokens")
        shown = f"{got.reason} after {tokens} tokens; {exchange.summary}"
        expect(got.reason == judging.FINISH_LENGTH and tokens == TOKENS, _ALL, shown)
        expect(judging.done_frames(exchange), "data: [DONE]", exchange.text[-80:])


_ALL: Final = f"{judging.FINISH_LENGTH} after {TOKENS} tokens"


def _ended(exchanges: tuple[Exchange, ...]) -> None:
    """No client waits for ever."""
    for exchange in exchanges:
        expect("not complete after" not in exchange.error, "an end", exchange.error)
        expect("Timeout" not in exchange.error, "an end", exchange.error)


def _alike(exchanges: tuple[Exchange, ...]) -> None:
    """Answers that were disturbed say what those say that were left alone."""
    half = len(exchanges) // 2
    for whole, disturbed in zip(exchanges[:half], exchanges[half:], strict=True):
        expected, got = (judging.streamed(CHAT, each).text for each in (whole, disturbed))
        letters = zip(expected, got, strict=False)
        same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], letters))
        around = slice(max(same - NEAR, 0), same + NEAR)
        expect(got == expected, f"...{expected[around]}...", f"...{got[around]}...")


@probe("life.worker-killed", *KILLED, source=DYNAMO, needs=MIGRATES)
def worker_killed(*exchanges: Exchange) -> None:
    """Streams of a worker that is killed go on to their end on another."""
    _complete(exchanges)


@probe("life.worker-killed-ends", *KILLED, source=DYNAMO, needs=TEXT)
def worker_killed_ends(*exchanges: Exchange) -> None:
    """No stream of a worker that is killed is left waiting."""
    _ended(exchanges)


@probe(
    "life.worker-killed-text", *WHOLE, *KILLED, source=DYNAMO, profile=Profile.EXTENDED,
    needs=(*MIGRATES, Feature.DETERMINED),
)  # fmt: skip
def worker_killed_text(*exchanges: Exchange) -> None:
    """Text goes on where it stopped when a worker is killed."""
    _alike(exchanges)


@probe("life.worker-ended", *ENDED, source=DYNAMO, needs=MIGRATES)
def worker_ended(*exchanges: Exchange) -> None:
    """Streams of a worker that is asked to end go on to their end."""
    _complete(exchanges)


@probe("life.worker-ended-ends", *ENDED, source=DYNAMO, needs=TEXT)
def worker_ended_ends(*exchanges: Exchange) -> None:
    """No stream of a worker that is asked to end is left waiting."""
    _ended(exchanges)


@probe(
    "life.worker-ended-text", *WHOLE, *ENDED, source=DYNAMO, profile=Profile.EXTENDED,
    needs=(*MIGRATES, Feature.DETERMINED),
)  # fmt: skip
def worker_ended_text(*exchanges: Exchange) -> None:
    """Text goes on where it stopped when a worker is asked to end."""
    _alike(exchanges)
