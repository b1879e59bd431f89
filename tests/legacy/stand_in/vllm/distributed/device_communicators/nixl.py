"""STAND-IN: see `vllm`."""

from __future__ import annotations

import msgspec


class NixlMetadata(msgspec.Struct):
    engine_id: str
    agent_metadata: list[bytes]
    kv_caches_base_addr: list[list[tuple[int, int]]]
    num_blocks: int
