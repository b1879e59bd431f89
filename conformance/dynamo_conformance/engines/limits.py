"""Limits of one release's engines: memory that they take, tokens and GPUs that their kernels take.

The file in `data` says of each number in which source it was read.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypedDict

from dynamo_conformance.engines.gpu import products
from dynamo_conformance.engines.releases import STUDIED

if TYPE_CHECKING:
    from dynamo_conformance.manifest.graph import Component, Graph

_DATA = Path(__file__).parent / "data"
_BITS_OF_BYTE = 8
_MATRICES = 3
"""An expert's: gate, up and down."""


class _CaptureData(TypedDict):
    below_tp_4: int
    from_tp_4: int


class _SglangData(TypedDict):
    variable: str
    default: int
    most: int
    requests: int
    capture: _CaptureData
    chunk: int


class _VllmData(TypedDict):
    backends: list[str]
    tokens: int


class _DispatchData(TypedDict):
    sglang: _SglangData
    vllm: _VllmData


class _OffloadData(TypedDict):
    connectors: list[str]
    specs: list[str]


class _SharedData(TypedDict):
    vllm: _OffloadData


class _ExpertsData(TypedDict):
    models: list[str]
    layers: int
    experts: int
    hidden: int
    intermediate: int
    bits: float
    fp8_blocks: bool


class _BackendData(TypedDict):
    families: list[str]
    fp8_blocks: list[str]


class _BackendsData(TypedDict):
    retired: list[str]
    rows: dict[str, _BackendData]


class _FamiliesData(TypedDict):
    families: dict[str, list[str]]


class _Data(TypedDict):
    dispatch: _DispatchData
    shared_memory: _SharedData
    experts: list[_ExpertsData]
    moe_backends: _BackendsData
    gpu_families: _FamiliesData


class DispatchLimit(NamedTuple):
    """How many tokens SGLang hands DeepEP's low latency kernels.

    Attributes:
        variable: The variable that says how many of one rank they take.
        default: Without the variable.
        most: What the variable may say.
        requests: The fewest requests that a rank takes at a time unless it is told.
        capture: The largest batch of CUDA graphs unless it is told, below a tensor parallel size
            of 4, and from there.
        chunk: The tokens of a prompt that are computed at a time unless it is told.
    """

    variable: str
    default: int
    most: int
    requests: int
    capture: tuple[int, int]
    chunk: int


class BatchedExperts(NamedTuple):
    """vLLM's all-to-all backends whose kernels take few tokens at a time.

    Attributes:
        backends: The values of `--all2all-backend`.
        tokens: What a scheduler step then has at most unless it is told.
    """

    backends: frozenset[str]
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Experts:
    """The experts of a checkpoint.

    Attributes:
        layers: How many layers have them.
        count: How many there are in each of these.
        hidden: The size of what goes in, in values.
        intermediate: The size in between, in values.
        bits: What a weight takes, its scale included.
        fp8_blocks: Whether the weights are FP8 with a scale for each block.
    """

    layers: int
    count: int
    hidden: int
    intermediate: int
    bits: float
    fp8_blocks: bool

    @property
    def bytes(self) -> int:
        """What all experts of all layers take."""
        weights = self.layers * self.count * _MATRICES * self.hidden * self.intermediate
        return int(weights * self.bits / _BITS_OF_BYTE)

    @property
    def how(self) -> str:
        """How `bytes` comes about, in words."""
        sizes = (self.layers, self.count, _MATRICES, self.hidden, self.intermediate)
        return f"{' x '.join(map(str, sizes))} weights of {self.bits / _BITS_OF_BYTE:g} bytes"


@dataclass(frozen=True, slots=True, kw_only=True)
class MoeBackend:
    """A value of TensorRT-LLM's `moe_config.backend`.

    Attributes:
        families: The GPU families that it has kernels for.
        fp8_blocks: Those where the kernels take FP8 weights with a scale for each block.
    """

    families: tuple[str, ...]
    fp8_blocks: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What is known of a release's engines.

    Attributes:
        sglang: How many tokens SGLang hands DeepEP.
        vllm: Where vLLM's scheduler has few tokens a step.
        offload_connectors: vLLM's KV connectors that keep blocks in shared memory.
        offload_specs: Those of their specs that do.
        experts: The experts of checkpoints, by name.
        moe_backends: TensorRT-LLM's MoE backends.
        retired_backends: Those that it no longer takes.
        families: The families of GPUs, by the word for the GPU.
    """

    sglang: DispatchLimit
    vllm: BatchedExperts
    offload_connectors: frozenset[str]
    offload_specs: frozenset[str]
    experts: dict[str, Experts]
    moe_backends: dict[str, MoeBackend]
    retired_backends: frozenset[str]
    families: dict[str, str]


@cache
def load(*, release: str = str(STUDIED)) -> Limits:
    """Return the limits of a release."""
    path = _DATA / f"limits-{release}.json"
    data: _Data = json.loads(path.read_text(encoding="utf-8"))
    sglang, vllm = data["dispatch"]["sglang"], data["dispatch"]["vllm"]
    capture = sglang["capture"]
    offload = data["shared_memory"]["vllm"]
    backends = data["moe_backends"]
    return Limits(
        sglang=DispatchLimit(
            variable=sglang["variable"],
            default=sglang["default"],
            most=sglang["most"],
            requests=sglang["requests"],
            capture=(capture["below_tp_4"], capture["from_tp_4"]),
            chunk=sglang["chunk"],
        ),
        vllm=BatchedExperts(frozenset(vllm["backends"]), vllm["tokens"]),
        offload_connectors=frozenset(offload["connectors"]),
        offload_specs=frozenset(offload["specs"]),
        experts={name: _experts(row) for row in data["experts"] for name in row["models"]},
        moe_backends={
            name: MoeBackend(families=tuple(row["families"]), fp8_blocks=tuple(row["fp8_blocks"]))
            for name, row in backends["rows"].items()
        },
        retired_backends=frozenset(backends["retired"]),
        families={
            word: family
            for family, words in data["gpu_families"]["families"].items()
            for word in words
        },
    )


def _experts(row: _ExpertsData) -> Experts:
    return Experts(
        layers=row["layers"],
        count=row["experts"],
        hidden=row["hidden"],
        intermediate=row["intermediate"],
        bits=row["bits"],
        fp8_blocks=row["fp8_blocks"],
    )


def gpu_family(component: Component, graph: Graph) -> str | None:
    """Return the family of the GPUs that a component is for; None when nobody says, or several."""
    families = {_family(product) for product in products(component, graph)}
    return families.pop() if len(families) == 1 else None


def _family(product: str) -> str | None:
    """Return the family of a product such as `NVIDIA-H100-80GB-HBM3`."""
    words = re.split("[-_ ]", product)
    if "RTX" in words:
        return "RTX Blackwell" if "Blackwell" in words else None
    known = load().families
    return next((known[word] for word in words if word in known), None)
