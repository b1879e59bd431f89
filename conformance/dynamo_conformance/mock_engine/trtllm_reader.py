"""Reads a `dynamo.trtllm` command line as Dynamo 1.6.1 would.

The roles, names and defaults are those of `dynamo/trtllm/args.py` and `backend_args.py`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dynamo_conformance.engines import trtllm_options
from dynamo_conformance.engines.engine import Engine
from dynamo_conformance.engines.role import COMPONENTS, Role
from dynamo_conformance.mock_engine.engine_refusal import CannotSimulate, FileRefusal, ValueRefusal
from dynamo_conformance.mock_engine.worker_spec import (
    KvEvents,
    Links,
    Ranks,
    WorkerSpec,
    endpoint,
    namespace,
    needs,
    role_of,
)

if TYPE_CHECKING:
    from dynamo_conformance.mock_engine.typed_arguments import TypedArguments

DEFAULT_MODEL = "TinyLlama/TinyLlama-1.1B-Chat-v1.0"
DEFAULT_BLOCK_SIZE = 32

_DIFFUSION = ("image_diffusion", "video_diffusion")


def read(settings: TypedArguments) -> WorkerSpec:
    """Return the worker that the command line describes.

    Raises:
        EngineRefusal: when the real engine would not start with it, or the mock engine cannot.
    """
    role = _role(settings)
    _check_modality(settings)
    options = _options(settings)
    _check_transceiver(options, role)
    encoder = _encoder(settings)
    model = settings.text("model") or DEFAULT_MODEL
    size = _attention_ranks(settings, options)
    reuse = trtllm_options.option(options, trtllm_options.BLOCK_REUSE) is not False
    events = settings.switch("publish_kv_events") and reuse and role is not Role.DECODE
    return WorkerSpec(
        engine=Engine.TRTLLM,
        role=role,
        model=model,
        served_name=(settings.text("served_model_name") or model).split(",")[0],
        endpoint=endpoint(
            settings.text("endpoint"),
            namespace=namespace(settings.text("namespace"), settings.env),
            component=COMPONENTS[role],
        ),
        block_size=_number(options, trtllm_options.BLOCK_SIZE)
        or settings.whole("kv_block_size")
        or DEFAULT_BLOCK_SIZE,
        max_model_len=_number(options, trtllm_options.MAX_LENGTH) or settings.whole("max_seq_len"),
        max_num_seqs=_number(options, trtllm_options.MAX_BATCH) or settings.whole("max_batch_size"),
        max_num_batched_tokens=_number(options, trtllm_options.MAX_TOKENS)
        or settings.whole("max_num_tokens"),
        prefix_caching=reuse,
        ranks=Ranks(start=0, local=size, size=size),
        # TensorRT-LLM hands its events to Dynamo in the process; there is no port.
        kv_events=KvEvents(port=None) if events else None,
        tool_call_parser=settings.text("dyn_tool_call_parser"),
        reasoning_parser=settings.text("dyn_reasoning_parser"),
        chat_template=settings.text("custom_jinja_template"),
        runtime_words=settings.runtime_words(),
        unread=trtllm_options.unread(options),
        links=Links(encoder=encoder),
        without_mocker=role is Role.ENCODE or encoder is not None,
        public=role in (Role.AGG, Role.DECODE),
        needs=needs(role, encoder=encoder),
    )


def _encoder(settings: TypedArguments) -> str | None:
    """Return the encode worker that this one asks, under the name that it was given."""
    given = settings.text("encode_endpoint")
    return endpoint(given, namespace="", component="") if given else None


def _options(settings: TypedArguments) -> trtllm_options.Options:
    """Return what the engine file and the overrides say, read as the engine would read them."""
    override = settings.text("override_engine_args")
    dotted = settings.arguments.dotted
    name = settings.text("extra_engine_args")
    try:
        text = Path(name).read_text(encoding="utf-8") if name else None
    except OSError as fault:
        raise FileRefusal(f"[Errno {fault.errno}] {fault.strerror}: '{name}'") from fault
    try:
        return trtllm_options.options(file=text, override=override, dotted=dotted)
    except trtllm_options.BadOptionsError as fault:
        raise ValueRefusal(str(fault)) from fault


def _check_transceiver(options: trtllm_options.Options, role: Role) -> None:
    if role in (Role.PREFILL, Role.DECODE) and trtllm_options.transceiver(options) is None:
        raise CannotSimulate(
            f"--disaggregation-mode {role} without cache_transceiver_config in the engine file: "
            "TensorRT-LLM starts, and then fails every request, because no KV block can leave or "
            "reach it"
        )


def _attention_ranks(settings: TypedArguments, options: trtllm_options.Options) -> int:
    """Return how many ranks attend to requests of their own."""
    option = trtllm_options.option(options, trtllm_options.ATTENTION_DP)
    if not (settings.switch("enable_attention_dp") if option is None else option):
        return 1
    return _number(options, trtllm_options.TENSOR_PARALLEL) or settings.at_least_one(
        "tensor_parallel_size"
    )


def _number(options: trtllm_options.Options, path: str) -> int | None:
    value = trtllm_options.option(options, path)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _role(settings: TypedArguments) -> Role:
    mode = settings.text("disaggregation_mode") or "agg"
    if mode == "prefill_and_decode":
        raise ValueRefusal(
            "--disaggregation-mode=prefill_and_decode is no longer supported; use "
            "--disaggregation-mode=agg for aggregated serving or --disaggregation-mode=pd for a "
            "combined prefill+decode worker."
        )
    return role_of(mode)


def _check_modality(settings: TypedArguments) -> None:
    modality = settings.text("modality") or "text"
    if modality not in _DIFFUSION:
        return
    raise CannotSimulate(f"--modality {modality}: it only simulates workers that generate text")
