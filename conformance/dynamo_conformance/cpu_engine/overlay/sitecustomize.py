# ruff: noqa: INP001 - on PYTHONPATH this folder is no package
"""Imported whenever Python starts with this folder first on PYTHONPATH, before any program.

Three modules are made ready right before they are imported:

* torchvision: the package index has it for GPUs alone. Its compiled part does not load beside a
  torch for CPUs, and then two operators are missing that it describes when it is imported. Nothing
  here calls them: they are declared, so that what needs torchvision's Python alone can be imported.
* vLLM's platform: a virtual CPU that shows AMX need not grant it, and then vLLM's kernels for it
  end the process with SIGILL. Those for AVX-512 are chosen there.
* vLLM's worker on a CPU: it is a process of its own, and computes at a lower priority.
"""

from __future__ import annotations

import os
import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import ModuleType

OPERATORS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
ISA_VARIABLE = "DYN_CPU_ENGINE_ISA"
"""Set to `avx512` it has these kernels chosen wherever they run."""

NICE = 10
"""How much lower the priority of what computes is."""

KEPT: list[object] = []
"""What lives as long as the process: operators that are garbage are declared no more."""


def declare_operators() -> None:
    """Declare torchvision's operators, unless it brings them itself."""
    from importlib.metadata import version

    if "+cpu" in version("torchvision"):
        return
    import torch

    library = torch.library.Library("torchvision", "FRAGMENT")
    for operator in OPERATORS:
        library.define(operator)
    KEPT.append(library)


def choose_kernels() -> None:
    """Have vLLM take its kernels for AVX-512 where those for AMX may not run."""
    if os.environ.get(ISA_VARIABLE) != "avx512" and not shows_virtual_amx():
        return
    import torch.cpu

    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported", "_is_amx_fp16_supported"):
        if hasattr(torch.cpu, name):
            setattr(torch.cpu, name, lambda: False)


def shows_virtual_amx() -> bool:
    """Whether this is a virtual CPU that shows AMX."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:  # noqa: PTH123 - costs every start
            flags = next((line.split() for line in lines if line.startswith("flags")), [])
    except OSError:
        return False
    return "amx_tile" in flags and "hypervisor" in flags


def give_way() -> None:
    """Compute at a lower priority than the runtime, whose leases of ten seconds else run out."""
    os.nice(NICE)


BEFORE: dict[str, Callable[[], None]] = {
    "torchvision": declare_operators,
    "vllm.platforms.cpu": choose_kernels,
    "vllm.v1.worker.cpu_worker": give_way,
}
"""What is done right before a module is loaded."""


class PreparingLoader(Loader):
    """Loads a module after it was made ready."""

    def __init__(self, loader: Loader, prepare: Callable[[], None]) -> None:
        self.loader = loader
        self.prepare = prepare

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Leave it to the module's own loader."""
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """Make the module ready, and run it."""
        self.prepare()
        self.loader.exec_module(module)


class PreparingFinder(MetaPathFinder):
    """Finds the modules of BEFORE where Python finds them without us."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return a module's own spec with a loader of ours, or None."""
        prepare = BEFORE.get(name)
        spec = PathFinder.find_spec(name, path, target) if prepare is not None else None
        if spec is None or spec.loader is None or prepare is None:
            return None
        spec.loader = PreparingLoader(spec.loader, prepare)
        return spec


sys.meta_path.insert(0, PreparingFinder())
