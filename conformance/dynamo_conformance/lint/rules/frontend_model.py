"""A frontend that gets no tokenizer from its workers fetches it from the hub by itself.

Since Dynamo 1.4 a worker serves tokenizer and configuration of its model to the frontend, on the
system port that the operator gives it, and the frontend needs neither token nor cache. With
`DYN_SELF_HOST_METADATA` off, or without that port, the frontend looks where the worker has the
files, and then on the hub: for a gated model without a token, or in a cluster that reaches no hub,
it never lists the model.

A frontend with a token, a volume or variables from elsewhere is not judged.

Fix: leave the variable out, or give the frontend what the worker has: the secret of the token, or
the volume and `HF_HOME`.

PASS:
    worker: env: [{name: HF_HOME, value: /models}]

FAIL:
    worker: env: [{name: DYN_SELF_HOST_METADATA, value: "0"}]
            envFrom: [{secretRef: {name: hf-token-secret}}]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.engines.commandline import FRONTEND_MODULE
from dynamo_conformance.engines.serving import WORKER_ROLES, model_source
from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.model_files import CACHES, TOKENS, is_hub_id
from dynamo_conformance.lint.rule import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.lint.engine_settings import EngineSettings
    from dynamo_conformance.lint.rule import Subject
    from dynamo_conformance.manifest.graph import EnvVar

SEVERITY = Severity.WARNING

_SWITCH, _PORT = "DYN_SELF_HOST_METADATA", "DYN_SYSTEM_PORT"
_OFF = ("0", "false", "no", "off")
_ELSEWHERE = ("MODEL_EXPRESS_URL", "HF_ENDPOINT")


def check(subject: Subject) -> Iterator[Problem]:
    """Yield each worker that leaves its model's files to a frontend that cannot get them."""
    frontends = [item for item in subject.studied_settings if item.module == FRONTEND_MODULE]
    alone = [item for item in frontends if not _can_fetch(item)]
    for worker in subject.studied_settings:
        cause = _cause(worker) if worker.part.role in WORKER_ROLES else None
        if cause is None or not alone or not _is_helped(worker):
            continue
        here = f'component "{worker.part.component.name}" serves no tokenizer'
        there = f'component "{alone[0].part.component.name}" fetches it from the hub'
        message = (
            f"{here} with {cause.name} {cause.value}, so {there}, without the token or cache that "
            "the worker has; give it the same, or leave the variable out"
        )
        yield Problem(cause.mark, message)


def _cause(worker: EngineSettings) -> EnvVar | None:
    """Return the variable that keeps a worker from serving the files of its model."""
    switch, port = worker.environment(_SWITCH), worker.environment(_PORT)
    if switch is not None and (switch.value or "").strip().lower() in _OFF:
        return switch
    if port is not None and (port.value or "").strip().startswith("-"):
        return port
    return None


def _is_helped(worker: EngineSettings) -> bool:
    """Whether a worker fetches its model from the hub with a token, or into a cache."""
    model = model_source(worker.part)
    if model is None or not is_hub_id(model):
        return False
    return _has_secret(worker) or any(map(worker.environment, (*TOKENS, *CACHES)))


def _can_fetch(frontend: EngineSettings) -> bool:
    """Whether a frontend may get the files: by a token, from a volume, or otherwise."""
    if frontend.hidden or frontend.given("model_path") or _has_secret(frontend):
        return True
    main = frontend.part.component.main
    if main is not None and main.node.get("volumeMounts") is not None:
        return True
    return any(map(frontend.environment, (*TOKENS, *CACHES, *_ELSEWHERE)))


def _has_secret(settings: EngineSettings) -> bool:
    main = settings.part.component.main
    return main is not None and bool(main.node.mappings("envFrom"))
