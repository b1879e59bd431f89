"""The worker that answers: one vLLM engine in the process of a service.

    dynamo serve graphs.agg:Frontend -f configs/agg.yaml

Change `generate` for what happens to each request, `_is_remote` for whose prompts are computed
elsewhere.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator  # noqa: TC003 - the SDK reads annotations
from typing import Any
from uuid import uuid4

from dynamo.llm import DisaggregatedRouter, ModelType, WorkerMetricsPublisher, register_llm
from dynamo.sdk import async_on_start, depends, dynamo_context, endpoint, service
from pydantic import BaseModel
from vllm import SamplingParams, TokensPrompt
from vllm.entrypoints.openai.api_server import build_async_engine_client_from_engine_args
from vllm.remote_prefill import RemotePrefillParams

from components.handoff import Addresses, PrefillQueue
from components.prefill_worker import PrefillWorker
from components.settings import NAMESPACE, read_settings


class Request(BaseModel):
    """A request as the frontend sends it, tokenized."""

    token_ids: list[int]
    stop_conditions: dict[str, Any] = {}
    sampling_options: dict[str, Any] = {}


@service(
    dynamo={"namespace": NAMESPACE},
    resources={"gpu": "1", "cpu": "10", "memory": "20Gi"},
    workers=1,
)
class VllmWorker:
    """One model, served."""

    prefill = depends(PrefillWorker)

    def __init__(self) -> None:
        self._settings = read_settings("VllmWorker")
        self._queue: PrefillQueue | None = None
        self._by_length: DisaggregatedRouter | None = None

    @async_on_start
    async def start(self) -> None:
        """Load the model, and only then be listed."""
        runtime, settings = dynamo_context["runtime"], self._settings
        here = dynamo_context["endpoints"][0]
        if settings.router == "kv":
            # The engine of then published what it cached by itself, through Dynamo's C library.
            os.environ["VLLM_WORKER_ID"] = str(here.lease_id())
            os.environ["VLLM_KV_NAMESPACE"] = NAMESPACE
            os.environ["VLLM_KV_COMPONENT"] = type(self).__name__
        self._loading = build_async_engine_client_from_engine_args(settings.engine)
        self._engine = await self._loading.__aenter__()
        if settings.router == "kv":
            load = WorkerMetricsPublisher()
            self._engine.set_metrics_publisher(load)
            # It ends with the process: this endpoint is what the router asks for an engine's load.
            self._load = asyncio.ensure_future(load.create_endpoint(dynamo_context["component"]))
        if settings.remote_prefill:
            await Addresses(runtime).put(self._engine.nixl_metadata)
            self._queue = await PrefillQueue.connected(settings.served_name)
            if settings.conditional:
                limit = settings.max_local_prefill
                self._by_length = DisaggregatedRouter(runtime, settings.served_name, limit)
        await register_llm(
            ModelType.Backend,
            here,
            settings.engine.model,
            settings.served_name,
            context_length=settings.engine.max_model_len,
            kv_cache_block_size=settings.engine.block_size,
        )

    @endpoint()
    async def generate(self, request: Request) -> AsyncIterator[dict[str, Any]]:
        """Answer one request."""
        elsewhere = None
        if self._queue is not None and await self._is_remote(self._queue, request):
            elsewhere = RemotePrefillParams(
                is_remote_prefill=True, remote_prefill_request_callback=self._queue.put
            )
        outputs = self._engine.generate(
            request_id=str(uuid4()),
            prompt=TokensPrompt(prompt_token_ids=request.token_ids),
            sampling_params=sampling_of(request, self._settings.engine.max_model_len),
            remote_prefill_params=elsewhere,
        )
        sent = 0
        async for output in outputs:
            answer = output.outputs[0]
            chunk: dict[str, Any] = {"token_ids": list(answer.token_ids[sent:])}
            sent = len(answer.token_ids)
            if answer.finish_reason is not None:
                chunk["finish_reason"] = answer.finish_reason
            yield chunk

    async def _is_remote(self, queue: PrefillQueue, request: Request) -> bool:
        """Whether a PrefillWorker is to compute the prompt."""
        if self._by_length is None:
            return True
        if await queue.size() > self._settings.max_queue:
            return False
        return self._by_length.prefill_remote(len(request.token_ids), 0)


def sampling_of(request: Request, context_length: int) -> SamplingParams:
    """Return what a request asks, as vLLM calls it.

    Args:
        request: The request.
        context_length: How many tokens prompt and answer have together, at most.
    """
    stop, sampling = request.stop_conditions, request.sampling_options
    room = max(context_length - len(request.token_ids), 1)
    names = ("temperature", "top_p", "top_k", "min_p", "seed", "presence_penalty")
    given = {name: sampling[name] for name in names if sampling.get(name) is not None}
    return SamplingParams(
        max_tokens=min(stop.get("max_tokens") or room, room),
        min_tokens=stop.get("min_tokens") or 0,
        ignore_eos=bool(stop.get("ignore_eos")),
        stop_token_ids=list(stop.get("stop_token_ids_hidden") or ()),
        **given,
    )
