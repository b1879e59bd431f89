"""What a manifest promises: each promise that a graph breaks is seen."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.engines.features import GraphFeature
from dynamo_conformance.engines.role import Role
from dynamo_conformance.engines.serving import Serving
from dynamo_conformance.probes.areas import load_probes
from dynamo_conformance.probes.graph import PROMISED_ONLY, served_graph
from dynamo_conformance.probes.probe import Feature, Outcome, Result
from dynamo_conformance.probes.promises import is_claimed, promised
from dynamo_conformance.probes.recorder import Address, Recorder
from dynamo_conformance.probes.run import Judge, chosen
from dynamo_conformance.targets.interface import Worker
from right_server import MODEL, Body, Reply, RightServer, as_json, on_port

if TYPE_CHECKING:
    from collections.abc import Callable

PROBES = {probe.id: probe for probe in load_probes()}
GRAPH = [name for name in PROBES if name.startswith("graph.")]
WORKERS = ("prefill", "prefill", "backend", "encode")
"""What the workers are, in their order."""

FULL = Serving(
    model=MODEL,
    source=MODEL,
    roles={Role.PREFILL: 2, Role.DECODE: 1, Role.ENCODE: 1},
    router_mode="kv",
    kv_events=True,
    features=frozenset(GraphFeature),
    registers={"prefill": (2, 2), "backend": (1, 1), "encode": (1, 2)},
)
TWO = replace(FULL, roles={Role.AGG: 2}, registers={"backend": (2, 2)})
UNSHOWN = ("graph.kv-offload", "graph.experts", "graph.mpi", "graph.planner")


def sticky(count: int, prompt: str, held: dict[str, int]) -> int:
    """Send a prompt to the worker that holds it, new ones in turn."""
    return held.setdefault(prompt, count % 2)


def turns(count: int, _prompt: str, _held: dict[str, int]) -> int:
    """Send prompts to the workers in turn."""
    return count % 2


def fickle(count: int, prompt: str, held: dict[str, int]) -> int:
    """Send a prompt to the worker that does not hold it, new ones in turn."""
    return 1 - held[prompt] if prompt in held else sticky(count, prompt, held)


RATE = re.compile(rb', "kv_hit_rate": [0-9.]+')


class Unknowing(RightServer):
    """A router that knows of no cached prefix."""

    def _route(self, body: Body, prompt: str) -> Body:
        self.prefixes.pop(prompt[:60], None)
        return super()._route(body, prompt)


@dataclass(slots=True)
class Graph:
    """A frontend with workers, each at a path of its own; each field is a thing that can be wrong.

    Attributes:
        skips: Components that count no request.
        unread: What the mock engine says that it did not read; None for a real engine.
        extra: Further lines of the workers' metrics.
    """

    pick: Callable[[int, str, dict[str, int]], int] = sticky
    knows: bool = True
    skips: tuple[str, ...] = ()
    registered: tuple[str, ...] = WORKERS
    models: tuple[str, ...] = (MODEL,)
    unread: list[str] | None = None
    extra: str = "vllm:spec_decode_num_accepted_tokens_total 3\n"
    right: RightServer = field(default_factory=RightServer)
    held: dict[str, int] = field(default_factory=dict)
    served: Counter[int] = field(default_factory=Counter)
    asked: int = 0
    cached: int = 0

    def reply(self, method: str, target: str, headers: dict[str, str], raw: bytes) -> Reply:
        """Answer as frontend, or as a worker."""
        worker = re.match(r"/worker(\d)(/.*)", target)
        if worker is not None:
            return self.worker(int(worker[1]), worker[2])
        if target == "/health":
            parts = [(name, end) for name in self.registered for end in ("generate", "other")]
            found = [{"component": name, "endpoint": end} for name, end in parts]
            return as_json({"status": "healthy", "instances": found})
        if target == "/metrics":
            name = "dynamo_component_router_kv_selected_cached_prefix_tokens_total"
            return as_text(f'{name}{{phase="prefill"}} {self.cached}\n')
        if target == "/v1/models":
            return as_json({"object": "list", "data": [{"id": name} for name in self.models]})
        if method == "POST":
            self.serve(json.loads(raw))
        reply = self.right.reply(method, target, headers, raw)
        if self.knows:
            return reply
        return replace(reply, pieces=[RATE.sub(b"", piece) for piece in reply.pieces])

    def serve(self, body: dict[str, object]) -> None:
        """Count a request at the workers that have a part in it."""
        prompt = str(body.get("prompt") or body.get("messages"))
        known = prompt in self.held
        prefilling = self.pick(self.asked, prompt, self.held)
        self.asked += 1
        for at in (prefilling, 2, *((3,) if "image_url" in prompt else ())):
            if WORKERS[at] not in self.skips:
                self.served[at] += 1
        if known and self.knows:
            self.cached += 64

    def worker(self, at: int, path: str) -> Reply:
        """Answer as a worker does on its system port."""
        if path == "/engine/mock":
            if self.unread is None:
                return as_json({"error": "not found"}, 404)
            return as_json({"engine": "vllm", "version": "0", "unread": self.unread})
        labels = f'dynamo_component="{WORKERS[at]}",dynamo_endpoint="generate"'
        other = 'dynamo_component="prefill",dynamo_endpoint="clear"'
        counts = "dynamo_component_requests_total"
        lines = f"{counts}{{{labels}}} {self.served[at]}\n{counts}{{{other}}} 99\n"
        return as_text(lines + self.extra)


def as_text(text: str) -> Reply:
    """Return a reply of plain text."""
    return replace(as_json({}), headers={"content-type": "text/plain"}, pieces=[text.encode()])


def judged(
    graph: Graph, *ids: str, serving: Serving | None = FULL, ports: int = len(WORKERS)
) -> dict[str, Result]:
    """Return what becomes of probes; `ports` is how many workers have a system port."""
    with on_port(graph.reply) as url:
        workers = tuple(Worker(f"w{at}", f"{url}/worker{at}") for at in range(ports))
        address = Address(url=url, model=MODEL)
        with Recorder(address, workers=workers, sleep=lambda _: None) as recorder:
            judge = Judge(recorder, served_graph(recorder, serving=serving))
            return {name: judge.result(PROBES[name]) for name in ids or GRAPH}


def test_a_graph_that_keeps_its_promises_passes() -> None:
    results = judged(Graph())
    wrong = {
        name: (one.got, one.reason)
        for name, one in results.items()
        if one.outcome is not Outcome.PASS
    }
    assert {*wrong} == {*UNSHOWN}


@pytest.mark.parametrize("registered", [WORKERS, (*WORKERS, "encode", "Planner", "mine")])
def test_what_is_promised_and_what_is_somebody_s_own_is_fine(registered: tuple[str, ...]) -> None:
    (result,) = judged(Graph(registered=registered), "graph.roles").values()
    assert result.outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("probe", "fault", "got"),
    [
        ("graph.models", Graph(models=(MODEL, "extra")), '["org/model", "extra"]'),
        ("graph.models", Graph(models=()), "[]"),
        ("graph.models", Graph(models=("extra",)), '["extra"]'),
        ("graph.roles", Graph(registered=("backend",) * 4), "4 backend"),
        ("graph.roles", Graph(registered=WORKERS[1:]), "1 backend, 1 encode, 1 prefill"),
        ("graph.roles", Graph(registered=()), "no workers"),
        ("graph.prefill", Graph(skips=("prefill",)), "0 served"),
        ("graph.prefill", Graph(skips=("backend",)), "0 served"),
        ("graph.kv-router", Graph(pick=turns), '{"w'),
        ("graph.kv-router", Graph(pick=fickle), '{"w'),
        ("graph.kv-router", Graph(knows=False), "0"),
        ("graph.kv-router", Graph(skips=("prefill",)), "{}"),
        ("graph.encode", Graph(skips=("encode",)), "0"),
        ("graph.speculation", Graph(extra="vllm:spec_decode_num_accepted_tokens_total 0\n"), "0"),
        ("graph.speculation", Graph(extra="sglang:spec_accept{} no number\n"), "could not convert"),
    ],
)
def test_a_broken_promise_is_seen(probe: str, fault: Graph, got: str) -> None:
    serving = replace(FULL, features=FULL.features - {GraphFeature.LORA})
    (result,) = judged(fault, probe, serving=serving).values()
    assert result.outcome is Outcome.FAIL
    assert result.got.startswith(got)
    assert result.expected


def test_workers_that_take_adapters_may_serve_others_too() -> None:
    (result,) = judged(Graph(models=(MODEL, "extra")), "graph.models").values()
    assert result.outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("graph", "outcome", "words"),
    [
        (Graph(), Outcome.PASS, ""),
        (Graph(pick=turns), Outcome.FAIL, '{"w'),
        (Graph(knows=False), Outcome.UNSUPPORTED, "no kv_hit_rate"),
        (Graph(right=Unknowing()), Outcome.FAIL, "[0.0, 0.0"),
    ],
)
def test_several_frontends_say_in_their_answers_what_they_knew(
    graph: Graph, outcome: Outcome, words: str
) -> None:
    (result,) = judged(graph, "graph.kv-router", serving=replace(FULL, frontends=2)).values()
    assert result.outcome is outcome
    assert (result.got or result.reason).startswith(words) or words in result.reason


def test_only_what_is_served_during_the_probe_counts() -> None:
    graph = Graph(skips=("prefill",))
    graph.served[0] = 1000
    (result,) = judged(graph, "graph.prefill").values()
    assert (result.outcome, result.got) == (Outcome.FAIL, "0 served")


@pytest.mark.parametrize(
    ("probe", "graph", "serving", "ports", "reason"),
    [
        ("graph.models", Graph(), None, 4, "no manifest promises it"),
        ("graph.roles", Graph(), None, 4, "no manifest promises it"),
        ("graph.roles", Graph(), replace(FULL, registers={}), 4, "only the author"),
        ("graph.prefill", Graph(), FULL, 0, "system port"),
        ("graph.prefill", Graph(), TWO, 4, "not known to have prefill workers"),
        ("graph.kv-router", Graph(), FULL, 0, "system port"),
        ("graph.kv-router", Graph(), replace(TWO, roles={Role.AGG: 1}), 4, "no choice"),
        ("graph.encode", Graph(), TWO, 4, "encode workers"),
        ("graph.speculation", Graph(extra=""), FULL, 4, "no counter of draft tokens"),
        ("graph.speculation", Graph(unread=[]), FULL, 4, "the mock engine drafts no tokens"),
        ("graph.engine-options", Graph(unread=["moe.backend"]), FULL, 4, "moe.backend"),
        *((name, Graph(), FULL, 4, "") for name in UNSHOWN),
    ],
)
def test_what_cannot_be_shown_says_why(
    probe: str, graph: Graph, serving: Serving | None, ports: int, reason: str
) -> None:
    (result,) = judged(graph, probe, serving=serving, ports=ports).values()
    assert result.outcome is Outcome.UNSUPPORTED
    assert reason in result.reason


def test_workers_say_that_the_mock_engine_simulates_them() -> None:
    (real,) = judged(Graph(), "sampling.seed").values()
    (mock,) = judged(Graph(unread=[]), "sampling.seed").values()
    assert real.outcome is Outcome.PASS
    assert (mock.outcome, "mock engine" in mock.reason) == (Outcome.UNSUPPORTED, True)


def test_what_is_promised_and_not_there_fails() -> None:
    def thoughtless(method: str, target: str, headers: dict[str, str], raw: bytes) -> Reply:
        reply = RightServer().reply(method, target, headers, raw)
        pieces = [piece.replace(b"reasoning_content", b"other") for piece in reply.pieces]
        return replace(reply, pieces=pieces)

    probe = PROBES["reasoning.apart"]
    promising = replace(TWO, features=frozenset({GraphFeature.REASONING}))
    with on_port(thoughtless) as url, Recorder(Address(url=url, model=MODEL)) as recorder:
        for serving, outcome in ((promising, Outcome.FAIL), (None, Outcome.UNSUPPORTED)):
            graph = served_graph(recorder, serving=serving)
            assert Judge(recorder, graph).result(probe).outcome is outcome


@pytest.mark.parametrize(
    ("serving", "features"),
    [
        (None, set()),
        (replace(TWO, router_mode="random", kv_events=False), set()),
        (TWO, {Feature.KV_ROUTER}),
        # Nobody reads what these workers publish, so the router's mode is not the one meant.
        (replace(TWO, router_mode="round-robin"), {Feature.KV_ROUTER}),
        (replace(TWO, router_mode="direct"), set()),
        (replace(TWO, roles={Role.AGG: 1}), set()),
        (FULL, {Feature.KV_ROUTER, Feature.DISAGGREGATED, Feature.PREFILL, Feature.ENCODER}),
        (
            replace(FULL, behind_encoder=True),
            {Feature.KV_ROUTER, Feature.PREFILL, Feature.ENCODER},
        ),
    ],
)
def test_what_a_manifest_promises(serving: Serving | None, features: set[Feature]) -> None:
    among = {Feature.KV_ROUTER, Feature.DISAGGREGATED, Feature.PREFILL, Feature.ENCODER}
    assert promised(serving) & among == features


@pytest.mark.parametrize("embeds", [False, True])
def test_a_graph_promises_text_or_vectors(*, embeds: bool) -> None:
    features = promised(replace(TWO, embeds=embeds))
    assert (Feature.EMBEDDINGS in features, Feature.TEXT in features) == (embeds, not embeds)


@pytest.mark.parametrize("setting", [*GraphFeature])
def test_what_workers_are_set_to_do_is_promised(setting: GraphFeature) -> None:
    plain = promised(replace(TWO, features=frozenset()))
    more = promised(replace(TWO, features=frozenset({setting}))) - plain
    # A worker that takes adapters says of none that it is there, and harmony is how a model writes.
    silent = (GraphFeature.LORA, GraphFeature.HARMONY)
    assert len(more) == (0 if setting in silent else 1)


def test_what_a_manifest_claims_is_known() -> None:
    plain = replace(TWO, features=frozenset())
    lora = replace(TWO, features=frozenset({GraphFeature.LORA}))
    for serving, probe, claims in (
        (lora, "adapters.listed", True),
        (plain, "adapters.listed", False),
        (TWO, "sampling.seed", False),
        (TWO, "graph.models", True),
        (FULL, "graph.planner", True),
        (None, "graph.planner", False),
    ):
        assert is_claimed(PROBES[probe], serving) is claims


def test_every_probe_of_workers_names_what_it_needs() -> None:
    needed = {
        need
        for name in (*GRAPH, "routing.disaggregated", "life.worker-killed")
        for need in PROBES[name].needs
    }
    assert {*PROMISED_ONLY} <= needed
    assert chosen(PROBES.values(), profile=PROBES[GRAPH[0]].profile, ids=("graph",))
