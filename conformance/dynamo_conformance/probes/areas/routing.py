"""Which workers answer, as the frontends themselves name them, however many frontends there are.

Each frontend routes by a view of its own, and any of them may answer. So every question opens a new
connection, which a Service leads to any of them, and their counters show whether all have answered.
"""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Final

from dynamo_conformance.probes.areas.operations import METRICS_PATH, REQUESTS
from dynamo_conformance.probes.exchange import (
    JSON_BODY,
    OK,
    CannotShow,
    Headers,
    Json,
    expect,
    find,
    number,
    objects,
    string,
)
from dynamo_conformance.probes.metrics import sums
from dynamo_conformance.probes.probe import DYNAMO, Feature, Profile, probe
from dynamo_conformance.probes.questions import completion, get

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dynamo_conformance.probes.exchange import Exchange, JsonObject, Question

NEEDS = (Feature.TEXT, Feature.DYNAMO)
FIELDS: Final[Json] = {"extra_fields": ["worker_id", "timing"]}
STAGES: Final = ("prefill", "decode")
PREFILL: Final = "prefill"
"""The component that prefill workers register as, beside the stage."""

CLOSE: Final[Headers] = (("connection", "close"),)
PROMPTS: Final = 8
REPEATED: Final = 4
"""How many of the prompts are sent again."""

REPEATS: Final = 3
LOOKS: Final = 4
"""How often a new connection looks at the counters, so that it has seen every frontend."""

SETTLE_SECONDS: Final = 1.0
"""How long the workers' KV events may take to reach every frontend."""

CHOICE: Final = 2
"""How many workers a router must have for its choice to mean anything."""

FRONTEND: Final = re.compile(r'dynamo_component_uptime_seconds\{[^}]*worker_id="([^"]+)"')
"""By this series a frontend names itself."""

ASKED = completion("routing", nvext=FIELDS)
INSTANCES = get("routing-instances", "/health")


def _prompt(name: str, subject: int, end: str = "") -> Question:
    """Return a question with a prompt that no cache holds from an earlier run."""

    def unseen(exchange: Exchange) -> JsonObject:
        head = f"Book {subject} of {string(exchange.answer, 'id')}."
        verses = " ".join(f"Verse {verse} of song {subject}." for verse in range(40))
        return {"prompt": f"{head} {verses} {end}"}

    question = completion(f"routing-{name}", nvext=FIELDS)
    return replace(question, headers=(*JSON_BODY, *CLOSE), after=ASKED, derive=unseen)


def _looks(moment: str) -> tuple[Question, ...]:
    return tuple(
        get(f"routing-frontends-{moment}-{look}", METRICS_PATH, headers=CLOSE)
        for look in range(LOOKS)
    )


START, MIDDLE, END = (_looks(moment) for moment in ("start", "middle", "end"))
FIRST = tuple(_prompt(f"prompt-{subject}", subject) for subject in range(PROMPTS))
AGAIN = tuple(
    replace(
        _prompt(f"prompt-{subject}-again-{repeat}", subject, f"Repeat {repeat}."),
        pause=0.0 if subject or repeat else SETTLE_SECONDS,
    )
    for subject in range(REPEATED)
    for repeat in range(REPEATS)
)
AT_ONCE = tuple(
    replace(_prompt(f"at-once-{subject}", PROMPTS + subject), together=True)
    for subject in range(PROMPTS)
)
PREFIXES = (*START, *FIRST, *MIDDLE, *AGAIN, *END)
GROUPS = (START, FIRST, MIDDLE, AGAIN, END)


def _grouped(exchanges: Sequence[Exchange]) -> list[tuple[Exchange, ...]]:
    """Return the exchanges in the groups in which they were asked."""
    rest = iter(exchanges)
    return [tuple(islice(rest, len(group))) for group in GROUPS]


def _worker(exchange: Exchange, stage: str) -> int:
    return number(exchange.answer, "nvext", "worker_id", f"{stage}_worker_id")


def _components(health: Exchange) -> dict[int, str]:
    """Return the component of each worker that the frontend lists; nothing when it lists none."""
    if health.status != OK:
        return {}
    return {
        number(instance, "instance_id"): str(instance.get("component"))
        for instance in objects(health.answer, "instances")
        if instance.get("endpoint") == "generate"
    }


def _requests(looks: Sequence[Exchange]) -> dict[str, float]:
    """Return how many requests each frontend has answered, as far as it can be seen."""
    counts: dict[str, float] = {}
    for look in looks:
        names = {*FRONTEND.findall(look.text)} if look.status == OK else set()
        if len(names) == 1:
            counts[names.pop()] = sums(look.text, REQUESTS) or 0.0
    return counts


def _require_all_answered(before: Sequence[Exchange], after: Sequence[Exchange]) -> None:
    """Return unless a frontend can be seen to have answered none of the questions in between.

    Raises:
        CannotShow: There is one: nothing is known of how it routes.
    """
    had, has = _requests(before), _requests(after)
    idle = [name for name, count in has.items() if count <= had.get(name, -1.0)]
    if idle:
        raise CannotShow(f"of {len(has)} frontends behind the address {len(idle)} answered nothing")


def expect_known(repeats: Sequence[Exchange]) -> None:
    """Fault unless the router knew, at each repeat of a prompt's beginning, that it was cached.

    Raises:
        CannotShow: The answers do not tell.
    """
    rates = [find(repeat.answer, "nvext", "timing", "kv_hit_rate") for repeat in repeats]
    if all(rate is None for rate in rates):
        raise CannotShow("the answers do not tell what the router knew: no kv_hit_rate")
    known = [rate for rate in rates if isinstance(rate, int | float) and rate > 0]
    expect(len(known) == len(rates), "a kv_hit_rate over 0 in all repeats", rates)


@probe("routing.worker-ids", ASKED, INSTANCES, source=DYNAMO, profile=Profile.EXTENDED, needs=NEEDS)
def worker_ids(exchange: Exchange, health: Exchange) -> None:
    """An answer names the workers that prefilled and decoded it, when asked to; both are listed."""
    listed = _components(health)
    for stage in STAGES:
        worker = _worker(exchange, stage)
        expect(not listed or worker in listed, f"one of the workers {[*listed]}", worker)


@probe("routing.timing", ASKED, source=DYNAMO, profile=Profile.EXTENDED, needs=NEEDS)
def timing(exchange: Exchange) -> None:
    """An answer tells how long it took, when asked to."""
    got = find(exchange.answer, "nvext", "timing")
    expect(isinstance(got, dict) and got, "a timing", exchange.summary)


@probe(
    "routing.disaggregated", INSTANCES, *START, *FIRST, *MIDDLE, source=DYNAMO,
    profile=Profile.EXTENDED, needs=(*NEEDS, Feature.DISAGGREGATED),
)  # fmt: skip
def disaggregated(health: Exchange, *exchanges: Exchange) -> None:
    """Each prompt is prefilled by one worker and decoded by another, and no worker does both."""
    before, answers, after, *_ = _grouped(exchanges)
    prefills, decodes = ({_worker(answer, stage) for answer in answers} for stage in STAGES)
    both = sorted(prefills & decodes)
    expect(not both, "workers that prefill or decode", f"both by {both}" if both else "")
    listed = _components(health)
    proper = {worker for worker, component in listed.items() if component == PREFILL}
    expect(not proper or prefills <= proper, f"prefill by {sorted(proper)}", sorted(prefills))
    _require_all_answered(before, after)


@probe(
    "routing.prefix", INSTANCES, *PREFIXES, source=DYNAMO, profile=Profile.EXTENDED,
    needs=(*NEEDS, Feature.KV_ROUTER),
)  # fmt: skip
def prefix(health: Exchange, *exchanges: Exchange) -> None:
    """Prompts that begin alike go to the worker that has their beginning in its cache."""
    _require_choice(health)
    _, first, before, again, after = _grouped(exchanges)
    holders = [_worker(answer, PREFILL) for answer in first[:REPEATED] for _ in range(REPEATS)]
    workers = [_worker(answer, PREFILL) for answer in again]
    expect(workers == holders, f"{REPEATS} times each of {holders[::REPEATS]}", workers)
    _require_all_answered(before, after)


@probe(
    "routing.prefix-known", *PREFIXES, source=DYNAMO, profile=Profile.EXTENDED,
    needs=(*NEEDS, Feature.KV_ROUTER),
)  # fmt: skip
def prefix_known(*exchanges: Exchange) -> None:
    """The router of each frontend knows that a prompt's beginning is cached where it goes."""
    _, _, before, again, after = _grouped(exchanges)
    expect_known(again)
    _require_all_answered(before, after)


@probe(
    "routing.spread", INSTANCES, *FIRST, *AT_ONCE, source=DYNAMO, profile=Profile.EXTENDED,
    needs=(*NEEDS, Feature.KV_ROUTER),
)  # fmt: skip
def spread(health: Exchange, *exchanges: Exchange) -> None:
    """Prompts that begin differently are spread over the workers."""
    _require_choice(health)
    workers = {_worker(exchange, PREFILL) for exchange in exchanges}
    expect(len(workers) > 1, "several workers", sorted(workers))


def _require_choice(health: Exchange) -> None:
    """Raise when only one worker is there that could hold a prompt's beginning.

    Raises:
        CannotShow: So every router would do.
    """
    components = [*_components(health).values()]
    holders = components.count(PREFILL) or len(components)
    if 0 < holders < CHOICE:
        raise CannotShow("one worker leaves the router no choice")
