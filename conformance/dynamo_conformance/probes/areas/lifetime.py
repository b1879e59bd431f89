"""Clients that leave, many at once, connections that are kept, and large bodies."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from dynamo_conformance.probes import judging
from dynamo_conformance.probes.areas.operations import METRICS_PATH
from dynamo_conformance.probes.exchange import CannotShow, expect
from dynamo_conformance.probes.metrics import sums
from dynamo_conformance.probes.probe import DYNAMO, HTTP, Feature, Profile, probe
from dynamo_conformance.probes.questions import CHAT, STREAM, chat, get, user, varied

if TYPE_CHECKING:
    from dynamo_conformance.probes.exchange import Exchange

TEXT = (Feature.TEXT,)
MANY: Final = 8
LEFT_SECONDS: Final = 1.5
TOGETHER = tuple(
    replace(
        chat(f"many-{number}", messages=[user(f"Count from {number} to {number + 9}.")]),
        together=True,
    )
    for number in range(MANY)
)
TOGETHER_STREAMED = tuple(
    varied(question, f"{question.name}-streamed", **STREAM) for question in TOGETHER
)
LEAVING = replace(
    chat("leaving", messages=[user("Count from 1 to 2000.")], max_tokens=2000, stream=True),
    leave_after=2,
)
AFTER = chat("after-leaving")
ACTIVE = replace(get("metrics-after-leaving", METRICS_PATH), pause=LEFT_SECONDS)
LARGE = chat("large", messages=[user("sea " * 2000)])
UNFINISHED: Final = ("dynamo_frontend_inflight_requests", "dynamo_frontend_active_requests")


@probe("lifetime.many", *TOGETHER, needs=TEXT)
def many(*exchanges: Exchange) -> None:
    """Eight questions at once are all answered."""
    for exchange in exchanges:
        expect(judging.whole_text(CHAT, exchange).strip(), "a text", exchange.summary)


@probe("lifetime.many-ids", *TOGETHER, needs=TEXT)
def many_ids(*exchanges: Exchange) -> None:
    """Answers that are made at once have ids of their own."""
    ids = [judging.has_id(exchange.answer) for exchange in exchanges]
    expect(len(set(ids)) == len(ids), "an id for each answer", ids)


@probe("lifetime.many-streamed", CHAT.streamed, *TOGETHER_STREAMED, needs=TEXT)
def many_streamed(alone: Exchange, *exchanges: Exchange) -> None:
    """Eight streams at once all end as a single one does."""
    ends = bool(judging.done_frames(alone))
    for exchange in exchanges:
        got = judging.streamed(CHAT, exchange)
        expect(got.text.strip() and got.reason, "a text and its end", exchange.summary)
        is_ended = bool(judging.done_frames(exchange)) >= ends
        expect(is_ended, "data: [DONE]", exchange.text[-80:])


@probe("lifetime.many-apart", *TOGETHER_STREAMED, needs=TEXT)
def many_apart(*exchanges: Exchange) -> None:
    """No chunk of one stream comes in another."""
    for exchange in exchanges:
        judging.same_in_all(judging.streamed(CHAT, exchange).chunks, "id")


@probe("lifetime.left", LEAVING, AFTER, needs=TEXT)
def left(leaving: Exchange, after: Exchange) -> None:
    """When a client has left in the middle of a stream the next one is answered."""
    leaving.require_answered()
    expect(judging.whole_text(CHAT, after).strip(), "a text", after.summary)


@probe(
    "lifetime.left-ends", LEAVING, ACTIVE, source=DYNAMO, profile=Profile.EXTENDED,
    needs=(*TEXT, Feature.DYNAMO),
)  # fmt: skip
def left_ends(leaving: Exchange, metrics: Exchange) -> None:
    """When a client has left its request ends: the frontend counts it as active no more."""
    leaving.require_answered()
    metrics.require_answered()
    active = [value for name in UNFINISHED if (value := sums(metrics.text, name)) is not None]
    if not active:
        raise CannotShow("the frontend does not count active requests")
    expect(max(active) == 0, f"no active request {LEFT_SECONDS} s later", f"{max(active):g}")


@probe("lifetime.kept", CHAT.plain, CHAT.again, source=HTTP, profile=Profile.EXTENDED, needs=TEXT)
def kept(*exchanges: Exchange) -> None:
    """A connection is kept for the next question."""
    for exchange in exchanges:
        exchange.require_answered()
        connection = exchange.header("connection").lower()
        expect(connection != "close", "a connection that is kept", f"connection: {connection}")


@probe("lifetime.large", LARGE, profile=Profile.EXTENDED, needs=TEXT)
def large(exchange: Exchange) -> None:
    """A prompt of 8 kB is answered, or refused with 400 where the context is too short."""
    expect(exchange.status in (200, 400, 413), "HTTP 200 or 400", exchange.summary)
