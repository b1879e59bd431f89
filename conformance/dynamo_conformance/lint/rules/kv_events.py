"""A router that follows KV events needs workers that publish them.

With `--router-mode kv` the frontend sends a request to the worker that holds most of its prefix. It
learns that from KV events, which vLLM, SGLang and TensorRT-LLM only publish when asked. Without
them the graph answers, the router knows no prefix, and after half a minute its log says
`kv_event_publisher_disabled`. Up to Dynamo 1.0 vLLM's workers publish unless told not to. The other
way round, workers that publish what they cache, before a frontend that takes turns, were meant for
a router that reads it.

vLLM and SGLang listen for Dynamo at an `endpoint` with a wildcard only; with an address such as
`tcp://127.0.0.1:5557` they connect to it, as Dynamo does, and nobody hears anything.

Fix: let the workers that prefill publish events, or tell the frontend to predict what they hold
with `--no-router-kv-events`; let the frontend route by them with `DYN_ROUTER_MODE` kv.

PASS:
    Frontend: env: [{name: DYN_ROUTER_MODE, value: kv}]
    worker:   args: [..., --kv-events-config, '{"publisher":"zmq","enable_kv_cache_events":true}']

FAIL:
    Frontend: env: [{name: DYN_ROUTER_MODE, value: kv}]
    worker:   args: [--model, Qwen/Qwen3-0.6B]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.engines.commandline import ENGINE_MODULES
from dynamo_conformance.engines.flag import parse_json
from dynamo_conformance.engines.parsing import unexpanded
from dynamo_conformance.engines.role import Role
from dynamo_conformance.engines.serving import TAKES_TURNS, publishes_kv_events
from dynamo_conformance.engines.trtllm_options import BLOCK_REUSE
from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.rule import Problem
from dynamo_conformance.lint.workload import runs_alone

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.lint.engine_settings import EngineSettings
    from dynamo_conformance.lint.rule import Subject

SEVERITY = Severity.WARNING

_PREFILLING = (Role.AGG, Role.PREFILL)
_CONFIG = "kv_events_config"
_PUBLISH = {
    "dynamo.vllm": """--kv-events-config '{"publisher":"zmq","enable_kv_cache_events":true}'""",
    "dynamo.sglang": """--kv-events-config '{"publisher":"zmq","endpoint":"tcp://*:5557"}'""",
}
_READS = "use_kv_events"
_PUBLISHES = (_CONFIG, "publish_kv_events", "publish_events_and_metrics")
_DECIDES = (*_PUBLISHES, "enable_prefix_caching")
_LISTENS = {"dynamo.vllm": ("*", "::"), "dynamo.sglang": ("*", "::", "0.0.0.0")}  # noqa: S104
"""What makes an engine listen at an endpoint, and not connect to it."""


def check(subject: Subject) -> Iterator[Problem]:
    """Yield each worker that prefills and tells a listening router nothing."""
    all_settings = subject.settings
    for worker in all_settings:
        yield from _unheard(worker)
    frontend = next((item for item in all_settings if item.part.role is Role.FRONTEND), None)
    if frontend is None:
        return
    for worker in all_settings:
        if worker.part.role not in _PREFILLING or worker.module not in ENGINE_MODULES:
            continue
        # A worker that names a router mode decides how requests reach it, not the frontend.
        router = worker if worker.given("router_mode") else frontend
        if _listens(router) and not _may_publish(worker):
            yield Problem(worker.mark(*_DECIDES), _message(worker, router))
        if _takes_turns(router) and publishes_kv_events(worker.part):
            yield Problem(worker.mark(*_PUBLISHES), _unread(worker, router))


def _unheard(worker: EngineSettings) -> Iterator[Problem]:
    """Yield an endpoint to which the engine connects instead of listening there."""
    is_known = worker.module in _LISTENS and worker.part.release.is_studied
    text = worker.text(_CONFIG) if is_known else None
    # A KV state agent, or another container of the pod, may be what listens.
    alone = runs_alone(worker.part.component) and not worker.given("kv_state_endpoint")
    if text is None or not alone or not publishes_kv_events(worker.part):
        return
    config = parse_json(text)
    endpoint = config.get("endpoint") if isinstance(config, dict) else None
    if not isinstance(endpoint, str) or not endpoint.startswith("tcp://") or unexpanded(endpoint):
        return
    if not any(word in endpoint for word in _LISTENS[worker.module]):
        message = (
            f'component "{worker.part.component.name}" publishes KV events at {endpoint}, where '
            f"the engine connects and nobody listens; write tcp://*:{endpoint.rpartition(':')[2]}"
        )
        yield Problem(worker.mark(_CONFIG), message)


def _listens(router: EngineSettings) -> bool:
    """Whether it is known that the router waits for KV events."""
    by_file = router.given("router_policy_config")
    predicts = router.text(_READS) != "True" or router.switched("load_aware")
    return router.text("router_mode") == "kv" and not by_file and not predicts


def _takes_turns(router: EngineSettings) -> bool:
    """Whether it is known that the router does not look at what is cached where."""
    if router.given("router_policy_config") or router.unknown("router_mode"):
        return False
    return (router.text("router_mode") or TAKES_TURNS[0]) in TAKES_TURNS


def _unread(worker: EngineSettings, router: EngineSettings) -> str:
    mode = router.text("router_mode") or TAKES_TURNS[0]
    return (
        f'component "{worker.part.component.name}" publishes KV events, and the router reads none: '
        f"it is {mode}; give the frontend DYN_ROUTER_MODE kv, or leave the events out"
    )


def _may_publish(worker: EngineSettings) -> bool:
    """Whether the worker publishes events, or nobody can tell."""
    known = [dest for dest in _DECIDES if _has(worker, dest)]
    if worker.given("kv_state_endpoint") or any(worker.unknown(dest) for dest in known):
        return True
    if worker.module == "dynamo.vllm" and worker.text("enable_prefix_caching") == "False":
        return False
    if worker.option(BLOCK_REUSE) is False:
        return False
    by_default = worker.part.ways.kv_events.get(worker.module, False)
    asked = any(worker.given(dest) for dest in _PUBLISHES)
    return publishes_kv_events(worker.part) or (by_default and not asked)


def _has(worker: EngineSettings, dest: str) -> bool:
    arguments = worker.part.arguments
    return arguments is not None and arguments.known(dest)


def _message(worker: EngineSettings, router: EngineSettings) -> str:
    name = worker.part.component.name
    problem = f'component "{name}" publishes no KV events, and the router listens for them'
    if worker.module == "dynamo.vllm" and worker.text("enable_prefix_caching") == "False":
        advice = "keep prefix caching on"
    elif worker.option(BLOCK_REUSE) is False:
        advice = f"leave {worker.option_label(BLOCK_REUSE)} on"
    else:
        flag = worker.part.ways.kv_events_flags[worker.module]
        advice = f"add {_PUBLISH.get(worker.module, flag)}"
    return f"{problem}; {advice}, or give the frontend {_ignoring(router)}"


def _ignoring(router: EngineSettings) -> str:
    """Return the flag with which a frontend reads no KV events."""
    arguments = router.part.arguments
    flags = arguments.settings.get(_READS, ()) if arguments is not None else ()
    negatives = (name for flag in flags for name in (*flag.negatives, *flag.names))
    return next((name for name in negatives if name.startswith("--no-")), "another router mode")
