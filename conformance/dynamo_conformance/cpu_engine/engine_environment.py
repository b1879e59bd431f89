"""What processes get around them, so that an engine for GPUs serves on a CPU that it shares."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from dynamo_conformance.cpu_engine.families import family_of
from dynamo_conformance.cpu_engine.weights import cache_folder, overlay_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

GIB: Final = 2**30
FRONTEND_BYTES: Final = GIB // 4
WORKER_BYTES: Final = 11 * GIB // 4
"""What the three processes of a worker take without a KV cache, most of it for torch.

With SGLang; with vLLM it is a GiB less.
"""

KV_CACHE_GIB: Final = 1
"""By itself vLLM takes 92 % of the machine's memory for the KV cache of each worker."""

FITTED: Final = {
    "VLLM_CPU_KVCACHE_SPACE": str(KV_CACHE_GIB),
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "OMP_NUM_THREADS": "1",
    "TORCHINDUCTOR_COMPILE_THREADS": "1",
    "DYN_RUNTIME_NUM_WORKER_THREADS": "8",
    "DYN_CPU_ENGINE_KV_CACHE_GB": str(KV_CACHE_GIB),
    "SGLANG_USE_CPU_ENGINE": "1",
    "TRITON_INTERPRET": "1",
}
"""How much of the machine each worker takes, and with what it computes."""

_WHY: Final = {
    "VLLM_CPU_KVCACHE_SPACE": f"each worker's KV cache has {KV_CACHE_GIB} GiB",
    "VLLM_CPU_OMP_THREADS_BIND": "no worker is bound to the core that the others are bound to",
    "OMP_NUM_THREADS": "each worker computes with one thread",
    "TORCHINDUCTOR_COMPILE_THREADS": "and compiles with one",
    "DYN_RUNTIME_NUM_WORKER_THREADS": "the runtime does more than wait for Python, its leases too",
    "DYN_CPU_ENGINE_KV_CACHE_GB": "so it is for SGLang, which takes what is free by itself",
    "SGLANG_USE_CPU_ENGINE": "SGLang computes with PyTorch; its kernels are for GPUs alone",
    "TRITON_INTERPRET": "kernels in Triton are interpreted",
}

SHARED: Final = {
    "HF_HUB_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    **FITTED,
}
"""What is the same wherever the engine runs."""


def environment(*, hub_home: Path) -> dict[str, str]:
    """Return the variables of every process of a graph.

    Args:
        hub_home: The folder that `weights.fill_hub` has filled.
    """
    return {
        "HF_HOME": str(hub_home),
        "PYTHONPATH": str(overlay_path()),
        "VLLM_CACHE_ROOT": str(compiled_folder()),
        "SGLANG_CACHE_DIR": str(compiled_folder()),
        **SHARED,
    }


def needed_bytes(workers: int) -> int:
    """Return about how much memory a graph takes; docs/real_engine.md has how it was measured."""
    return FRONTEND_BYTES + workers * (WORKER_BYTES + KV_CACHE_GIB * GIB)


def free_bytes(meminfo: Path = Path("/proc/meminfo")) -> int:
    """Return how much memory programs can still have.

    Source: `MemAvailable` of Linux.
    """
    for line in meminfo.read_text(encoding="utf-8").splitlines():
        name, _, rest = line.partition(":")
        if name == "MemAvailable":
            return int(rest.split()[0]) * 1024
    return 0


def compiled_folder() -> Path:
    """Return where vLLM keeps what it compiles, by the model and its settings; it is made."""
    folder = cache_folder() / "compiled"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def adaptations() -> Iterator[str]:
    """Yield what is different around the published words on a CPU."""
    for name, value in FITTED.items():
        yield f"{name}={value}: {_WHY[name]}"
    yield "GPUs: none, whatever the limits say"
    yield "vLLM computes at a lower priority than the runtime, whose leases else run out"
    yield "where a virtual CPU shows AMX, vLLM's kernels for AVX-512 are taken"


def made_up(models: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield each model with what stands for it.

    Raises:
        UnknownFamilyError: Nothing does.
    """
    for model in models:
        family = family_of(model)
        yield model, f"two layers of random weights as {family.name}, {family.context} tokens"
