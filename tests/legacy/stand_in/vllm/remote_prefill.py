"""STAND-IN: see `vllm`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import msgspec

from vllm import SamplingParams


class RemotePrefillRequest(msgspec.Struct):
    engine_id: str
    request_id: str
    prompt_token_ids: list[int]
    sampling_params: SamplingParams
    block_ids: list[int]
    computed_block_ids: list[int]


@dataclass
class RemotePrefillParams:
    is_remote_prefill: bool = False
    is_remote_decode: bool = False
    decode_block_ids: list[int] | None = None
    decode_computed_block_ids: list[int] | None = None
    decode_engine_id: str | None = None
    remote_prefill_request_callback: Callable[[RemotePrefillRequest], Awaitable[None]] | None = None
