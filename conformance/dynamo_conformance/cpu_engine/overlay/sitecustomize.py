# ruff: noqa: INP001 - on PYTHONPATH this folder is no package
"""Imported whenever Python starts with this folder first on PYTHONPATH, before any program.

The package index has torchvision for GPUs alone. Its compiled part does not load beside a torch for
CPUs, and then two operators are missing that it describes when it is imported. Nothing here calls
them: they are declared, so that what needs torchvision's Python alone can be imported.
"""

from __future__ import annotations

import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

OPERATORS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)


class DeclaringLoader(Loader):
    """Loads torchvision after its operators were declared, unless it brings them itself."""

    def __init__(self, loader: Loader) -> None:
        self.loader = loader
        self.library: object = None

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Leave it to torchvision's own loader."""
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """Declare the operators, and run torchvision."""
        import torch

        # It lives as long as the operators: what is garbage is declared no more.
        self.library = library = torch.library.Library("torchvision", "FRAGMENT")
        for operator in OPERATORS:
            library.define(operator)
        self.loader.exec_module(module)


class TorchvisionFinder(MetaPathFinder):
    """Finds torchvision where it finds it without us, if it was built for a GPU."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return torchvision's own spec with a loader of ours, or None."""
        if name != "torchvision":
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is None or spec.loader is None or _is_for_cpus():
            return None
        spec.loader = DeclaringLoader(spec.loader)
        return spec


def _is_for_cpus() -> bool:
    from importlib.metadata import version

    return "+cpu" in version("torchvision")


sys.meta_path.insert(0, TorchvisionFinder())
