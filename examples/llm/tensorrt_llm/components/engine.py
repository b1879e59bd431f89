"""TensorRT-LLM behind the seam."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from tensorrt_llm import LLM, SamplingParams

from components.seam import Asked, Limits, Step

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

BLOCK_SIZE = 32
"""TensorRT-LLM's own default."""

DEFAULT_CONTEXT_LENGTH = 8192


class TrtllmEngine:
    """One model on TensorRT-LLM."""

    def __init__(self, model: str, context_length: int | None) -> None:
        self._context_length = context_length or DEFAULT_CONTEXT_LENGTH
        self._model = model
        self._llm: LLM | None = None
        self._results: dict[str, Any] = {}

    async def start(self) -> Limits:
        """Load the model, in a thread: it takes minutes, and Dynamo's heart must beat meanwhile."""
        self._llm = await asyncio.to_thread(
            LLM, model=self._model, max_seq_len=self._context_length
        )
        return Limits(context_length=self._context_length, block_size=BLOCK_SIZE)

    async def generate(self, request: str, prompt: list[int], asked: Asked) -> AsyncIterator[Step]:
        """Yield the answer as it comes."""
        assert self._llm is not None, "generate before start"  # noqa: S101 - Dynamo starts first
        result = self._llm.generate_async(prompt, sampling_params=params(asked), streaming=True)
        self._results[request] = result
        sent = 0
        try:
            async for output in result:
                # Each time all tokens so far.
                answer = output.outputs[0]
                yield Step(list(answer.token_ids[sent:]), answer.finish_reason)
                sent = len(answer.token_ids)
        finally:
            del self._results[request]

    async def abort(self, request: str) -> None:
        """End a request."""
        if (result := self._results.get(request)) is not None:
            result.abort()

    async def stop(self) -> None:
        """Let the GPU go."""
        if self._llm is not None:
            self._llm.shutdown()
            self._llm = None


def params(asked: Asked) -> SamplingParams:
    """Return what TensorRT-LLM calls it."""
    return SamplingParams(
        max_tokens=asked.max_tokens,
        temperature=asked.temperature,
        top_p=asked.top_p,
        seed=asked.seed,
        stop_token_ids=list(asked.stop_tokens),
        ignore_eos=asked.ignore_eos,
        # The frontend turns tokens into text.
        detokenize=False,
    )


def make(model: str, context_length: int | None) -> TrtllmEngine:
    """Return the engine that worker.py runs."""
    return TrtllmEngine(model, context_length)
