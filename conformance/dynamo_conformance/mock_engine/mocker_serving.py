"""Runs a worker on the real Dynamo runtime, with Dynamo's own mocker as its engine.

This is the way of `dynamo.mocker.main`, made of the mocker's own parts, for the sake of what that
function offers no flag for: a worker without KV events, and parsers in its model card. Nothing
here is imported before the command line has been accepted, so that a refusal comes at once.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from dynamo_conformance.mock_engine.mock_runtime import MockRuntime

if TYPE_CHECKING:
    from argparse import Namespace

    from dynamo.llm import ModelRuntimeConfig

    from dynamo_conformance.mock_engine.worker_spec import WorkerSpec


def serve(worker: WorkerSpec, argv: list[str]) -> None:
    """Serve until SIGTERM or SIGINT.

    Args:
        worker: The worker to be.
        argv: The mocker's arguments for it.

    Raises:
        StartFault: when the runtime or the engine ends without having been asked to.
    """
    # As dynamo.mocker.main does: one process here is one of many, its threads are few.
    os.environ.setdefault("DYN_COMPUTE_THREADS", "0")
    import uvloop
    from dynamo.mocker.args import parse_args
    from dynamo.runtime.logging import configure_dynamo_logging

    configure_dynamo_logging()
    uvloop.run(_serve(worker, parse_args(argv)))


async def _serve(worker: WorkerSpec, args: Namespace) -> None:
    from dynamo.common.configuration.groups.router_args import build_router_config
    from dynamo.llm import EngineType, EntrypointArgs, make_engine, run_input
    from dynamo.mocker.config import (
        apply_worker_engine_args_overrides,
        build_runtime_config,
        load_mocker_engine_args,
    )

    mock = MockRuntime(
        worker,
        discovery_backend=args.discovery_backend,
        request_plane=args.request_plane,
        event_plane=args.event_plane,
        response_plane=args.response_plane,
    )
    engine_args = apply_worker_engine_args_overrides(
        load_mocker_engine_args(args),
        bootstrap_port=next(iter(args.bootstrap_ports_list), None),
        zmq_kv_events_port=next(iter(args.zmq_kv_events_ports_list), None),
    )
    block_size, card = build_runtime_config(engine_args)
    _adjust(card, worker)
    engine = await make_engine(
        mock.runtime,
        EntrypointArgs(
            engine_type=EngineType.Mocker,
            model_path=args.model_path,
            model_name=args.model_name,
            endpoint_id=args.endpoint,
            template_file=worker.chat_template,
            mocker_engine_args=engine_args,
            runtime_config=card,
            kv_cache_block_size=block_size,
            is_prefill=args.is_prefill_worker,
            is_decode=args.is_decode_worker,
            router_config=build_router_config(args.router_advertisement),
        ),
    )
    await mock.serve(run_input(mock.runtime, args.endpoint, engine))


def _adjust(card: ModelRuntimeConfig, worker: WorkerSpec) -> None:
    card.tool_call_parser = worker.tool_call_parser
    card.reasoning_parser = worker.reasoning_parser
    if worker.kv_events is not None or not card.kv_event_publishing_enabled:
        return
    # The mocker publishes events whenever it caches prefixes, which an engine does not unless it
    # is asked to. There is no switch for it. So the model card says that there are no events, as
    # the engine's would, and names as their source an endpoint that nobody publishes on: routers
    # subscribe to the source that the card names, and so never learn what this worker caches.
    namespace, component, _ = worker.endpoint.removeprefix("dyn://").split(".")
    card.kv_event_publishing_enabled = False
    card.enable_local_indexer = False
    card.kv_state_endpoint = f"{namespace}.{component}.no_kv_events"
