"""vLLM's NIXL connector takes no KV blocks from a worker that keeps or drafts them otherwise.

Before the first block travels, decode compares a digest of what decides how blocks look: the type
of the KV cache, and the draft of an EAGLE or MTP kind, whose layer has blocks too. Where they
differ, the handshake fails, and so does every request (`nixl/metadata.py` of vLLM 0.31), unless
the connector's extra config says `"enforce_handshake_compat": false`.

Fix: give prefill and decode the same `--kv-cache-dtype` and the same `--speculative-config`.

PASS:
    prefill: args: [..., --speculative-config, '{"method":"eagle3","model":"m/draft"}']
    decode:  args: [..., --speculative-config, '{"method":"eagle3","model":"m/draft"}']

FAIL:
    prefill: args: [..., --disaggregation-mode, prefill]
    decode:  args: [..., --speculative-config, '{"method":"eagle3","model":"m/draft"}']
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.engines.flag import parse_json
from dynamo_conformance.engines.parsing import unexpanded
from dynamo_conformance.engines.role import Role
from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.rule import Problem
from dynamo_conformance.lint.rules.kv_connector import CARRIERS, connector_configs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.lint.engine_settings import EngineSettings
    from dynamo_conformance.lint.rule import Subject

SEVERITY = Severity.ERROR

_VLLM = "dynamo.vllm"
_NIXL = "NixlConnector"
_DTYPE = "kv_cache_dtype"
_DRAFT = "speculative_config"
_OTHER_WORDS = ("spec_method", "spec_model")
"""Flags that say in part what `--speculative-config` says."""
_STATEFUL = ("eagle", "eagle3", "mtp", "dflash", "dspark")
"""Methods whose draft has KV blocks of its own."""


def check(subject: Subject) -> Iterator[Problem]:
    """Yield each decode worker whose NIXL handshake with a prefill worker must fail."""
    workers = [worker for worker in subject.studied_settings if _hands_over(worker)]
    prefill = [worker for worker in workers if worker.part.role is Role.PREFILL]
    decode = [worker for worker in workers if worker.part.role is Role.DECODE]
    if len(prefill) != 1:  # Of several, another one may be its partner.
        return
    for worker in decode:
        yield from _differences(prefill[0], worker)


def _hands_over(worker: EngineSettings) -> bool:
    if worker.module != _VLLM or worker.part.role not in (Role.PREFILL, Role.DECODE):
        return False
    carrier = CARRIERS[_VLLM](worker)
    extras = (config.get("kv_connector_extra_config") for config in connector_configs(worker))
    checks = all(
        not isinstance(extra, dict) or extra.get("enforce_handshake_compat") is not False
        for extra in extras
    )
    return carrier is not None and carrier[0] == _NIXL and checks


def _differences(prefill: EngineSettings, decode: EngineSettings) -> Iterator[Problem]:
    here, there = (f'component "{worker.part.component.name}"' for worker in (decode, prefill))
    end = "NIXL refuses the handshake, and every request fails; give both the same"
    dtypes = [worker.text(_DTYPE) for worker in (decode, prefill) if worker.given(_DTYPE)]
    if len({*dtypes}) > 1 and not any(unexpanded(dtype or "$") for dtype in dtypes):
        ours, theirs = dtypes
        message = f"{here} keeps KV blocks as {ours}, but {there} as {theirs}"
        yield Problem(decode.mark(_DTYPE), f"{message}: {end} --kv-cache-dtype")
    drafts = [_draft(worker) for worker in (decode, prefill)]
    if None not in drafts and drafts[0] != drafts[1]:
        ours, theirs = (draft or "nothing" for draft in drafts)
        mark = decode.mark(_DRAFT) if decode.given(_DRAFT) else prefill.mark(_DRAFT)
        message = f"{here} drafts with {ours}, but {there} with {theirs}"
        yield Problem(mark, f"{message}: {end} --speculative-config")


def _draft(worker: EngineSettings) -> str | None:
    """Return the method and model of a draft with blocks of its own.

    Empty where there is none, None where it is not known.
    """
    if any(worker.given(dest) for dest in _OTHER_WORDS) or worker.unknown(_DRAFT):
        return None
    text = worker.text(_DRAFT)
    if not text:
        return ""
    try:
        config = parse_json(text)
    except ValueError:
        return None
    method = config.get("method") if isinstance(config, dict) else None
    if not isinstance(config, dict) or not isinstance(method, str):
        return None  # vLLM finds the method out by the draft model.
    if method not in _STATEFUL:
        return ""
    model = config.get("model")
    return f"{method} of {model}" if isinstance(model, str) else method
