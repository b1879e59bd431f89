"""A PrefillWorker: computes prompts from the queue, into the memory of the worker that answers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator  # noqa: TC003 - the SDK reads annotations

from dynamo.sdk import async_on_start, dynamo_context, endpoint, service
from vllm import TokensPrompt
from vllm.entrypoints.openai.api_server import build_async_engine_client_from_engine_args
from vllm.remote_prefill import RemotePrefillParams, RemotePrefillRequest

from components.handoff import Addresses, PrefillQueue
from components.settings import NAMESPACE, read_settings

logger = logging.getLogger(__name__)


@service(
    dynamo={"namespace": NAMESPACE},
    resources={"gpu": "1", "cpu": "10", "memory": "20Gi"},
    workers=1,
)
class PrefillWorker:
    """One engine that answers nobody: it takes what waits longest, whoever put it there."""

    def __init__(self) -> None:
        self._settings = read_settings("PrefillWorker")
        self._known: set[str] = set()

    @async_on_start
    async def start(self) -> None:
        """Load the model, and take requests until the process is asked to end."""
        self._addresses = Addresses(dynamo_context["runtime"])
        self._loading = build_async_engine_client_from_engine_args(self._settings.engine)
        self._engine = await self._loading.__aenter__()
        queue = await PrefillQueue.connected(self._settings.served_name)
        self._work = asyncio.create_task(self._run(queue))
        self._work.add_done_callback(_report)

    async def _run(self, queue: PrefillQueue) -> None:
        running: set[asyncio.Task[None]] = set()
        while True:
            if (request := await queue.take()) is not None:
                task = asyncio.create_task(self._prefill(request))
                running.add(task)
                task.add_done_callback(running.discard)
                task.add_done_callback(_report)

    async def _prefill(self, request: RemotePrefillRequest) -> None:
        if request.engine_id not in self._known:
            address = await self._addresses.get(request.engine_id)
            await self._engine.add_remote_nixl_metadata(address)
            self._known.add(request.engine_id)
        # Blocks are what is wanted; the token is computed again where the answer is.
        sampling = request.sampling_params
        sampling.max_tokens = sampling.min_tokens = 1
        outputs = self._engine.generate(
            request_id=request.request_id,
            prompt=TokensPrompt(prompt_token_ids=request.prompt_token_ids),
            sampling_params=sampling,
            remote_prefill_params=RemotePrefillParams(
                is_remote_decode=True,
                decode_block_ids=request.block_ids,
                decode_computed_block_ids=request.computed_block_ids,
                decode_engine_id=request.engine_id,
            ),
        )
        async for _ in outputs:
            pass

    @endpoint()
    async def idle(self, request: str) -> AsyncIterator[str]:  # noqa: ARG002
        """Answer that requests come by the queue; the SDK wants an endpoint."""
        yield "requests come by the queue"


def _report(task: asyncio.Task[None]) -> None:
    """Log why a request was not computed; who waits for it gives up by itself."""
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.error("no prefill", exc_info=error)
