"""Reads a `dynamo.vllm` command line as Dynamo 1.6.1 with vLLM 0.31.0 would.

The checks and their order are those of `dynamo/vllm/args.py`, `backend_args.py` and vLLM's
`engine/arg_utils.py`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from dynamo_conformance.engines.engine import Engine
from dynamo_conformance.engines.role import COMPONENTS, Role
from dynamo_conformance.mock_engine import kv_config, vllm_topology
from dynamo_conformance.mock_engine.engine_refusal import CannotSimulate, ValueRefusal
from dynamo_conformance.mock_engine.worker_spec import (
    Links,
    WorkerSpec,
    endpoint,
    namespace,
    needs,
    role_of,
)

if TYPE_CHECKING:
    from dynamo_conformance.mock_engine.kv_config import KvTransfer
    from dynamo_conformance.mock_engine.typed_arguments import TypedArguments
    from dynamo_conformance.mock_engine.worker_spec import KvEvents

DEFAULT_MODEL = "Qwen/Qwen3-0.6B"
# vLLM's default on CUDA; the mocker's own would be 64.
DEFAULT_BLOCK_SIZE = 16

_CONNECTORS = {
    "lmcache": {"kv_connector": "LMCacheConnectorV1", "kv_role": "kv_both"},
    "flexkv": {"kv_connector": "FlexKVConnectorV1", "kv_role": "kv_both"},
    "nixl": {"kv_connector": "NixlConnector", "kv_role": "kv_both"},
    "kvbm": {
        "kv_connector": "DynamoConnector",
        "kv_connector_module_path": "kvbm.vllm_integration.connector",
        "kv_role": "kv_both",
    },
}
# Worker kinds that answer with neither text nor vectors.
_OTHER_KINDS = ("classify_worker", "realtime", "benchmark_mode")


def read(settings: TypedArguments) -> WorkerSpec:
    """Return the worker that the command line describes.

    Raises:
        EngineRefusal: when the real engine would not start with it, or the mock engine cannot.
    """
    transfer = kv_config.transfer(settings.text("kv_transfer_config"))
    events = kv_config.events(settings.text("kv_events_config"))
    role = role_of(settings.text("disaggregation_mode") or "agg")
    _check_kind(settings)
    own = namespace(settings.text("namespace"), settings.env)
    where = endpoint(settings.text("endpoint"), namespace=own, component=COMPONENTS[role])
    encoder = _encoder(settings, role, own)
    embeds = bool(settings.switch("embedding_worker"))
    _check_connector(settings, role, transfer)
    prefix_caching = settings.switch("enable_prefix_caching") is not False
    model = settings.text("model") or DEFAULT_MODEL
    topology = vllm_topology.read(settings, model=model, role=role)
    return WorkerSpec(
        engine=Engine.VLLM,
        role=role,
        model=model,
        served_name=_served_name(settings) or model,
        endpoint=where,
        block_size=settings.whole("block_size") or DEFAULT_BLOCK_SIZE,
        max_model_len=_positive(settings.whole("max_model_len")),
        max_num_seqs=settings.whole("max_num_seqs"),
        max_num_batched_tokens=settings.whole("max_num_batched_tokens"),
        prefix_caching=prefix_caching,
        chunked_prefill=settings.switch("enable_chunked_prefill"),
        ranks=topology.ranks,
        kv_events=_published(events, role=role, prefix_caching=prefix_caching),
        tool_call_parser=settings.text("dyn_tool_call_parser"),
        reasoning_parser=settings.text("dyn_reasoning_parser"),
        chat_template=settings.text("custom_jinja_template"),
        runtime_words=settings.runtime_words(),
        group=topology.group,
        serves=topology.serves,
        links=Links(encoder=encoder),
        embeds=embeds,
        without_mocker=embeds or role is Role.ENCODE or encoder is not None,
        public=role in (Role.AGG, Role.DECODE),
        needs=needs(role, encoder=encoder),
    )


def _encoder(settings: TypedArguments, role: Role, own: str) -> str | None:
    """Return the encode worker that this one asks; its name is fixed."""
    asks = settings.switch("route_to_encoder") and role in (Role.AGG, Role.PREFILL)
    return f"dyn://{own}.encode.generate" if asks else None


def _check_kind(settings: TypedArguments) -> None:
    for dest in _OTHER_KINDS:
        if settings.switch(dest):
            flag = "--" + dest.replace("_", "-")
            raise CannotSimulate(f"{flag}: it only simulates workers of text and of embeddings")


def _check_connector(settings: TypedArguments, role: Role, transfer: KvTransfer | None) -> None:
    variable = settings.env.get("DYN_CONNECTOR")
    given = settings.texts("connector") if settings.explicit("connector") else ()
    names = [name.lower() for name in given or (variable or "").split()]
    if given or variable is not None:
        raise ValueRefusal(_connector_gone(names, by_flag=bool(given), role=role))
    if role is Role.PREFILL and transfer is None:
        raise ValueRefusal(
            "--connector is deprecated and the default is no longer nixl. When using "
            "--disaggregation-mode prefill, you must explicitly provide --kv-transfer-config. "
            'Example: --kv-transfer-config \'{"kv_connector":"NixlConnector",'
            '"kv_role":"kv_producer"}\''
        )


def _connector_gone(names: list[str], *, by_flag: bool, role: Role) -> str:
    source = "--connector" if by_flag else "The DYN_CONNECTOR environment variable"
    gone = f"{source} is no longer supported for the vLLM backend."
    known = [_CONNECTORS[name] for name in names if name in _CONNECTORS]
    if not known:
        return f"{gone} The default is already no connector: remove it."
    if len(known) > 1:
        value: dict[str, object] = {
            "kv_connector": "PdConnector",
            "kv_role": "kv_both",
            "kv_connector_extra_config": {"connectors": known},
            "kv_connector_module_path": "kvbm.vllm_integration.connector",
        }
    else:
        value = {**known[0]}
        if names[0] == "nixl":
            roles = {Role.PREFILL: "kv_producer", Role.DECODE: "kv_consumer"}
            value["kv_role"] = roles.get(role, "kv_both")
    return (
        f"{gone} Use --kv-transfer-config instead. "
        f"Equivalent: --kv-transfer-config '{json.dumps(value)}'"
    )


def _served_name(settings: TypedArguments) -> str | None:
    # Each word may pack several names, separated by commas; the first of all is the primary one.
    names = [
        name.strip() for word in settings.texts("served_model_name") for name in word.split(",")
    ]
    return next((name for name in names if name), None)


def _published(events: KvEvents | None, *, role: Role, prefix_caching: bool) -> KvEvents | None:
    # The mocker's decode worker has no event publisher; no router asks a decode worker for one.
    return events if prefix_caching and role is not Role.DECODE else None


def _positive(value: int | None) -> int | None:
    # -1 lets vLLM choose the longest length that fits.
    return value if value is not None and value > 0 else None
