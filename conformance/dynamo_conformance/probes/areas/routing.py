"""Which workers answer, as the frontend itself names them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from dynamo_conformance.probes.exchange import Json, expect, find, number
from dynamo_conformance.probes.probe import DYNAMO, Feature, Profile, probe
from dynamo_conformance.probes.questions import completion

if TYPE_CHECKING:
    from dynamo_conformance.probes.exchange import Exchange

NEEDS = (Feature.TEXT, Feature.DYNAMO)
FIELDS: Final[Json] = {"extra_fields": ["worker_id", "timing"]}
TIMES: Final = 4
SONGS: Final = 8
PREFIX: Final = " ".join(f"Chapter {number} of the long book of rivers." for number in range(60))
OTHERS: Final = [
    " ".join(f"Verse {number} of song {song}." for number in range(60)) for song in range(SONGS)
]
ASKED = completion("routing", nvext=FIELDS)
REPEATED = tuple(
    completion(f"routing-prefix-{number}", prompt=f"{PREFIX} {number}", nvext=FIELDS)
    for number in range(TIMES)
)
DIFFERENT = tuple(
    replace(completion(f"routing-other-{number}", prompt=text, nvext=FIELDS), together=True)
    for number, text in enumerate(OTHERS)
)


def _worker(exchange: Exchange, stage: str) -> int:
    return number(exchange.answer, "nvext", "worker_id", f"{stage}_worker_id")


@probe("routing.worker-ids", ASKED, source=DYNAMO, profile=Profile.EXTENDED, needs=NEEDS)
def worker_ids(exchange: Exchange) -> None:
    """An answer names the workers that prefilled and decoded it, when asked to."""
    for stage in ("prefill", "decode"):
        _worker(exchange, stage)


@probe("routing.timing", ASKED, source=DYNAMO, profile=Profile.EXTENDED, needs=NEEDS)
def timing(exchange: Exchange) -> None:
    """An answer tells how long it took, when asked to."""
    got = find(exchange.answer, "nvext", "timing")
    expect(isinstance(got, dict) and got, "a timing", exchange.summary)


@probe(
    "routing.disaggregated", ASKED, source=DYNAMO, profile=Profile.EXTENDED,
    needs=(*NEEDS, Feature.DISAGGREGATED),
)  # fmt: skip
def disaggregated(exchange: Exchange) -> None:
    """One worker prefills, and another one decodes."""
    workers = [_worker(exchange, stage) for stage in ("prefill", "decode")]
    expect(workers[0] != workers[1], "two workers", workers)


@probe(
    "routing.prefix", *REPEATED, source=DYNAMO, profile=Profile.EXTENDED,
    needs=(*NEEDS, Feature.KV_ROUTER),
)  # fmt: skip
def prefix(*exchanges: Exchange) -> None:
    """Prompts that begin alike go to the worker that has their beginning in its cache."""
    workers = [_worker(exchange, "prefill") for exchange in exchanges[1:]]
    expect(len(set(workers)) == 1, "one worker", workers)


@probe(
    "routing.spread", *DIFFERENT, source=DYNAMO, profile=Profile.EXTENDED,
    needs=(*NEEDS, Feature.KV_ROUTER),
)  # fmt: skip
def spread(*exchanges: Exchange) -> None:
    """Prompts that begin differently, sent at once, are spread over the workers."""
    workers = {_worker(exchange, "prefill") for exchange in exchanges}
    expect(len(workers) > 1, "several workers", sorted(workers))
