"""Prefill and decode workers must hand KV blocks over in the same way.

A vLLM prefill worker ends at start without `--kv-transfer-config`, and answers every request with
an error when the connector has no handoff in Dynamo. Before Dynamo 1.0 it took NIXL by itself, and
`--connector` named another; `--kv-transfer-config` was refused then, or needed `--connector none`.
A decode worker without one starts, and computes each prompt a second time. Workers with different
connectors, or with different transfer backends of SGLang or TensorRT-LLM, never find each other's
blocks. TensorRT-LLM needs a `cache_transceiver_config` in both; its engine file is read from a
ConfigMap of the same file.

A connector that hands over directly has `kv_role` kv_producer in prefill workers and kv_consumer in
decode workers; with the other's, vLLM leaves out what that side must do.

In any role, a connector that vLLM does not have ends the worker at start. What is loaded from a
module of its own, by `kv_connector_module_path`, is not judged. `dynamo.trtllm` has no connectors
but `kvbm` and `none`, and goes without one when it is given another.

Fix: give prefill and decode workers the same connector; for vLLM the usual one is
`--kv-transfer-config '{"kv_connector":"NixlConnector","kv_role":"kv_producer"}'`, and `kv_consumer`
for decode.

PASS:
    prefill: args: [..., --disaggregation-transfer-backend, nixl]
    decode:  args: [..., --disaggregation-transfer-backend, nixl]

FAIL:
    prefill: args: [..., --disaggregation-transfer-backend, nixl]
    decode:  args: [..., --disaggregation-mode, decode]  # mooncake is SGLang's default
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dynamo_conformance.engines import release_names
from dynamo_conformance.engines.commandline import ENGINE_MODULES
from dynamo_conformance.engines.flag import parse_json
from dynamo_conformance.engines.image_release import parse_image
from dynamo_conformance.engines.parsing import unexpanded
from dynamo_conformance.engines.role import Role
from dynamo_conformance.engines.trtllm_options import TRANSCEIVER, transceiver
from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.rule import Problem, capped
from dynamo_conformance.manifest.suggest import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from dynamo_conformance.engines.flag import Json
    from dynamo_conformance.lint.engine_settings import EngineSettings
    from dynamo_conformance.lint.rule import Subject
    from dynamo_conformance.manifest.node import Mark

SEVERITY = Severity.ERROR

_CONFIG = "kv_transfer_config"
_FLAG = "connector"
_NONE = ("none", "null")
_BY_WORD = {
    "nixl": "NixlConnector",
    "lmcache": "LMCacheConnectorV1",
    "kvbm": "DynamoConnector",
}
"""vLLM's connectors by the words of `--connector`."""
_ENCODER_CONFIG = "ec_transfer_config"
_MODULE_PATH = "kv_connector_module_path"
_KVBM_PATH = "kvbm.vllm_integration.connector"
_KVBM = ("DynamoConnector", "PdConnector")
"""Connectors that the published images hold in that module."""
_TRTLLM_CONNECTORS = ("none", "kvbm")
_BACKEND = "disaggregation_transfer_backend"
_ROLES = ((Role.PREFILL, "kv_producer"), (Role.DECODE, "kv_consumer"))
_CACHED = "LMCacheMPConnector"
_HANDOFFS = {
    "NixlConnector": "NixlConnector",
    "NeuronNixlConnector": "NixlConnector",
    "MooncakeConnector": "MooncakeConnector",
    _CACHED: _CACHED,
}
"""vLLM connectors that Dynamo can hand over with, and the protocol each speaks."""
_DIRECT = tuple(name for name, protocol in _HANDOFFS.items() if protocol != _CACHED)
_WRAPPERS = ("MultiConnector", "PdConnector")


def check(subject: Subject) -> Iterator[Problem]:
    """Yield each worker whose KV blocks reach nobody, or come from nobody."""
    workers = [worker for worker in subject.settings if worker.part.role is not None]
    for worker in workers:
        if worker.module == "dynamo.vllm":
            severity = capped(worker.part)
            for problem in tuple(_unregistered(worker)) or _vllm(worker):
                yield replace(problem, severity=severity or problem.severity)
        elif worker.module == "dynamo.trtllm":
            yield from _not_trtllms(worker)
            yield from _trtllm(worker)
    prefill = [item for item in workers if item.part.role is Role.PREFILL]
    decode = [item for item in workers if item.part.role is Role.DECODE]
    for module in ENGINE_MODULES:
        yield from _disagreements(
            [item for item in (*prefill, *decode) if item.module == module], CARRIERS[module]
        )


def _unregistered(worker: EngineSettings) -> Iterator[Problem]:
    """Yield each connector that the worker's vLLM does not have."""
    component = worker.part.component
    known = release_names.load(release=str(worker.part.release.known))
    # A plugin in an image of the author's own may register more.
    image = component.main.image if component.main is not None else None
    published = not image or parse_image(image).is_published
    for dest, key, names in (
        (_CONFIG, "kv_connector", (*known.kv_connectors, *_HANDOFFS)),
        (_ENCODER_CONFIG, "ec_connector", known.ec_connectors),
    ):
        for name in _built_in(_configs(worker.text(dest)), key):
            if name in names or unexpanded(name) or not known.connectors_known:
                continue
            if name in _KVBM:
                advice = f'; add "{_MODULE_PATH}":"{_KVBM_PATH}"'
            else:
                advice = did_you_mean(name, names) or f"; known are {', '.join(sorted(names))}"
            message = f'component "{component.name}": vLLM has no {key} "{name}"'
            severity = None if published else Severity.WARNING
            yield Problem(
                worker.mark(dest), f"{message} and ends at start{advice}", severity=severity
            )


def _built_in(configs: Iterable[dict[str, Json]], key: str) -> Iterator[str]:
    """Yield the connectors that vLLM looks up by name."""
    for config in configs:
        name = config.get(key)
        if isinstance(name, str) and config.get(f"{key}_module_path") is None:
            yield name


def connector_configs(worker: EngineSettings) -> Iterator[dict[str, Json]]:
    """Yield the configuration of each KV connector of a vLLM worker, wrappers' own included."""
    return _configs(worker.text(_CONFIG))


def _configs(text: str | None) -> Iterator[dict[str, Json]]:
    config = _object(text or "")
    waiting = [config] if config is not None else []
    while waiting:
        config = waiting.pop(0)
        yield config
        extra = config.get("kv_connector_extra_config")
        waiting += _objects(extra.get("connectors") if isinstance(extra, dict) else None)


def _not_trtllms(worker: EngineSettings) -> Iterator[Problem]:
    """Yield a connector that TensorRT-LLM passes over."""
    name = worker.text("connector")
    if name is None or name in _TRTLLM_CONNECTORS or not worker.part.release.is_studied:
        return
    advice = (
        did_you_mean(name, _TRTLLM_CONNECTORS) or f"; known are {', '.join(_TRTLLM_CONNECTORS)}"
    )
    message = f'dynamo.trtllm has no connector "{name}" and goes on without one{advice}'
    yield Problem(worker.mark("connector"), message, severity=Severity.WARNING)


def _vllm(worker: EngineSettings) -> Iterator[Problem]:
    """Yield what is wrong with one vLLM worker, whatever the others say."""
    ways = worker.part.ways
    variable = worker.environment("DYN_CONNECTOR")
    if variable is not None and ways.connector_flag == "refused":
        message = (
            f"dynamo.vllm ends at start when DYN_CONNECTOR is set; write {_example(worker)} instead"
        )
        yield Problem(variable.mark, message)
    role = worker.part.role
    name = f'component "{worker.part.component.name}"'
    yield from _refused_config(worker, name)
    if role not in (Role.PREFILL, Role.DECODE):
        return
    is_studied = worker.part.release.is_studied
    if is_studied:
        yield from _opposite(worker, name)
    names = _connectors(worker)
    if names == ():
        yield _without(worker, name)
    elif names and is_studied and role is Role.PREFILL and _vllm_carrier(worker) is None:
        yield Problem(worker.mark(_CONFIG), f"{name} {_no_handoff(names)}")


def _refused_config(worker: EngineSettings, name: str) -> Iterator[Problem]:
    """Yield a config that the worker's release does not take, or not beside a connector."""
    how = worker.part.ways.kv_config
    if how not in ("refused", "beside-none") or not worker.given(_CONFIG):
        return
    message = f"{name}: {worker.part.program} ends at start with --kv-transfer-config"
    if how == "refused":
        yield Problem(worker.mark(_CONFIG), f"{message}; write --connector in its place")
    elif _by_flag(worker) not in ((), None):
        text = f"{message} unless --connector is none; add --connector none"
        yield Problem(worker.mark(_CONFIG), text)


def _opposite(worker: EngineSettings, name: str) -> Iterator[Problem]:
    """Yield a connector that hands over directly, and has the role of the other side."""
    own = next(word for role, word in _ROLES if worker.part.role is role)
    others = [word for _role, word in _ROLES if word != own]
    for config in connector_configs(worker):
        if config.get("kv_role") in others and config.get("kv_connector") in _DIRECT:
            message = f"{name} runs as {worker.part.role} with kv_role {config['kv_role']}"
            advice = f"the other side's; write {own}"
            yield Problem(worker.mark(_CONFIG), f"{message}, {advice}", severity=Severity.WARNING)


def _no_handoff(names: tuple[str, ...]) -> str:
    """Return why Dynamo finds no connector to hand over with among `names`."""
    listed = " and ".join(names)
    if any(name in _HANDOFFS for name in names):
        return f"prefills with {listed}, of which only one may hand over; leave one of them"
    hint = did_you_mean(names[0], _HANDOFFS) or f"; known are {', '.join(_HANDOFFS)}"
    return f"prefills with {listed}, which hands nothing over in Dynamo{hint}"


def _example(worker: EngineSettings) -> str:
    role = worker.part.ways.kv_roles.get(worker.part.role or "", "kv_both")
    config = f'{{"kv_connector":"NixlConnector","kv_role":"{role}"}}'
    return f"--kv-transfer-config '{config}'"


def _without(worker: EngineSettings, name: str) -> Problem:
    if not worker.part.ways.prefill_needs_kv_transfer and not worker.given(_CONFIG):
        message = (
            f"{name} runs as {worker.part.role} without a KV connector, so decode computes every "
            f"prompt again; leave {worker.label(_FLAG)} out"
        )
        return Problem(worker.mark(_FLAG), message, severity=Severity.WARNING)
    if worker.part.role is Role.PREFILL and worker.given(_CONFIG):
        message = (
            f"{name} prefills with a config that names no kv_connector; write {_example(worker)}"
        )
        return Problem(worker.mark(_CONFIG), message)
    if worker.part.role is Role.PREFILL:
        advice = f"add {_example(worker)}"
        message = f"{name} prefills without a KV connector and ends at start; {advice}"
        return Problem(worker.mark(_CONFIG), message)
    message = (
        f"{name} decodes without a KV connector, so it computes every prompt again instead of "
        f"taking the blocks from prefill; add {_example(worker)}"
    )
    return Problem(worker.mark(_CONFIG), message, severity=Severity.WARNING)


def _disagreements(
    workers: list[EngineSettings], carrier: Callable[[EngineSettings], tuple[str, Mark] | None]
) -> Iterator[Problem]:
    """Yield each worker that hands over in another way than the first does."""
    roles = {worker.part.role for worker in workers}
    known = [
        (worker, connector) for worker in workers if (connector := carrier(worker)) is not None
    ]
    if len(roles) == 1 or not known:
        return
    first, (wanted, _mark) = known[0]
    for worker, (used, mark) in known[1:]:
        if used != wanted:
            here = f'component "{worker.part.component.name}" transfers KV blocks with {used}'
            there = f'component "{first.part.component.name}" with {wanted}'
            message = f"{here}, but {there}; give both the same"
            yield Problem(mark, message, severity=capped(worker.part))


def _vllm_carrier(worker: EngineSettings) -> tuple[str, Mark] | None:
    """Return the protocol that Dynamo picks among the connectors, and where they are given."""
    known = [_HANDOFFS[name] for name in _connectors(worker) or () if name in _HANDOFFS]
    # What goes through a cache carries the handoff only when nothing else does.
    direct = [name for name in known if name != _CACHED] or known
    return (direct[0], worker.mark(_CONFIG)) if len(set(direct)) == 1 else None


def _connectors(worker: EngineSettings) -> tuple[str, ...] | None:
    """Return the connectors of a vLLM worker, a wrapper's children in its place.

    None stands for what cannot be read; the engine's own parser reports that.
    """
    ways = worker.part.ways
    if ways.kv_connector is not None and not worker.given(_CONFIG):
        return _by_flag(worker)
    text = worker.text(_CONFIG)
    if text is None:
        return None if worker.unknown(_CONFIG) else ()
    config = _object(text)
    if config is None:
        return None
    name = config.get("kv_connector")
    if name in _WRAPPERS:
        extra = config.get("kv_connector_extra_config")
        children = extra.get("connectors") if isinstance(extra, dict) else None
        names = [child.get("kv_connector") for child in _objects(children)]
        return tuple(item for item in names if isinstance(item, str)) or (str(name),)
    return (name,) if isinstance(name, str) else ()


def _by_flag(worker: EngineSettings) -> tuple[str, ...] | None:
    """Return the connectors of a release that takes one by itself, or by `--connector`."""
    arguments = worker.part.arguments
    if worker.hidden or arguments is None:
        return None
    given = arguments.get(_FLAG) if arguments.known(_FLAG) and arguments.explicit(_FLAG) else None
    words = given if isinstance(given, tuple) else (worker.part.ways.kv_connector or "",)
    if any(map(unexpanded, words)):
        return None
    return tuple(_BY_WORD.get(word, word) for word in words if word not in _NONE)


def _sglang_carrier(worker: EngineSettings) -> tuple[str, Mark] | None:
    backend = worker.text(_BACKEND)
    return (backend, worker.mark(_BACKEND)) if backend and backend != "fake" else None


def _trtllm_carrier(worker: EngineSettings) -> tuple[str, Mark] | None:
    """Return the transceiver's backend; DEFAULT may be any."""
    backend = transceiver(worker.options) if worker.options is not None else None
    if backend is None or unexpanded(backend) or backend == "DEFAULT":
        return None
    return backend, worker.option_mark(TRANSCEIVER)


def _transceiver_advice(worker: EngineSettings) -> str:
    if worker.given("extra_engine_args"):
        return f"add {TRANSCEIVER}: {{backend: DEFAULT}} to the file of --extra-engine-args"
    return f"add --trtllm.{TRANSCEIVER}.backend DEFAULT"


def _trtllm(worker: EngineSettings) -> Iterator[Problem]:
    """Yield the TensorRT-LLM worker that is known to have no way for its KV blocks."""
    is_known = worker.options is not None and worker.part.release.is_studied
    if worker.part.role not in (Role.PREFILL, Role.DECODE) or not is_known:
        return
    if worker.options is not None and transceiver(worker.options) is None:
        name, role = worker.part.component.name, worker.part.role
        message = (
            f'component "{name}" runs as {role} without {TRANSCEIVER}, so no KV block leaves or '
            f"reaches it and every request fails; {_transceiver_advice(worker)}"
        )
        yield Problem(worker.mark("extra_engine_args", "disaggregation_mode"), message)


def _object(text: str) -> dict[str, Json] | None:
    try:
        parsed = parse_json(text)
    except ValueError:
        return None
    return parsed if isinstance(parsed, dict) else None


def _objects(items: Json) -> list[dict[str, Json]]:
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


CARRIERS = {
    "dynamo.vllm": _vllm_carrier,
    "dynamo.sglang": _sglang_carrier,
    "dynamo.trtllm": _trtllm_carrier,
}
