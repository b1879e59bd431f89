"""The first releases, whose components were classes of an SDK that `dynamo serve` started.

Nothing of that is left in later releases, so it is for people; what to write is said as far as the
graph's own settings say it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from dynamo_conformance.engines.commandline import FRONTEND_MODULE, argv
from dynamo_conformance.engines.releases import known
from dynamo_conformance.manifest.emitter import one_line_text
from dynamo_conformance.upgrade.change import Area, Change, Kind
from dynamo_conformance.upgrade.move import said
from dynamo_conformance.upgrade.release_ways import (
    EVENTS,
    TRANSFER,
    VLLM,
    events_config,
    transfer_config,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.upgrade.move import Move

_PROGRAMS = ("dynamo", "dynamo-run", "llmctl")
_SETTINGS = "DYN_DEPLOYMENT_CONFIG"
_KEPT = ("model", "block-size", "max-model-len", "max-num-batched-tokens")
"""Settings that vLLM has a flag of the same name for."""
_INSTEAD = {
    "conditional-disagg": "--router-conditional-disagg of the frontend",
    "max-local-prefill-length": "--router-conditional-disagg-config of the frontend",
    "max-prefill-queue-size": "nothing: there is no queue",
    "enable-prefix-caching": "nothing: it is on by itself",
    "served_model_name": "--served-model-name of the workers",
    "port": "nothing: the operator sets DYN_HTTP_PORT",
    "endpoint": "nothing: the frontend finds the workers of its graph",
    "router": "DYN_ROUTER_MODE of the frontend",
    "remote-prefill": "--disaggregation-mode",
    "kv-transfer-config": "vLLM's own connectors",
}


def changes(moves: tuple[Move, ...]) -> Iterator[Change]:
    """Yield the components of a graph that start such a program, and their settings."""
    started = [change for move in moves for change in _program(move)]
    yield from started
    variable = next((move.env[_SETTINGS] for move in moves if _SETTINGS in move.env), None)
    if not started or variable is None:
        return
    said_keys = {key for own in _settings(moves[0]).values() for key in own}
    others = "; ".join(f"{key}: {word}" for key, word in _INSTEAD.items() if key in said_keys)
    yield Change(
        area=Area.COMMAND,
        kind=Kind.BREAKS,
        mark=variable.mark,
        what=f"nothing reads {_SETTINGS}",
        since=said(known()[0]),
        fix="take it out once its settings are flags"
        + (f"; what has another name now: {others}" if others else ""),
    )


def _program(move: Move) -> Iterator[Change]:
    """Yield a component that starts such a program."""
    main = move.component.main
    if main is None or move.command is not None:
        return
    words = argv(move.component, main)
    texts = [word.text for word in words]
    old = next((word for word in words if word.text in _PROGRAMS), None)
    if old is None or (old.text == "dynamo" and "serve" not in texts and "run" not in texts):
        return
    yield Change(
        area=Area.COMMAND,
        kind=Kind.BREAKS,
        mark=old.mark,
        what=f"{move.name} starts the program `{old.text}`, which is gone, and its SDK with it",
        since=said(known()[0]),
        fix=_first_words(move, texts),
    )


def _first_words(move: Move, texts: list[str]) -> str:
    """Return what to start in place of `dynamo serve` or `dynamo-run`."""
    service = ""
    if "--service-name" in texts[:-1]:
        service = texts[texts.index("--service-name") + 1]
    settings = _settings(move)
    common = settings.get("Common", {})
    own = settings.get(service, {})
    if service == "Frontend":
        kv = " with DYN_ROUTER_MODE=kv in its environment" if own.get("router") == "kv" else ""
        return f"leave workingDir and args out, and the operator starts {FRONTEND_MODULE}{kv}"
    wanted = own.get("common-configs")
    named = wanted if isinstance(wanted, list) else []
    taken = {key: value for key, value in common.items() if key in named} | own
    args = []
    for key in _KEPT:
        if key in taken:
            args += [f"--{key}", str(taken[key])]
    role = _old_role(service, own)
    if role is not None:
        args += ["--disaggregation-mode", role, TRANSFER, transfer_config(role, move.new)]
    if role != "decode" and _has_kv_router(settings):
        args += [EVENTS, events_config(move)]
    listed = ", ".join(one_line_text(text) for text in args)
    words = f"leave workingDir out, write command: [python3, -m, {VLLM}] and args: [{listed}]"
    return f"{words}, with another engine its module and flags"


def _old_role(service: str, own: dict[str, object]) -> str | None:
    if own.get("remote-prefill") is True:
        return "decode"
    return "prefill" if "prefill" in service.lower() else None


def _has_kv_router(settings: dict[str, dict[str, object]]) -> bool:
    return settings.get("Frontend", {}).get("router") == "kv"


def _settings(move: Move) -> dict[str, dict[str, object]]:
    """Return the settings of all services that the first releases took from one variable."""
    variable = move.env.get("DYN_DEPLOYMENT_CONFIG")
    try:
        read = json.loads(variable.value or "") if variable is not None else {}
    except (ValueError, RecursionError):
        return {}
    if not isinstance(read, dict):
        return {}
    return {name: own for name, own in read.items() if isinstance(own, dict)}
