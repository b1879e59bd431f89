"""What of TensorRT-LLM 1.3.0rc29 examples/llm/tensorrt_llm/components/engine.py uses."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dynamo_conformance.mock_engine.libraries.tokens import Requests, longest_sequence

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

DEFAULT_TOKENS = 32
"""How long an answer of TensorRT-LLM is when nobody says."""


@dataclass(kw_only=True)
class SamplingParams:
    """tensorrt_llm.SamplingParams."""

    max_tokens: int = DEFAULT_TOKENS
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    stop_token_ids: list[int] = field(default_factory=list)
    ignore_eos: bool = False
    detokenize: bool = True


@dataclass
class CompletionOutput:
    """tensorrt_llm.llmapi.CompletionOutput: all tokens so far."""

    token_ids: list[int]
    finish_reason: str | None


class RequestOutput:
    """tensorrt_llm.llmapi.RequestOutput: a request under way, and each time its answer so far."""

    def __init__(self, requests: Requests, name: str, count: int) -> None:
        self._requests = requests
        self._name = name
        self._count = count
        self.outputs = [CompletionOutput([], None)]

    async def __aiter__(self) -> AsyncIterator[RequestOutput]:
        """Yield itself with one more token each time."""
        answer = self.outputs[0]
        async for token, finish in self._requests.answer(self._name, self._count):
            answer.token_ids.append(token)
            answer.finish_reason = "cancelled" if finish == "abort" else finish
            yield self

    def abort(self) -> None:
        """End it."""
        self._requests.abort(self._name)


class LLM:
    """tensorrt_llm.LLM."""

    def __init__(self, *, model: str, max_seq_len: int | None = None) -> None:
        self._longest = max_seq_len or longest_sequence(model)
        self._requests = Requests()
        self._names = itertools.count()

    def generate_async(
        self, inputs: list[int], *, sampling_params: SamplingParams, streaming: bool = False
    ) -> RequestOutput:
        """Begin to answer."""
        room = self._longest - len(inputs)
        if room < 1:
            raise ValueError(f"The prompt length {len(inputs)} exceeds max_seq_len {self._longest}")
        if not streaming:
            raise NotImplementedError("the mock engine streams, and knows no other way")
        count = min(sampling_params.max_tokens, room)
        return RequestOutput(self._requests, str(next(self._names)), count)

    def shutdown(self) -> None:
        """Let everything go."""
