"""Runs a worker on the runtime of another release than the one that the mock engine is made for.

Every release since 0.4 has the same few parts under slightly different names: a runtime, an
endpoint, a client, and a function that registers a model. Each is given what its own signature
takes. Answers are made here, as `request_handlers` makes them, without Dynamo's mocker: so there
are no KV events and no timing of an engine.
"""

from __future__ import annotations

import asyncio
import inspect
import os
from typing import TYPE_CHECKING, TypeAlias

from dynamo_conformance.engines.releases import ways
from dynamo_conformance.engines.role import Role
from dynamo_conformance.mock_engine.engine_refusal import ValueRefusal
from dynamo_conformance.mock_engine.mock_runtime import MockRuntime
from dynamo_conformance.mock_engine.request_handlers import answer_to, check_length

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from dynamo.llm import ModelRuntimeConfig, ModelType
    from dynamo.runtime import Client, DistributedRuntime, Endpoint

    from dynamo_conformance.engines.releases import Backend, Release
    from dynamo_conformance.mock_engine.mock_runtime import Request
    from dynamo_conformance.mock_engine.worker_spec import WorkerSpec

    Handler: TypeAlias = Callable[..., AsyncIterator[Request]]

CACHED_BLOCKS, SEQUENCES, BATCHED_TOKENS = 16384, 256, 8192
"""What a worker says of its engine's size."""


def serve(worker: WorkerSpec, release: Release, words: Sequence[str]) -> None:
    """Serve until SIGTERM or SIGINT.

    Args:
        worker: The worker to be; its model is a folder.
        release: The release whose runtime is here.
        words: Its command line, which may choose discovery and planes.

    Raises:
        StartFault: when the runtime ends without having been asked to.
    """
    import uvloop
    from dynamo.runtime.logging import configure_dynamo_logging

    configure_dynamo_logging()
    uvloop.run(_serve(worker, planes(release, words, os.environ)))


def planes(release: Release, words: Sequence[str], env: Mapping[str, str]) -> dict[str, str]:
    """Return what carries discovery, requests and events: by the words, the variables, default."""
    how = ways(release)
    chosen = {
        "discovery": _chosen(how.discovery, words, env, "etcd"),
        "request": _chosen(how.request_plane, words, env, "nats"),
        "event": _chosen(how.event_plane, words, env, "nats"),
    }
    for name, backend in (("discovery", how.discovery), ("request", how.request_plane)):
        if chosen[name] not in backend.choices:
            kinds = ", ".join(backend.choices)
            what = backend.flag or backend.variable or name
            raise ValueRefusal(f"argument {what}: invalid choice: '{chosen[name]}' ({kinds})")
    return chosen


def _chosen(backend: Backend, words: Sequence[str], env: Mapping[str, str], default: str) -> str:
    for index, word in enumerate(words):
        name, is_joined, value = word.partition("=")
        if backend.flag is not None and name == backend.flag:
            return value if is_joined else "".join(words[index + 1 : index + 2])
    stated = env.get(backend.variable) if backend.variable is not None else None
    return stated or backend.default or default


async def _serve(worker: WorkerSpec, chosen: Mapping[str, str]) -> None:
    mock = MockRuntime(worker, _opened(chosen))
    endpoint = await _endpoint(mock.runtime, worker.endpoint)
    handler = _handler(worker, await _prefill(mock.runtime, worker))

    async def announce() -> None:
        is_announced = False
        try:
            await _register(worker, endpoint)
            is_announced = True
        finally:
            if not is_announced:
                mock.runtime.shutdown()

    await mock.serve(endpoint.serve_endpoint(handler), announce())


def _opened(chosen: Mapping[str, str]) -> DistributedRuntime:
    from dynamo.runtime import DistributedRuntime

    request = chosen["request"]
    given = {
        "event_loop": asyncio.get_running_loop(),
        "is_static": False,
        "store_kv": chosen["discovery"],
        "discovery_backend": chosen["discovery"],
        "request_plane": request,
        # What it is for beside requests are KV events, which are not published here.
        "enable_nats": request == "nats",
        "event_plane": chosen["event"],
    }
    runtime: DistributedRuntime = DistributedRuntime(**_taken(DistributedRuntime, given))
    return runtime


def _taken(function: Callable[..., object], given: Mapping[str, object]) -> dict[str, object]:
    """Return those of the arguments that a function of the runtime takes in this release."""
    names = inspect.signature(function).parameters
    return {name: value for name, value in given.items() if name in names}


async def _endpoint(runtime: DistributedRuntime, path: str) -> Endpoint:
    """Return the endpoint `dyn://namespace.component.endpoint`, a service of it made before."""
    if hasattr(runtime, "endpoint"):
        return runtime.endpoint(path)
    namespace, component, name = path.removeprefix("dyn://").split(".")
    of = runtime.namespace(namespace).component(component)
    if hasattr(of, "create_service"):
        await of.create_service()
    return of.endpoint(name)


async def _prefill(runtime: DistributedRuntime, worker: WorkerSpec) -> Client | None:
    """Return what a worker asks first where the frontend does not, should there be any of them."""
    from dynamo.llm import ModelType

    if worker.role is Role.PREFILL or hasattr(ModelType, "Prefill"):
        return None
    namespace, _, name = worker.endpoint.removeprefix("dyn://").split(".")
    endpoint = await _endpoint(runtime, f"dyn://{namespace}.prefill.{name}")
    client: Client = await endpoint.client()
    return client


def _handler(worker: WorkerSpec, prefill: Client | None) -> Handler:
    async def generate(request: Request, context: object = None) -> AsyncIterator[Request]:  # noqa: ARG001
        """Answer; the runtime looks for a parameter of the name `context`."""
        if prefill is not None and prefill.instance_ids():
            async for _ in await prefill.round_robin(request):
                pass
        check_length(request, worker)
        for chunk in answer_to(
            request, worker.role, context_length=worker.max_model_len, parsers=worker.parsers
        ):
            yield chunk

    return generate


async def _register(worker: WorkerSpec, endpoint: Endpoint) -> None:
    from dynamo import llm

    surface = _surface(worker)
    if surface is None:
        return
    register = getattr(llm, "register_model", None) or llm.register_llm
    given = {
        "model_input": llm.ModelInput.Tokens if hasattr(llm, "ModelInput") else None,
        "model_type": surface,
        "endpoint": endpoint,
        "model_path": worker.model,
        "model_name": worker.served_name,
        "context_length": worker.max_model_len,
        "kv_cache_block_size": worker.block_size,
        "runtime_config": _card(worker),
        "custom_template_path": worker.chat_template,
        "ignore_weights": True,
    }
    if hasattr(llm, "WorkerType"):
        stages = {
            Role.AGG: llm.WorkerType.Aggregated,
            Role.PREFILL: llm.WorkerType.Prefill,
            Role.DECODE: llm.WorkerType.Decode,
        }
        given["worker_type"] = stages[worker.role]
        given["needs"] = [[stages[role] for role in roles] for roles in worker.needs]
    await register(**_taken(register, given))


def _surface(worker: WorkerSpec) -> ModelType | None:
    """Return what clients, or the frontend itself, may ask the worker for; None for nothing."""
    from dynamo.llm import ModelType

    surface: ModelType | None
    if worker.role is Role.PREFILL:
        surface = getattr(ModelType, "Prefill", None)
    elif hasattr(ModelType, "Backend"):
        surface = ModelType.Backend
    else:
        surface = ModelType.Chat | ModelType.Completions
    return surface


def _card(worker: WorkerSpec) -> ModelRuntimeConfig:
    from dynamo.llm import ModelRuntimeConfig

    card = ModelRuntimeConfig()
    said = {
        "total_kv_blocks": CACHED_BLOCKS,
        "max_num_seqs": SEQUENCES,
        "max_num_batched_tokens": BATCHED_TOKENS,
        "context_length": worker.max_model_len,
        "tool_call_parser": worker.tool_call_parser,
        "reasoning_parser": worker.reasoning_parser,
        "enable_local_indexer": False,
        "kv_event_publishing_enabled": False,
    }
    for name, value in said.items():
        if hasattr(card, name):
            setattr(card, name, value)
    return card
