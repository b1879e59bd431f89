"""Runs a worker on the real Dynamo runtime, with Dynamo's own mocker as its engine.

This is the way of `dynamo.mocker.main`, made of the mocker's own parts, for the sake of what that
function offers no flag for: a worker without KV events, parsers and a token budget in its model
card, and answers whose length nobody says. Nothing here is imported before the command line has
been accepted, so that a refusal comes at once.

Requests do not reach the mocker themselves, for it refuses those without max_tokens. It serves on
a runtime of its own that is known to this process alone; its KV events, metrics and bootstrap port
are those of the worker's runtime.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Final

from dynamo_conformance.engines.role import Role
from dynamo_conformance.mock_engine.answer_length import answer_length, ended
from dynamo_conformance.mock_engine.chosen_answers import trace
from dynamo_conformance.mock_engine.engine_refusal import StartFault
from dynamo_conformance.mock_engine.mock_runtime import (
    MockRuntime,
    open_runtime,
    publish_budget,
    register,
)

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import AsyncIterator, Awaitable, Iterator, Mapping

    from dynamo.llm import EngineConfig, ModelRuntimeConfig
    from dynamo.runtime import Client, Context, DistributedRuntime

    from dynamo_conformance.mock_engine.chosen_answers import Parsers
    from dynamo_conformance.mock_engine.mock_runtime import Request
    from dynamo_conformance.mock_engine.worker_spec import WorkerSpec

_HIDDEN: Final = "dyn://mock.engine.generate"
_WARM_UP: Final[Request] = {
    "token_ids": [0],
    "stop_conditions": {"max_tokens": 1},
    "sampling_options": {},
    "output_options": {},
    "eos_token_ids": [],
    "annotations": [],
}
_NO_SYSTEM_PORT: Final = {"DYN_SYSTEM_PORT": None}
_NO_METADATA: Final = {"DYN_SELF_HOST_METADATA": "0"}


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
    os.environ.setdefault("DYN_RUNTIME_NUM_WORKER_THREADS", "1")
    import uvloop
    from dynamo.mocker.args import parse_args
    from dynamo.runtime.logging import configure_dynamo_logging

    configure_dynamo_logging()
    uvloop.run(_serve(worker, parse_args(argv)))


async def _serve(worker: WorkerSpec, args: Namespace) -> None:
    from dynamo.common.configuration.groups.router_args import build_router_config
    from dynamo.mocker.config import build_runtime_config

    runtime = open_runtime(
        discovery_backend=args.discovery_backend,
        request_plane=args.request_plane,
        event_plane=args.event_plane,
        response_plane=args.response_plane,
    )
    mock = MockRuntime(worker, runtime)
    with _file_of_answers(worker.parsers) as answers:
        args.response_replay_trace_path = answers.name
        engine_args = _engine_args(args)
        _, card = build_runtime_config(engine_args)
        _adjust(card, worker)
        # The file is read now. The hidden model has no files to hand out.
        with _environment(_NO_METADATA):
            engine = await _engine(mock.runtime, args, engine_args, card)
    mocker = await HiddenMocker.start(worker, engine, response_plane=args.response_plane)
    endpoint = mock.runtime.endpoint(args.endpoint)
    serving = endpoint.serve_endpoint(
        mocker.generate, metrics_labels=[("model", worker.served_name)]
    )
    router = build_router_config(args.router_advertisement)
    registering = register(worker, endpoint, card, router_config=router)
    await mock.serve(
        mocker.serve_while(serving, mock.runtime), mocker.announce(registering, mock.runtime)
    )


def _file_of_answers(parsers: Parsers) -> IO[str]:
    """Return a file that is gone when it is closed, with the answers that can be chosen.

    Raises:
        StartFault: No file can be written.
    """
    try:
        file = tempfile.NamedTemporaryFile("w", suffix=".jsonl", encoding="utf-8")  # noqa: SIM115
        file.write(trace(parsers))
        file.flush()
    except OSError as fault:
        raise StartFault(f"no temporary file can be written: {fault.strerror}") from fault
    return file


def _engine_args(args: Namespace) -> dict[str, object]:
    from dynamo.mocker.config import apply_worker_engine_args_overrides, load_mocker_engine_args

    made: dict[str, object] = apply_worker_engine_args_overrides(
        load_mocker_engine_args(args),
        bootstrap_port=next(iter(args.bootstrap_ports_list), None),
        zmq_kv_events_port=next(iter(args.zmq_kv_events_ports_list), None),
    )
    return made


async def _engine(
    runtime: DistributedRuntime,
    args: Namespace,
    engine_args: dict[str, object],
    card: ModelRuntimeConfig,
) -> EngineConfig:
    """Return the mocker, whose KV events and metrics are those of the worker's endpoint."""
    from dynamo.llm import EngineType, EntrypointArgs, make_engine

    return await make_engine(
        runtime,
        EntrypointArgs(
            engine_type=EngineType.Mocker,
            model_path=args.model_path,
            model_name=args.model_name,
            endpoint_id=args.endpoint,
            mocker_engine_args=engine_args,
            runtime_config=card,
            is_prefill=args.is_prefill_worker,
            is_decode=args.is_decode_worker,
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class HiddenMocker:
    """Dynamo's mocker on a runtime that only this process knows.

    Attributes:
        worker: The worker that it is the engine of.
        runtime: The runtime; its discovery is this process's memory.
        client: Asks it.
        instance: Its id.
        over: Ends when it does.
    """

    worker: WorkerSpec
    runtime: DistributedRuntime
    client: Client
    instance: int
    over: asyncio.Future[None]

    @classmethod
    async def start(
        cls, worker: WorkerSpec, engine: EngineConfig, *, response_plane: str
    ) -> HiddenMocker:
        """Serve the engine, and return once it answers."""
        from dynamo.common.utils.runtime import create_runtime
        from dynamo.llm import run_input

        # Each runtime opens the system port; the worker's has it.
        with _environment(_NO_SYSTEM_PORT):
            runtime, _ = create_runtime("mem", "tcp", "zmq", response_plane=response_plane)
        over = asyncio.ensure_future(run_input(runtime, _HIDDEN, engine))
        client = await runtime.endpoint(_HIDDEN).client()
        waiting = asyncio.ensure_future(client.wait_for_instances())
        await asyncio.wait((over, waiting), return_when=asyncio.FIRST_COMPLETED)
        if not waiting.done():
            waiting.cancel()
            await over  # Raises what kept it from serving.
        [instance] = waiting.result()
        return cls(worker=worker, runtime=runtime, client=client, instance=instance, over=over)

    async def serve_while(
        self, serving: Awaitable[None], worker_runtime: DistributedRuntime
    ) -> None:
        """End the mocker after the endpoint that asks it, and the worker when the mocker ends."""
        self.over.add_done_callback(lambda _: worker_runtime.shutdown())
        try:
            await serving
        finally:
            self.runtime.shutdown()
            await asyncio.wait((self.over,))

    async def announce(
        self, registering: Awaitable[None], worker_runtime: DistributedRuntime
    ) -> None:
        """Register the worker once the mocker answers; end it when that cannot be.

        The mocker opens its ports only after the worker's endpoint is there.
        """
        from dynamo.runtime import Context

        is_announced = False
        try:
            async for _ in self._ask(_WARM_UP | {"model": self.worker.served_name}, Context()):
                pass
            await registering
            is_announced = True
        finally:
            if not is_announced:
                worker_runtime.shutdown()

    async def generate(self, request: Request, context: Context) -> AsyncIterator[Request]:
        """Answer a request as the real worker: with an end where nobody says how long it may be.

        The runtime looks for a parameter of the name `context`.
        """
        if self.worker.role is Role.PREFILL:
            async for chunk in self._ask(request, context):
                yield chunk
            return
        length = answer_length(
            request, context_length=self.worker.max_model_len, parsers=self.worker.parsers
        )
        conditions = request.get("stop_conditions")
        limited: Request = {**conditions} if isinstance(conditions, dict) else {}
        limited["max_tokens"] = length.tokens
        asked: Request = {**request, "stop_conditions": limited}
        said = 0
        async for chunk in self._ask(asked, context):
            made = ended(chunk, length, said=said)
            tokens = chunk.get("token_ids")
            said += len(tokens) if isinstance(tokens, list) else 0
            if made is not None:
                yield made

    async def _ask(self, request: Request, context: Context) -> AsyncIterator[Request]:
        """Yield what the mocker says, under an id by which prefill and decode know each other.

        The mocker takes an id that is no UUID, such as those of the prompts of one request, for
        none at all, and draws one.
        """
        try:
            uuid.UUID(context.id())
        except ValueError:
            inner = context.detached(str(uuid.uuid5(uuid.NAMESPACE_OID, context.id())))
        else:
            inner = context
        stopped = context.async_killed_or_stopped() if inner is not context else None
        if stopped is not None:
            stopped.add_done_callback(lambda _: inner.stop_generating())
        try:
            # Named, it is asked even after an error for which clients avoid an instance.
            answers = await self.client.direct(request, self.instance, context=inner)
            async for answer in answers:
                chunk: Request = answer.data()
                yield chunk
        finally:
            if stopped is not None:
                stopped.cancel()


@contextmanager
def _environment(changes: Mapping[str, str | None]) -> Iterator[None]:
    """Change variables of this process, None to take one away, and put them back at the end."""
    kept = {name: os.environ.pop(name, None) for name in changes}
    os.environ.update({name: value for name, value in changes.items() if value is not None})
    try:
        yield
    finally:
        for name, value in kept.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def _adjust(card: ModelRuntimeConfig, worker: WorkerSpec) -> None:
    card.tool_call_parser = worker.tool_call_parser
    card.reasoning_parser = worker.reasoning_parser
    publish_budget(card, worker)
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
