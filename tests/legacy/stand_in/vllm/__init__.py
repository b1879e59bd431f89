"""STAND-IN. This is not vLLM, and computes nothing.

It has the names that the components of examples/llm/vllm_v0 take from vLLM 0.8 with Dynamo's patch
(`ai-dynamo-vllm`, which no index has any more), so that those components can be run on the real
runtime of Dynamo 0.3.1. What it shows is that they are started, registered, asked and hand
prompts over as that release wants; of an engine it shows nothing.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, fields
from typing import TypedDict

import msgspec

__version__ = "0.0.0+stand-in"


class TokensPrompt(TypedDict):
    prompt_token_ids: list[int]


class SamplingParams(msgspec.Struct):
    max_tokens: int | None = 16
    min_tokens: int = 0
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = -1
    min_p: float = 0.0
    seed: int | None = None
    presence_penalty: float = 0.0
    ignore_eos: bool = False
    stop_token_ids: list[int] = []


@dataclass
class AsyncEngineArgs:
    model: str
    block_size: int = 16
    max_model_len: int = 4096
    max_num_batched_tokens: int | None = None
    enable_prefix_caching: bool = False
    enable_chunked_prefill: bool | None = None
    preemption_mode: str | None = None
    kv_transfer_config: str | None = None

    @staticmethod
    def add_cli_args(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
        parser.add_argument("--model", required=True)
        parser.add_argument("--block-size", type=int, default=16)
        parser.add_argument("--max-model-len", type=int, default=4096)
        parser.add_argument("--max-num-batched-tokens", type=int)
        parser.add_argument("--enable-prefix-caching", action="store_true")
        parser.add_argument("--enable-chunked-prefill", action="store_true", default=None)
        parser.add_argument("--preemption-mode")
        parser.add_argument("--kv-transfer-config")
        return parser

    @classmethod
    def from_cli_args(cls, given: argparse.Namespace) -> AsyncEngineArgs:
        return cls(**{field.name: getattr(given, field.name) for field in fields(cls)})
