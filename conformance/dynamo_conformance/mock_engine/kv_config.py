"""vLLM's two JSON flags about the KV cache: `--kv-transfer-config` and `--kv-events-config`.

The fields, types and defaults are those of vLLM 0.31.0 (`vllm/config/kv_transfer.py` and
`kv_events.py`). vLLM checks them while it parses the command line, so a fault is a usage error.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dynamo_conformance.engines import release_names
from dynamo_conformance.engines.flag_values import PYDANTIC_FALSE, PYDANTIC_TRUE
from dynamo_conformance.manifest.suggest import did_you_mean
from dynamo_conformance.mock_engine.engine_refusal import CannotSimulate, UsageRefusal, ValueRefusal
from dynamo_conformance.mock_engine.worker_spec import KvEvents

if TYPE_CHECKING:
    from collections.abc import Mapping

TRANSFER_FLAG = "--kv-transfer-config"
EVENTS_FLAG = "--kv-events-config"

_ROLES = ("kv_producer", "kv_both", "kv_consumer")
_POLICIES = ("recompute", "fail")

_TRANSFER_FIELDS: dict[str, tuple[type, ...]] = {
    "enable_permute_local_kv": (bool,),
    "engine_id": (str,),
    "kv_buffer_device": (str,),
    "kv_buffer_size": (int, float),
    "kv_connector": (str,),
    "kv_connector_extra_config": (dict,),
    "kv_connector_module_path": (str,),
    "kv_ip": (str,),
    "kv_load_failure_policy": (str,),
    "kv_parallel_size": (int,),
    "kv_port": (int,),
    "kv_rank": (int,),
    "kv_role": (str,),
}
_EVENTS_FIELDS: dict[str, tuple[type, ...]] = {
    "buffer_steps": (int,),
    "enable_kv_cache_events": (bool,),
    "endpoint": (str,),
    "hwm": (int,),
    "max_queue_size": (int,),
    "publisher": (str,),
    "replay_endpoint": (str,),
    "topic": (str,),
}
_DEFAULT_ENDPOINT = "tcp://*:5557"


@dataclass(frozen=True, slots=True, kw_only=True)
class KvTransfer:
    """How KV blocks travel from prefill to decode."""

    connector: str | None
    role: str | None


def transfer(text: str | None) -> KvTransfer | None:
    """Read the value of `--kv-transfer-config`, None when the flag is not given.

    Raises:
        UsageRefusal: when vLLM would not accept the value.
        ValueRefusal: when vLLM has no such connector.
    """
    if text is None:
        return None
    fields = _fields(TRANSFER_FLAG, "KVTransferConfig", text, _TRANSFER_FIELDS)
    connector = _text(fields, "kv_connector")
    role = _choice(fields, "kv_role", _ROLES)
    if connector is not None and role is None:
        raise UsageRefusal(
            f"argument {TRANSFER_FLAG}: 1 validation error for KVTransferConfig: Please specify "
            f"kv_role when kv_connector is set, supported roles are {_ROLES}"
        )
    _choice(fields, "kv_load_failure_policy", _POLICIES)
    _check_registered(fields)
    return KvTransfer(connector=connector, role=role)


def _choice(fields: dict[str, object], name: str, known: tuple[str, ...]) -> str | None:
    """Return a word that must be one of a few.

    Raises:
        UsageRefusal: It is another.
    """
    word = _text(fields, name)
    if word is not None and word not in known:
        *others, last = (f"'{each}'" for each in known)
        raise UsageRefusal(
            f"argument {TRANSFER_FLAG}: 1 validation error for KVTransferConfig: {name}: "
            f"Input should be {', '.join(others)} or {last}, got '{word}'"
            f"{did_you_mean(word, known)}"
        )
    return word


def _check_registered(fields: Mapping[str, object]) -> None:
    """Refuse a connector that vLLM does not have, also inside a wrapper, as it does at start."""
    name = fields.get("kv_connector")
    known = release_names.load().kv_connectors
    if isinstance(name, str) and not fields.get("kv_connector_module_path") and name not in known:
        message = f"Unsupported connector type: {name}{did_you_mean(name, known)}"
        raise ValueRefusal(message)
    extra = fields.get("kv_connector_extra_config")
    children = extra.get("connectors") if isinstance(extra, dict) else None
    for child in children if isinstance(children, list) else ():
        if isinstance(child, dict):
            _check_registered(child)


def events(text: str | None) -> KvEvents | None:
    """Read the value of `--kv-events-config`, None when it enables no events.

    Raises:
        UsageRefusal: when vLLM would not accept the value.
        CannotSimulate: when the events would go to a place without a fixed port.
    """
    if text is None:
        return None
    fields = _fields(EVENTS_FLAG, "KVEventsConfig", text, _EVENTS_FIELDS)
    publisher = _text(fields, "publisher")
    if publisher not in (None, "null", "zmq"):
        raise UsageRefusal(
            f"argument {EVENTS_FLAG}: 1 validation error for KVEventsConfig: publisher: "
            f"Input should be 'null' or 'zmq', got '{publisher}'"
        )
    if not _flag(fields, "enable_kv_cache_events") or publisher == "null":
        return None
    return KvEvents(port=zmq_port(_text(fields, "endpoint") or _DEFAULT_ENDPOINT))


def zmq_port(address: str) -> int:
    """Return the port of a ZMQ endpoint such as `tcp://*:5557`.

    Raises:
        CannotSimulate: when it has none that Dynamo could subscribe to.
    """
    match = re.fullmatch(r"tcp://.+:(\d+)", address)
    port = int(match[1]) if match else 0
    if not 0 < port < 65536:  # noqa: PLR2004 -- ports have 16 bits
        raise CannotSimulate(
            f'{EVENTS_FLAG}: endpoint "{address}" has no fixed TCP port, so Dynamo could not '
            f"subscribe to the events; write it as {_DEFAULT_ENDPOINT}"
        )
    return port


def _fields(
    flag: str, config: str, text: str, known: dict[str, tuple[type, ...]]
) -> dict[str, object]:
    try:
        value: object = json.loads(text)
    except json.JSONDecodeError as fault:
        raise UsageRefusal(
            f"argument {flag}: 1 validation error for {config}: Invalid JSON: {fault}"
        ) from fault
    if not isinstance(value, dict):
        raise UsageRefusal(
            f"argument {flag}: 1 validation error for {config}: Input should be an object, "
            f"got {text}"
        )
    for name, entry in value.items():
        if name not in known:
            raise UsageRefusal(
                f"argument {flag}: 1 validation error for {config}: {name}: "
                f"Unexpected keyword argument{did_you_mean(name, known)}"
            )
        if entry is not None and not _fits(entry, known[name]):
            raise UsageRefusal(
                f"argument {flag}: 1 validation error for {config}: {name}: "
                f"Input should be a valid {known[name][0].__name__}, got {json.dumps(entry)}"
            )
    return value


def _fits(entry: object, types: tuple[type, ...]) -> bool:
    if bool in types:
        return str(entry).lower() in PYDANTIC_TRUE | PYDANTIC_FALSE
    return isinstance(entry, types) and not isinstance(entry, bool)


def _text(fields: dict[str, object], name: str) -> str | None:
    value = fields.get(name)
    return None if value is None else str(value)


def _flag(fields: dict[str, object], name: str) -> bool:
    return str(fields.get(name, False)).lower() in PYDANTIC_TRUE
