"""What all mock workers do with the real runtime: log, open it, say what they are, end with it."""

from __future__ import annotations

import asyncio
import signal
import sys
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from dynamo_conformance.engines.engine import Engine
from dynamo_conformance.engines.role import Role
from dynamo_conformance.mock_engine.engine_refusal import StartFault
from dynamo_conformance.mock_engine.mock_environment import version

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from dynamo.llm import ModelRuntimeConfig, ModelType, RouterConfig
    from dynamo.runtime import DistributedRuntime, Endpoint

    from dynamo_conformance.engines.flag import Json
    from dynamo_conformance.mock_engine.worker_spec import WorkerSpec

    Request: TypeAlias = dict[str, Json]

ROUTE = "mock"
"""Where a worker says that the mock engine simulates it: on its system port, below /engine/."""


def notice(text: str) -> None:
    """Write a line about what the mock engine does to the log of the process it simulates."""
    sys.stderr.write(f"mock engine: {text}\n")
    sys.stderr.flush()


class MockRuntime:
    """The runtime of one worker, which ends with SIGTERM or SIGINT."""

    def __init__(self, worker: WorkerSpec, runtime: DistributedRuntime) -> None:
        """Say what it is; without a system port nobody can ask for the route, which is fine.

        Args:
            worker: The worker to be.
            runtime: The runtime, opened in the running loop.
        """
        self.runtime = runtime
        # Before 0.8 a system port had no such routes.
        if hasattr(runtime, "register_engine_route"):
            runtime.register_engine_route(ROUTE, partial(_describe, worker))
        self._asked_to_end = False
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end)

    async def serve(self, *parts: Awaitable[BaseException | None]) -> None:
        """Run everything that serves until the end.

        Raises:
            StartFault: when the runtime or the engine ends without having been asked to.
        """
        # The runtime reports its own shutdown as an error too.
        outcomes = await asyncio.gather(*parts, return_exceptions=True)
        self.runtime.shutdown()
        if not self._asked_to_end:
            causes = ", ".join(map(str, outcomes))
            raise StartFault(f"the runtime ended by itself: {causes}")

    def _end(self) -> None:
        self._asked_to_end = True
        self.runtime.shutdown()


def open_runtime(
    *,
    discovery_backend: str | None,
    request_plane: str | None,
    event_plane: str | None,
    response_plane: str | None,
) -> DistributedRuntime:
    """Open the runtime in the running loop, as the release's own workers do."""
    from dynamo.common.utils.runtime import create_runtime

    runtime: DistributedRuntime
    runtime, _ = create_runtime(
        discovery_backend, request_plane, event_plane, response_plane=response_plane
    )
    return runtime


async def _describe(worker: WorkerSpec, _body: object) -> dict[str, object]:
    return {"engine": str(worker.engine), "version": version(), "unread": list(worker.unread)}


async def register(
    worker: WorkerSpec,
    endpoint: Endpoint,
    card: ModelRuntimeConfig,
    *,
    router_config: RouterConfig | None = None,
) -> None:
    """Attach the worker's model to its endpoint, as the real worker does."""
    from dynamo.llm import ModelInput, WorkerType, register_model

    stages = {
        Role.AGG: WorkerType.Aggregated,
        Role.PREFILL: WorkerType.Prefill,
        Role.DECODE: WorkerType.Decode,
        Role.ENCODE: WorkerType.Encode,
    }
    await register_model(
        ModelInput.Text if worker.embeds else ModelInput.Tokens,
        _surface(worker),
        endpoint,
        worker.model,
        worker.served_name,
        worker_type=stages[worker.role],
        needs=[[stages[role] for role in roles] for roles in worker.needs],
        kv_cache_block_size=None if worker.embeds else worker.block_size,
        runtime_config=card,
        custom_template_path=worker.chat_template,
        router_config=router_config,
        ignore_weights=True,
    )


def _surface(worker: WorkerSpec) -> ModelType:
    """Return what clients may ask the worker for."""
    from dynamo.llm import ModelType

    if worker.embeds:
        return ModelType.Embedding
    if worker.role is Role.PREFILL:
        # Behind an encode worker SGLang's prefill worker is asked by decode workers alone.
        is_internal = worker.engine is Engine.SGLANG and worker.without_mocker
        return ModelType.Empty if is_internal else ModelType.Prefill
    return ModelType.Chat | ModelType.Completions if worker.public else ModelType.Empty


def publish_budget(card: ModelRuntimeConfig, worker: WorkerSpec) -> None:
    """Say in the model card which requests are too long, as the real workers of each engine do.

    Source: dynamo.vllm.capacity, dynamo.sglang.register and dynamo.trtllm.utils of 1.6.1.
    """
    from dynamo.common.token_budget import TokenBudget, publish_token_budget

    limit = worker.max_model_len
    if limit is None or worker.embeds or worker.role is Role.ENCODE:
        return
    # TensorRT-LLM lets answers end at the limit.
    total = worker.engine is not Engine.TRTLLM and not worker.truncates
    budget = TokenBudget(
        combined_limit=limit,
        reject_prompt_overflow=not worker.truncates,
        reject_total_overflow=total,
    )
    publish_token_budget(card, budget)
