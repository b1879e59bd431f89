"""What of vLLM 0.31.0 examples/llm/vllm_v1/components/engine.py uses."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Self, TypedDict

from dynamo_conformance.mock_engine.answer_length import UNSAID_TOKENS
from dynamo_conformance.mock_engine.libraries.tokens import Requests, longest_sequence

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

BLOCK_SIZE = 16
BLOCKS = 16384


@dataclass(kw_only=True)
class AsyncEngineArgs:
    """vllm.engine.arg_utils.AsyncEngineArgs."""

    model: str
    max_model_len: int | None = None


class TokensPrompt(TypedDict):
    """vllm.inputs.TokensPrompt."""

    prompt_token_ids: list[int]


class RequestOutputKind(Enum):
    """vllm.sampling_params.RequestOutputKind."""

    CUMULATIVE = 0
    DELTA = 1
    FINAL_ONLY = 2


@dataclass(kw_only=True)
class SamplingParams:
    """vllm.sampling_params.SamplingParams."""

    max_tokens: int | None = UNSAID_TOKENS
    temperature: float = 1.0
    top_p: float = 1.0
    seed: int | None = None
    stop_token_ids: list[int] = field(default_factory=list)
    ignore_eos: bool = False
    detokenize: bool = True
    output_kind: RequestOutputKind = RequestOutputKind.CUMULATIVE

    def __post_init__(self) -> None:
        if self.max_tokens is not None and self.max_tokens < 1:
            raise ValueError(f"max_tokens must be at least 1, got {self.max_tokens}.")
        if self.temperature < 0:
            raise ValueError(f"temperature must be non-negative, got {self.temperature}.")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top_p must be in (0, 1], got {self.top_p}.")


@dataclass
class _ModelConfig:
    max_model_len: int


@dataclass
class _CacheConfig:
    block_size: int = BLOCK_SIZE
    num_gpu_blocks: int = BLOCKS


@dataclass
class _VllmConfig:
    model_config: _ModelConfig
    cache_config: _CacheConfig


@dataclass
class CompletionOutput:
    """vllm.outputs.CompletionOutput."""

    token_ids: list[int]
    finish_reason: str | None


@dataclass
class RequestOutput:
    """vllm.outputs.RequestOutput."""

    outputs: list[CompletionOutput]


class AsyncLLM:
    """vllm.v1.engine.async_llm.AsyncLLM."""

    def __init__(self, args: AsyncEngineArgs) -> None:
        longest = longest_sequence(args.model)
        self.vllm_config = _VllmConfig(_ModelConfig(args.max_model_len or longest), _CacheConfig())
        self._requests = Requests()

    @classmethod
    def from_engine_args(cls, engine_args: AsyncEngineArgs) -> Self:
        """Load a model."""
        return cls(engine_args)

    async def generate(
        self, prompt: TokensPrompt, sampling_params: SamplingParams, request_id: str
    ) -> AsyncIterator[RequestOutput]:
        """Yield an answer, in pieces or as all that there is so far."""
        room = self.vllm_config.model_config.max_model_len - len(prompt["prompt_token_ids"])
        if room < 1:
            raise ValueError("The decoder prompt is longer than the maximum model length.")
        wanted = min(sampling_params.max_tokens or room, room)
        so_far: list[int] = []
        async for token, finish in self._requests.answer(request_id, wanted):
            so_far.append(token)
            delta = sampling_params.output_kind is RequestOutputKind.DELTA
            yield RequestOutput([CompletionOutput([token] if delta else [*so_far], finish)])

    async def abort(self, request_id: str) -> None:
        """End a request."""
        self._requests.abort(request_id)

    def shutdown(self) -> None:
        """Let everything go."""
