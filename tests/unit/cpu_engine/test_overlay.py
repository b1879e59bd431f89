"""What is done right before modules of the engine are imported."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.cpu_engine.weights import overlay_path

if TYPE_CHECKING:
    from pathlib import Path

TORCH = """\
class Library:
    def __init__(self, name, kind): print(name, kind)
    def define(self, text): print(text.partition("(")[0])
class library: Library = Library
"""
CPU = """\
def _is_avx512_bf16_supported(): return True
def _is_avx512_supported(): return True
"""


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    """Lay out packages that stand for the engine's."""
    files = {
        "torch/__init__.py": TORCH,
        "torch/cpu.py": CPU,
        "torchvision/__init__.py": "print('torchvision')",
        "torchvision-0.28.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: torchvision\n"
        "Version: 0.28.0\n",
        "vllm/__init__.py": "",
        "vllm/platforms/__init__.py": "",
        "vllm/v1/__init__.py": "",
        "vllm/v1/worker/__init__.py": "",
        "vllm/v1/worker/cpu_worker.py": "import os; print(os.nice(0))",
        "vllm/platforms/cpu.py": "import torch.cpu as c\n"
        "print(c._is_avx512_bf16_supported(), c._is_avx512_supported())",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path


def printed(packages: Path, module: str, **more: str) -> list[str]:
    path = os.pathsep.join([str(overlay_path()), str(packages)])
    ended = subprocess.run(
        [sys.executable, "-S", "-c", f"import sitecustomize, {module}"],
        env={"PYTHONPATH": path, **more}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return ended.stdout.splitlines()


def test_torchvision_for_gpus_gets_its_operators(packages: Path) -> None:
    assert printed(packages, "torchvision") == [
        "torchvision FRAGMENT",
        "nms",
        "qnms",
        "torchvision",
    ]


def test_torchvision_for_cpus_brings_its_own(packages: Path) -> None:
    metadata = packages / "torchvision-0.28.0.dist-info" / "METADATA"
    metadata.write_text(metadata.read_text().replace("0.28.0", "0.28.0+cpu"))
    assert printed(packages, "torchvision") == ["torchvision"]


def test_the_kernels_for_avx_512_are_chosen_where_it_is_said(packages: Path) -> None:
    chosen = printed(packages, "vllm.platforms.cpu", DYN_CPU_ENGINE_ISA="avx512")
    assert chosen == ["False True"]


def test_what_computes_gives_way(packages: Path) -> None:
    assert printed(packages, "vllm.v1.worker.cpu_worker") == [str(min(os.nice(0) + 10, 19))]
