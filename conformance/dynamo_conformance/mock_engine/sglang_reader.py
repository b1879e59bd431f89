"""Reads a `dynamo.sglang` command line as Dynamo 1.6.1 with SGLang 0.5.21 would.

The roles, names and defaults are those of `dynamo/sglang/args.py` and `capacity.py`.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from dynamo_conformance.engines.engine import Engine
from dynamo_conformance.engines.role import COMPONENTS, Role
from dynamo_conformance.mock_engine.engine_refusal import CannotSimulate, UsageRefusal, ValueRefusal
from dynamo_conformance.mock_engine.kv_config import zmq_port
from dynamo_conformance.mock_engine.worker_spec import (
    NO_LINKS,
    WORKER_ROLES,
    KvEvents,
    Links,
    MultinodeGroup,
    Ranks,
    WorkerSpec,
    endpoint,
    namespace,
    needs,
    role_of,
)

if TYPE_CHECKING:
    from dynamo_conformance.mock_engine.typed_arguments import TypedArguments

_ROLES = {"null": Role.AGG, **WORKER_ROLES}
_OTHER_KINDS = ("rerank_worker", "image_diffusion_worker", "video_generation_worker")


def read(settings: TypedArguments) -> WorkerSpec:
    """Return the worker that the command line describes.

    Raises:
        EngineRefusal: when the real engine would not start with it, or the mock engine cannot.
    """
    model = settings.text("model_path")
    if model is None:
        raise UsageRefusal("the following arguments are required: --model-path/--model")
    role = _role(settings)
    group = _group(settings, model=model, role=role)
    served = settings.text("served_model_name") or model
    size = settings.at_least_one("dp_size")
    prefix_caching = not settings.switch("disable_radix_cache")
    own = namespace(settings.text("namespace"), settings.env)
    # Such a worker takes images from an encode worker, and requests from it as well.
    behind = bool(settings.switch("dedicated_mm_encoder"))
    _check_encoder(settings, role)
    embeds = bool(settings.switch("embedding_worker"))
    return WorkerSpec(
        engine=Engine.SGLANG,
        role=role,
        model=model,
        served_name=served.split(",")[0],
        endpoint=endpoint(settings.text("endpoint"), namespace=own, component=COMPONENTS[role]),
        block_size=settings.whole("page_size") or 1,
        max_model_len=settings.whole("context_length"),
        truncates=bool(settings.switch("allow_auto_truncate")),
        max_num_seqs=settings.whole("max_running_requests"),
        prefix_caching=prefix_caching,
        # The first node registers all ranks, wherever they run.
        ranks=Ranks(start=0, local=size, size=size),
        kv_events=_events(settings) if prefix_caching and role is not Role.DECODE else None,
        bootstrap_port=_bootstrap_port(settings) if role is Role.PREFILL else None,
        tool_call_parser=settings.text("dyn_tool_call_parser"),
        reasoning_parser=settings.text("dyn_reasoning_parser"),
        chat_template=settings.text("custom_jinja_template"),
        runtime_words=settings.runtime_words(),
        group=group,
        serves=group is None or group.leads,
        links=_links(role, own, behind=behind),
        embeds=embeds,
        without_mocker=embeds or behind or role is Role.ENCODE,
        # Behind an encode worker, that one is the one whom clients ask.
        public=role is Role.ENCODE or not behind,
        needs=_needs(role, behind=behind),
    )


def _check_encoder(settings: TypedArguments, role: Role) -> None:
    if role is Role.ENCODE and settings.text("chat_template") is None:
        raise ValueRefusal(
            "--disaggregation-mode encode needs --chat-template: the encode worker looks up there "
            "which token stands for an image, and fails with a KeyError without it"
        )


def _links(role: Role, own: str, *, behind: bool) -> Links:
    if role is Role.ENCODE:
        return Links(onward=f"dyn://{own}.backend.generate")
    if behind and role is Role.DECODE:
        return Links(prefill=f"dyn://{own}.prefill.generate")
    return NO_LINKS


def _needs(role: Role, *, behind: bool) -> tuple[tuple[Role, ...], ...]:
    if role is Role.AGG:
        return ((Role.ENCODE,),) if behind else ()
    return needs(role, encoder=None)


def _role(settings: TypedArguments) -> Role:
    for dest in _OTHER_KINDS:
        if settings.switch(dest):
            raise CannotSimulate(
                f"--{dest.replace('_', '-')}: it only simulates workers of text and of embeddings"
            )
    mode = settings.text("disaggregation_mode") or "null"
    return role_of(mode, roles=_ROLES)


def _group(settings: TypedArguments, *, model: str, role: Role) -> MultinodeGroup | None:
    nodes = settings.at_least_one("nnodes")
    rank = settings.whole("node_rank") or 0
    if nodes == 1:
        return None
    if not 0 <= rank < nodes:
        raise ValueRefusal(f"node_rank ({rank}) must be in the range [0, {nodes}) of --nnodes")
    address = settings.text("dist_init_addr")
    match = re.fullmatch(r"(?P<host>.+):(?P<port>\d+)", address or "")
    if match is None:
        raise ValueRefusal(
            f"--nnodes {nodes} needs --dist-init-addr HOST:PORT of the first node, got {address}"
        )
    tensor = settings.at_least_one("tp_size")
    pipeline = settings.at_least_one("pp_size")
    if tensor * pipeline % nodes:
        raise ValueRefusal(
            f"tp_size ({tensor}) times pp_size ({pipeline}) must be divisible by nnodes ({nodes})"
        )
    return MultinodeGroup(
        unit="node",
        start=rank,
        count=1,
        size=nodes,
        host=match["host"].strip("[]"),
        port=int(match["port"]),
        agreement=(
            ("--model-path", model),
            ("--disaggregation-mode", str(role)),
            ("--tp-size", str(tensor)),
            ("--pp-size", str(pipeline)),
            ("--dp-size", str(settings.at_least_one("dp_size"))),
        ),
    )


def _events(settings: TypedArguments) -> KvEvents | None:
    text = settings.text("kv_events_config")
    if text is None:
        return None
    try:
        fields: object = json.loads(text)
    except json.JSONDecodeError as fault:
        raise ValueRefusal(f"--kv-events-config is not parseable: {fault}") from fault
    if not isinstance(fields, dict):
        raise ValueRefusal(f"--kv-events-config is not parseable: {text} is no JSON object")
    if fields.get("publisher", "null") == "null":
        return None
    return KvEvents(port=zmq_port(str(fields.get("endpoint", "tcp://*:5557"))))


def _bootstrap_port(settings: TypedArguments) -> int | None:
    # Without the flag Dynamo takes any free port, which the mocker does not need one for.
    return (
        settings.whole("disaggregation_bootstrap_port")
        if settings.explicit("disaggregation_bootstrap_port")
        else None
    )
