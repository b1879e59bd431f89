"""SGLang's kernels for a CPU, of which the package index has none: what stands in for them.

With the folder above first on PYTHONPATH, `SGLANG_USE_CPU_ENGINE=1` and `TRITON_INTERPRET=1`,
SGLang 0.5.21 computes with PyTorch alone, a way that it has itself for CPUs without AMX: it asks
whether `torch.ops.sgl_kernel.convert_weight_packed` is there. It imports names of its kernels all
the same, for speculative decoding and for architectures that mix attention with recurrence. They
are here, and whatever calls one is told that it is missing.

Three things are adapted through SGLang's own hooks, and it logs each of them: the size of the KV
cache, the memory that NIXL sends from, and memory that is pinned. A fourth is PyTorch's: events of
a stream, with which SGLang measures forward passes and orders transfers.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, NoReturn

import torch
from sglang.srt.plugins.hook_registry import HookRegistry, HookType

if TYPE_CHECKING:
    from collections.abc import Callable

KV_CACHE_GB = "DYN_CPU_ENGINE_KV_CACHE_GB"
"""How much memory the KV cache may take, in GiB; without it SGLang takes what is free."""

DESCRIBED = (
    "fused_qk_gemma_rmsnorm_cpu",
    "fused_qk_gemma_rmsnorm_with_gate_cpu",
    "fused_qkvzba_split_reshape_cat_contiguous_cpu",
    "fused_sigmoid_mul_cpu",
)
"""Operators that SGLang looks up when it is imported; PyTorch refuses a call, by their name."""


def __getattr__(name: str) -> Callable[..., NoReturn]:
    """Return a kernel that refuses to be called, for the name of one for a CPU."""
    if not name.endswith("_cpu"):
        raise AttributeError(name)

    def missing(*_: object, **__: object) -> NoReturn:
        raise NotImplementedError(f"sgl_kernel.{name} is a kernel that no package has for a CPU")

    return missing


def limit_kv_cache(free: int, *_: object) -> int:
    """Return how many bytes the KV cache may take of those that SGLang counts as free."""
    limit = os.environ.get(KV_CACHE_GB)
    return min(free, int(float(limit) * 2**30)) if limit else free


def send_from_memory(manager: object, *_: object) -> None:
    """Let NIXL take for host memory what SGLang calls a GPU's: the KV cache is there."""
    kinds = manager.agent.nixl_mems  # type: ignore[attr-defined]
    kinds["VRAM"] = kinds["DRAM"]


def pin_nothing(*_: object) -> None:
    """Leave memory as it is: it is pinned for a GPU that reads it."""


class DoneEvent:
    """An event of a CPU's stream: what was asked for before it is done when it is recorded."""

    def __init__(self, **_: bool) -> None:
        self.recorded = 0.0

    def record(self, _: object = None) -> None:
        """Note the time."""
        self.recorded = time.perf_counter()

    def query(self) -> bool:
        """Say that all before it is done."""
        return True

    def synchronize(self) -> None:
        """Wait for nothing."""

    def wait(self, _: object = None) -> None:
        """Let no stream wait."""

    def elapsed_time(self, end: DoneEvent) -> float:
        """Return the milliseconds from this event to a later one."""
        return (end.recorded - self.recorded) * 1000


def _adapt() -> None:
    memory = "sglang.srt.mem_cache"
    nixl = "sglang.srt.disaggregation.nixl.conn.NixlKVManager"
    for place, hook, kind in (
        (
            f"{memory}.kv_cache_configurator.KVCacheConfigurator._profile_available_bytes",
            limit_kv_cache,
            HookType.AFTER,
        ),
        (f"{nixl}.register_buffer_to_engine", send_from_memory, HookType.BEFORE),
        (f"{memory}.pool_host.common._cuda_host_register", pin_nothing, HookType.REPLACE),
    ):
        HookRegistry.register(place, hook, kind)
    torch.cuda.Event = DoneEvent


# It lives as long as the operators: what is garbage is described no more.
LIBRARY = torch.library.Library("sgl_kernel", "DEF")
for _operator in DESCRIBED:
    LIBRARY.define(f"{_operator}(Tensor x) -> Tensor")
_adapt()
