"""What the manifest of a graph promises of its workers, by what frontend and workers count."""

from __future__ import annotations

import uuid
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from dynamo_conformance.engines.features import GraphFeature
from dynamo_conformance.probes.areas.images import DATA
from dynamo_conformance.probes.areas.models import LIST, NOT_FOUND
from dynamo_conformance.probes.areas.routing import CLOSE, FIELDS, expect_known
from dynamo_conformance.probes.exchange import CannotShow, Fault, Question, expect, objects, string
from dynamo_conformance.probes.probe import DYNAMO, MANIFEST, Feature, Probe, probe
from dynamo_conformance.probes.questions import completion, get

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from prometheus_client.samples import Sample

    from dynamo_conformance.engines.serving import Serving
    from dynamo_conformance.probes.exchange import Exchange
    from dynamo_conformance.probes.graph import ServedGraph

METRICS_PATH: Final = "/metrics"
REQUESTS: Final = "dynamo_component_requests_total"
ROUTED_BY_PREFIX: Final = "dynamo_component_router_kv_selected_cached_prefix_tokens_total"
"""Tokens that the KV router knew to be cached at the workers it chose (Dynamo 1.6.1)."""

SPECULATED: Final = (
    "vllm:spec_decode_num_accepted_tokens",
    "sglang:spec_accept",
    "trtllm_spec",
)
"""Prefixes of the counters of accepted draft tokens."""

OF_WORKERS: Final = ("backend", "prefill", "encode")
"""The components that workers of the engines register as; others are somebody's own."""

TIMES: Final = 4
PREFIXES: Final = 4
REPEATS: Final = 3
WORDS: Final = 100
SETTLE_SECONDS: Final = 0.5
"""How long a worker's KV events may take to reach the router."""


def of_workers(name: str) -> Question:
    """Return the question for the counters of each worker."""
    return replace(get(name, METRICS_PATH), of_workers=True)


def _new_prompt(name: str, text: str) -> Question:
    # A few tokens are enough: what is counted are requests.
    question = completion(name, prompt=text, max_tokens=2, nvext=FIELDS)
    return replace(question, headers=(*question.headers, *CLOSE))


def _prefix() -> str:
    """Return a text that no worker has in its cache: it is another in each process."""
    return " ".join(uuid.uuid4().hex[:6] for _ in range(WORDS))


MOCK = Question(name="mock", path="/engine/mock", fields={}, of_workers=True)
"""Where a mock worker reports about itself; a real engine answers 404."""

HEALTH = get("graph-health", "/health")
PREFILL_BEFORE = of_workers("prefill-before")
PREFILLED = tuple(_new_prompt(f"prefill-{number}", _prefix()) for number in range(TIMES))
PREFILL_AFTER = of_workers("prefill-after")
ENCODE_BEFORE = of_workers("encode-before")
ENCODED = replace(DATA, name="encode")
ENCODE_AFTER = of_workers("encode-after")
DRAFTED = completion("speculation", prompt="1 2 3 4 5 6 7 8 9", max_tokens=64)
DRAFTED_AFTER = of_workers("speculation-after")

PREFIX_TEXTS: Final = tuple(_prefix() for _ in range(PREFIXES))
FIRSTS = tuple(_new_prompt(f"kv-{at}-first", text) for at, text in enumerate(PREFIX_TEXTS))
AGAIN = tuple(
    tuple(
        replace(
            _new_prompt(f"kv-{at}-again-{repeat}", text),
            pause=SETTLE_SECONDS if at == repeat == 0 else 0.0,
        )
        for repeat in range(REPEATS)
    )
    for at, text in enumerate(PREFIX_TEXTS)
)
SERVED_FIRST = tuple(of_workers(f"kv-served-first-{at}") for at in range(PREFIXES + 1))
SERVED_AGAIN = tuple(of_workers(f"kv-served-again-{at}") for at in range(PREFIXES))
KNOWN_BEFORE = get("kv-known-before", METRICS_PATH)
KNOWN_AFTER = get("kv-known-after", METRICS_PATH)


def _serving(graph: ServedGraph) -> Serving:
    if graph.serving is None:
        raise CannotShow("no manifest promises it")
    return graph.serving


def _samples(exchange: Exchange, beginnings: tuple[str, ...]) -> Iterator[Sample]:
    from prometheus_client.parser import text_string_to_metric_families

    exchange.require_answered()
    # There are hundreds of lines, and parsing a line takes longer than fetching all.
    lines = (line for line in exchange.text.splitlines() if line.startswith(beginnings))
    try:
        families = [*text_string_to_metric_families("\n".join(lines) + "\n")]
    except ValueError as error:
        raise Fault("metrics that Prometheus reads", str(error)) from error
    for family in families:
        yield from family.samples


def _worker_exchanges(question: Question, exchanges: Iterable[Exchange]) -> list[Exchange]:
    """Return the exchanges of a question with the workers."""
    answers = [exchange for exchange in exchanges if exchange.name.startswith(f"{question.name}@")]
    if not answers:
        raise CannotShow("no worker of this graph has a system port to ask")
    return answers


def _served(question: Question, exchanges: Iterable[Exchange], component: str) -> Counter[str]:
    """Return how many requests each worker has served as a component."""
    served: Counter[str] = Counter()
    for exchange in _worker_exchanges(question, exchanges):
        worker = exchange.name.partition("@")[2]
        for sample in _samples(exchange, (REQUESTS,)):
            labels = sample.labels
            is_generate = labels.get("dynamo_endpoint") == "generate"
            if is_generate and labels.get("dynamo_component") == component:
                served[worker] += int(sample.value)
    return served


@probe("graph.models", LIST, source=MANIFEST, of_graph=True)
def models(graph: ServedGraph, exchange: Exchange) -> None:
    """The list holds the model that the manifest serves, and besides it adapters alone."""
    takes_adapters = GraphFeature.LORA in _serving(graph).features
    entries = objects(exchange.answer, "data")
    ids = [string(entry, "id") for entry in entries if not entry.get("parent")]
    # Dynamo 1.6.1 does not say whose adapter a model is.
    is_unsaid = takes_adapters and len(ids) == len(entries)
    others = [name for name in ids if name != graph.model and not is_unsaid]
    expect(graph.model in ids and not others, f"{graph.model} alone", ids)


@probe("graph.roles", HEALTH, source=MANIFEST, of_graph=True)
def roles(graph: ServedGraph, exchange: Exchange) -> None:
    """As many workers have registered in each role as the manifest promises."""
    promised = _serving(graph).registers
    if not promised:
        raise CannotShow("what its workers register, only the author of a component knows")
    counts = Counter(
        string(instance, "component")
        for instance in objects(exchange.answer, "instances")
        if instance.get("endpoint") == "generate"
    )
    registered = {name: n for name, n in counts.items() if name in (*OF_WORKERS, *promised)}
    fits = registered.keys() == promised.keys() and all(
        fewest <= registered[name] <= most for name, (fewest, most) in promised.items()
    )
    ranges = {
        name: str(fewest) if fewest == most else f"{fewest} to {most}"
        for name, (fewest, most) in promised.items()
    }
    got = ", ".join(f"{count} {name}" for name, count in sorted(registered.items()))
    wanted = ", ".join(f"{count} {name}" for name, count in sorted(ranges.items()))
    expect(fits, wanted, got or "no workers")


@probe(
    "graph.prefill", PREFILL_BEFORE, *PREFILLED, PREFILL_AFTER, source=MANIFEST,
    needs=(Feature.TEXT, Feature.PREFILL),
)  # fmt: skip
def prefill(*exchanges: Exchange) -> None:
    """Every request passes a prefill worker and a decode worker, by the workers' own counters."""
    for component in ("prefill", "backend"):
        before = _served(PREFILL_BEFORE, exchanges, component).total()
        served = _served(PREFILL_AFTER, exchanges, component).total() - before
        expect(served >= TIMES, f"{TIMES} requests served as {component}", f"{served} served")


@probe(
    "graph.kv-router",
    SERVED_FIRST[0],
    *(question for pair in zip(FIRSTS, SERVED_FIRST[1:], strict=True) for question in pair),
    KNOWN_BEFORE,
    *(
        question
        for again, served in zip(AGAIN, SERVED_AGAIN, strict=True)
        for question in (*again, served)
    ),
    KNOWN_AFTER,
    source=DYNAMO, needs=(Feature.TEXT, Feature.KV_ROUTER),
    of_graph=True,
)  # fmt: skip
def kv_router(graph: ServedGraph, *exchanges: Exchange) -> None:
    """A prefix that comes again goes to the worker that has it, and the router knew of it."""
    serving = _serving(graph)
    component = "prefill" if serving.disaggregated else "backend"
    first = [_served(question, exchanges, component) for question in SERVED_FIRST]
    again = [first[-1], *(_served(question, exchanges, component) for question in SERVED_AGAIN)]
    for at in range(PREFIXES):
        holders = first[at + 1] - first[at]
        expect(holders.total() == 1, "one request counted by one worker", dict(holders))
        (holder,) = holders
        repeats = again[at + 1] - again[at]
        expect(repeats == {holder: REPEATS}, f"{REPEATS} repeats at {holder}", dict(repeats))
    by_name = {exchange.name: exchange for exchange in exchanges}
    if serving.frontends > 1:
        # Each of them counts for itself, and any may have answered.
        expect_known([by_name[question.name] for repeats in AGAIN for question in repeats])
        return
    known = [
        sum(
            sample.value
            for sample in _samples(by_name[question.name], (ROUTED_BY_PREFIX,))
            if sample.name == ROUTED_BY_PREFIX
        )
        for question in (KNOWN_BEFORE, KNOWN_AFTER)
    ]
    expect(known[1] > known[0], f"{ROUTED_BY_PREFIX} over {known[0]:g}", f"{known[1]:g}")


@probe(
    "graph.encode", ENCODE_BEFORE, ENCODED, ENCODE_AFTER, source=MANIFEST,
    needs=(Feature.TEXT, Feature.ENCODER),
)  # fmt: skip
def encode(*exchanges: Exchange) -> None:
    """An image costs an encode worker a request, by its own counter."""
    counts = [
        _served(question, exchanges, "encode").total() for question in (ENCODE_BEFORE, ENCODE_AFTER)
    ]
    expect(counts[1] > counts[0], f"more than {counts[0]} requests at encode", counts[1])


@probe(
    "graph.speculation", DRAFTED, DRAFTED_AFTER, source=MANIFEST,
    needs=(Feature.TEXT, Feature.SPECULATION),
)  # fmt: skip
def speculation(*exchanges: Exchange) -> None:
    """The engine counts accepted draft tokens, after some were wanted."""
    samples = [
        sample
        for exchange in _worker_exchanges(DRAFTED_AFTER, exchanges)
        for sample in _samples(exchange, SPECULATED)
    ]
    if not samples:
        raise CannotShow("the workers' metrics have no counter of draft tokens")
    accepted = sum(sample.value for sample in samples)
    expect(accepted > 0, "accepted draft tokens", f"{accepted:g}")


@probe(
    "graph.engine-options", MOCK, source=MANIFEST,
    needs=(Feature.ENGINE_OPTIONS,),
)  # fmt: skip
def engine_options(*exchanges: Exchange) -> None:
    """The workers understand every option of the engine's file: they would not serve else."""
    unread: set[str] = set()
    for exchange in _worker_exchanges(MOCK, exchanges):
        if exchange.status == NOT_FOUND:
            continue  # A real engine ends at start over what it does not understand.
        settings = exchange.answer.get("unread")
        unread |= {str(setting) for setting in settings} if isinstance(settings, list) else set()
    if unread:
        names = ", ".join(sorted(unread))
        raise CannotShow(f"engine options that only TensorRT-LLM understands: {names}")


def _unshown(name: str, sentence: str, feature: Feature, why: str) -> Probe:
    """Return a probe of what no answer and no counter shows, with any engine."""

    def judge() -> None:
        raise CannotShow(why)

    return Probe(
        id=f"graph.{name}", sentence=sentence, source=MANIFEST, asks=(), judge=judge,
        needs=frozenset({feature}),
    )  # fmt: skip


UNSHOWN = (
    _unshown(
        "kv-offload", "KV blocks leave the GPU's memory, and return.", Feature.KV_OFFLOAD,
        "a block returns only after the GPU's cache was full, which no probe does",
    ),
    _unshown(
        "experts", "Experts are spread over the GPUs.", Feature.EXPERTS,
        "an answer does not show on which GPU an expert was",
    ),
    _unshown(
        "mpi", "All ranks that mpirun starts have a part in an answer.", Feature.MPI,
        "an answer does not show which ranks had a part in it",
    ),
    _unshown(
        "planner", "The planner scales the graph.", Feature.PLANNER,
        "a decision of the planner takes load for minutes, which no probe makes",
    ),
)  # fmt: skip
