"""SGLang behind the seam."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import sglang

from components.seam import Asked, Limits, Step

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class SglangEngine:
    """One model on SGLang."""

    def __init__(self, model: str, context_length: int | None) -> None:
        self._arguments: dict[str, Any] = {
            "model_path": model,
            "context_length": context_length,
            # The frontend tokenizes, and wants each token of the answer once.
            "skip_tokenizer_init": True,
            "incremental_streaming_output": True,
        }
        self._engine: sglang.Engine | None = None

    async def start(self) -> Limits:
        """Load the model, in a thread: it takes minutes, and Dynamo's heart must beat meanwhile."""
        self._engine = await asyncio.to_thread(sglang.Engine, **self._arguments)
        return Limits(
            context_length=self._engine.tokenizer_manager.model_config.context_len,
            block_size=self._engine.server_args.page_size,
        )

    async def generate(self, request: str, prompt: list[int], asked: Asked) -> AsyncIterator[Step]:
        """Yield the answer as it comes."""
        assert self._engine is not None, "generate before start"  # noqa: S101 - Dynamo starts first
        outputs = await self._engine.async_generate(
            input_ids=prompt, sampling_params=params(asked), stream=True, rid=request
        )
        async for output in outputs:
            finish = output["meta_info"]["finish_reason"]
            yield Step(list(output["output_ids"]), finish["type"] if finish else None)

    async def abort(self, request: str) -> None:
        """End a request."""
        if self._engine is not None:
            self._engine.tokenizer_manager.abort_request(rid=request, abort_all=False)

    async def stop(self) -> None:
        """Let the GPU go."""
        if self._engine is not None:
            self._engine.shutdown()
            self._engine = None


def params(asked: Asked) -> dict[str, Any]:
    """Return what SGLang calls it."""
    found = {
        "max_new_tokens": asked.max_tokens,
        "temperature": asked.temperature,
        "top_p": asked.top_p,
        "stop_token_ids": list(asked.stop_tokens),
        "ignore_eos": asked.ignore_eos,
    }
    return found if asked.seed is None else {**found, "sampling_seed": asked.seed}


def make(model: str, context_length: int | None) -> SglangEngine:
    """Return the engine that worker.py runs."""
    return SglangEngine(model, context_length)
