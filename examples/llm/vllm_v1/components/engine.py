"""vLLM behind the seam."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vllm.engine.arg_utils import AsyncEngineArgs
from vllm.inputs import TokensPrompt
from vllm.sampling_params import RequestOutputKind, SamplingParams
from vllm.v1.engine.async_llm import AsyncLLM

from components.seam import Asked, Limits, Step

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class VllmEngine:
    """One model on vLLM."""

    def __init__(self, model: str, context_length: int | None) -> None:
        self._args = AsyncEngineArgs(model=model, max_model_len=context_length)
        self._llm: AsyncLLM | None = None

    async def start(self) -> Limits:
        """Load the model."""
        self._llm = AsyncLLM.from_engine_args(self._args)
        config = self._llm.vllm_config
        return Limits(
            context_length=config.model_config.max_model_len,
            block_size=config.cache_config.block_size,
            blocks=config.cache_config.num_gpu_blocks,
        )

    async def generate(self, request: str, prompt: list[int], asked: Asked) -> AsyncIterator[Step]:
        """Yield the answer as it comes."""
        assert self._llm is not None, "generate before start"  # noqa: S101 - Dynamo starts first
        outputs = self._llm.generate(TokensPrompt(prompt_token_ids=prompt), params(asked), request)
        async for output in outputs:
            answer = output.outputs[0]
            yield Step(list(answer.token_ids), answer.finish_reason)

    async def abort(self, request: str) -> None:
        """End a request."""
        if self._llm is not None:
            await self._llm.abort(request)

    async def stop(self) -> None:
        """Let the GPU go."""
        if self._llm is not None:
            self._llm.shutdown()
            self._llm = None


def params(asked: Asked) -> SamplingParams:
    """Return what vLLM calls it."""
    return SamplingParams(
        max_tokens=asked.max_tokens,
        temperature=asked.temperature,
        top_p=asked.top_p,
        seed=asked.seed,
        stop_token_ids=list(asked.stop_tokens),
        ignore_eos=asked.ignore_eos,
        # The frontend turns tokens into text, and wants each once.
        detokenize=False,
        output_kind=RequestOutputKind.DELTA,
    )


def make(model: str, context_length: int | None) -> VllmEngine:
    """Return the engine that worker.py runs."""
    return VllmEngine(model, context_length)
