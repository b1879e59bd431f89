"""A request need not end because a worker does.

When a worker ends, is drained or cannot be reached, the frontend can go on with its requests at
another worker of the model, from the last token that came. It does so as often as
`DYN_MIGRATION_LIMIT` (`--migration-limit`) says, and unless given that is 0: clients get an error.
A limit that is written, 0 included, is its author's choice.

A vLLM decode worker whose KV blocks do not arrive ends the request with an error too, unless
`kv_load_failure_policy` says to compute them again, which takes the time of a prefill.

Fix: give the frontend the variable, and the decode worker's `--kv-transfer-config` the policy.

PASS:
    Frontend: env: [{name: DYN_MIGRATION_LIMIT, value: "3"}]
    worker: replicas: 2

FAIL:
    Frontend: env: []
    worker: replicas: 2
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from dynamo_conformance.engines.commandline import FRONTEND_MODULE
from dynamo_conformance.engines.role import Role
from dynamo_conformance.engines.serving import served_model
from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.rule import Problem
from dynamo_conformance.lint.rules.kv_connector import connector_configs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.lint.engine_settings import EngineSettings
    from dynamo_conformance.lint.rule import Subject

SEVERITY = Severity.INFO

_LIMIT = "migration_limit"
_POLICY = "kv_load_failure_policy"
_CONFIG = "kv_transfer_config"
_ANSWERING = (Role.AGG, Role.DECODE)
_VECTORS = ("embedding_worker", "is_embedding")


def check(subject: Subject) -> Iterator[Problem]:
    """Yield what ends requests that another worker, or the same, could go on with."""
    if _has_several(subject):
        for frontend in subject.studied_settings:
            if frontend.module == FRONTEND_MODULE and not _may_limit(frontend):
                where = f'component "{frontend.part.component.name}"'
                message = (
                    f"{where} ends the requests of a worker that is lost, for DYN_MIGRATION_LIMIT "
                    'is 0 unless given; give it "3", and another worker goes on with them'
                )
                yield Problem(frontend.part.component.mark, message)
    for worker in subject.studied_settings:
        if worker.module == "dynamo.vllm" and worker.part.role is Role.DECODE:
            yield from _unloaded(worker)


def _has_several(subject: Subject) -> bool:
    """Whether some model has several workers that can answer, or may come to have them."""
    workers = [
        worker
        for worker in subject.studied_settings
        if worker.part.role in _ANSWERING and not any(map(worker.switched, _VECTORS))
    ]
    if any(part.role is Role.PLANNER for part in subject.studied_parts):
        return bool(workers)
    count: Counter[str | None] = Counter()
    for worker in workers:
        count[served_model(worker.part)] += worker.part.component.replicas
    return any(number > 1 for model, number in count.items() if model is not None)


def _may_limit(frontend: EngineSettings) -> bool:
    """Whether a frontend has a limit, or may get it from where nobody can look."""
    main = frontend.part.component.main
    sources = main.node.mappings("envFrom") if main is not None else ()
    elsewhere = any("configMapRef" in source for source in sources)
    return elsewhere or frontend.unknown(_LIMIT) or frontend.given(_LIMIT)


def _unloaded(worker: EngineSettings) -> Iterator[Problem]:
    # vLLM reads the policy of the whole, not of what a wrapper holds.
    configs = list(connector_configs(worker))
    if not any(str(config.get("kv_connector")).startswith("Nixl") for config in configs):
        return
    if _POLICY not in configs[0]:
        where = f'component "{worker.part.component.name}"'
        message = (
            f"{where} ends a request whose KV blocks do not arrive, for {_POLICY} is fail unless "
            f'given; write "{_POLICY}":"recompute" to compute them again'
        )
        yield Problem(worker.mark(_CONFIG), message)
