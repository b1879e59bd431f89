"""What of SGLang 0.5.21 examples/llm/sglang/components/engine.py uses."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

from dynamo_conformance.mock_engine.answer_length import UNSAID_TOKENS
from dynamo_conformance.mock_engine.libraries.tokens import Requests, longest_sequence

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from dynamo_conformance.engines.flag import Json

_SAMPLING = frozenset(
    {
        "ignore_eos",
        "max_new_tokens",
        "sampling_seed",
        "stop_token_ids",
        "temperature",
        "top_p",
    }
)


class Engine:
    """sglang.Engine."""

    def __init__(
        self,
        *,
        model_path: str,
        context_length: int | None = None,
        page_size: int = 1,
        skip_tokenizer_init: bool = False,
        incremental_streaming_output: bool = False,
    ) -> None:
        self._requests = Requests()
        self._incremental = incremental_streaming_output
        self._tokenizes = not skip_tokenizer_init
        self.server_args = SimpleNamespace(page_size=page_size)
        longest = context_length or longest_sequence(model_path)
        self.tokenizer_manager = SimpleNamespace(
            model_config=SimpleNamespace(context_len=longest), abort_request=self._abort
        )

    async def async_generate(
        self,
        *,
        input_ids: list[int],
        sampling_params: dict[str, Json],
        stream: bool = False,
        rid: str = "",
    ) -> AsyncIterator[dict[str, Json]]:
        """Return an answer's pieces, or in each all that there is so far."""
        unknown = sampling_params.keys() - _SAMPLING
        if unknown:
            raise TypeError(f"SamplingParams got unexpected keyword arguments {sorted(unknown)}")
        if not stream or self._tokenizes:
            raise NotImplementedError("the mock engine streams tokens, and knows no other way")
        longest = self.tokenizer_manager.model_config.context_len
        room = int(longest) - len(input_ids)
        if room < 1:
            raise ValueError(f"The input ({len(input_ids)} tokens) is longer than the context.")
        wanted = sampling_params.get("max_new_tokens")
        count = min(wanted if isinstance(wanted, int) else UNSAID_TOKENS, room)
        return self._pieces(rid, count)

    async def _pieces(self, rid: str, count: int) -> AsyncIterator[dict[str, Json]]:
        so_far: list[Json] = []
        async for token, finish in self._requests.answer(rid, count):
            so_far.append(token)
            reason: Json = {"type": finish} if finish else None
            ids: list[Json] = [token] if self._incremental else [*so_far]
            yield {"output_ids": ids, "meta_info": {"finish_reason": reason}}

    def _abort(self, *, rid: str, abort_all: bool = False) -> None:
        del abort_all
        self._requests.abort(rid)

    def shutdown(self) -> None:
        """Let everything go."""
