"""Memory arithmetic: what a model takes of each GPU that it is split over.

Weights follow from the published configuration: every matrix has its size, and its bits. KV cache
is what the keys and values of one request take. Both are lower bounds: activations, CUDA graphs,
buffers of NCCL and DeepEP, redundant experts and draft models come on top.

`data/models.json` is made by `tools/models.py` from the `config.json` of each model.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import TypeAlias, TypedDict

_DATA = Path(__file__).parent / "data" / "models.json"

GIB = 1 << 30
PLAIN_BITS = 16
"""Of a weight or a cached value that is not quantized: bfloat16 and float16 alike."""


_CACHED = re.compile(r"models--([^/]+?)--([^/]+)/snapshots/")


class Part(StrEnum):
    """What weights are for; parallel sizes split each otherwise."""

    ATTENTION = "attention"
    DENSE = "dense"
    SHARED = "shared"
    EXPERTS = "experts"
    EMBEDDING = "embedding"
    HEAD = "head"
    OTHER = "other"


LAYERED = (Part.ATTENTION, Part.DENSE, Part.SHARED, Part.EXPERTS)
"""What stages of a pipeline share among them, and what quantization is about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model's configuration, as far as memory depends on it.

    Attributes:
        layers: Transformer layers, without those that only draft.
        hidden: The width between layers.
        heads: Query heads.
        kv_heads: Key and value heads.
        head_dim: The width of a head.
        intermediate: The width inside a dense MLP.
        vocab: Tokens that have an embedding.
        context: The longest sequence, in tokens.
        tied: Whether the head is the embedding.
        q_rank: With latent attention (MLA), the rank of queries; 0 where they are not compressed.
        kv_rank: With MLA, the rank of keys and values; 0 without MLA.
        rope_dim: With MLA, the width of what carries the position.
        nope_dim: With MLA, the width of a head's key without it.
        value_dim: With MLA, the width of a head's value.
        experts: Routed experts of a layer; 0 without.
        expert_intermediate: The width inside one.
        expert_layers: Layers that have experts.
        shared_intermediate: The width inside all shared experts of a layer.
        window: Tokens that layers with a sliding window look back on; 0 without.
        window_layers: How many layers have it.
        bits: Of a quantized weight, its share of the scales included.
        quantized: The parts whose weights are quantized.
        kv_bits: Of a cached value, unless a flag says otherwise.
        other: Parameters beyond these: a vision tower and what joins it.
    """

    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    intermediate: int
    vocab: int
    context: int
    tied: bool = False
    q_rank: int = 0
    kv_rank: int = 0
    rope_dim: int = 0
    nope_dim: int = 0
    value_dim: int = 0
    experts: int = 0
    expert_intermediate: int = 0
    expert_layers: int = 0
    shared_intermediate: int = 0
    window: int = 0
    window_layers: int = 0
    bits: float = PLAIN_BITS
    quantized: tuple[str, ...] = ()
    kv_bits: float = PLAIN_BITS
    other: int = 0

    @property
    def parameters(self) -> dict[Part, int]:
        """The parameters of each part; biases and norms, under a thousandth, are left out."""
        mlp = 3 * self.hidden
        return {
            Part.ATTENTION: self.layers * (self.latent_down + self._heads),
            Part.DENSE: (self.layers - self.expert_layers) * mlp * self.intermediate,
            Part.SHARED: self.expert_layers
            * (mlp * self.shared_intermediate + self.hidden * self.experts),
            Part.EXPERTS: self.expert_layers * self.experts * mlp * self.expert_intermediate,
            Part.EMBEDDING: self.vocab * self.hidden,
            Part.HEAD: 0 if self.tied else self.vocab * self.hidden,
            Part.OTHER: self.other,
        }

    @property
    def latent_down(self) -> int:
        """With MLA, the parameters of a layer that every rank of its attention has whole."""
        return self.hidden * (self.q_rank + self.kv_rank + self.rope_dim) if self.kv_rank else 0

    @property
    def _heads(self) -> int:
        """The parameters of a layer's attention that its ranks share."""
        if not self.kv_rank:
            return 2 * self.hidden * self.head_dim * (self.heads + self.kv_heads)
        query = (self.q_rank or self.hidden) * (self.nope_dim + self.rope_dim)
        latent = self.kv_rank * (self.nope_dim + self.value_dim)
        return self.heads * (query + latent + self.value_dim * self.hidden)

    def bits_of(self, part: Part) -> float:
        """Return the bits of a weight."""
        return self.bits if part in self.quantized else PLAIN_BITS


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Over how many ranks a model is split.

    Attributes:
        tensor: Ranks that share what none of the others is about.
        attention: Ranks that share one copy of the attention.
        shared: Ranks that share one copy of the shared experts.
        embedding: Ranks that share one copy of the embedding.
        experts: Ranks that share one copy of the routed experts.
        stages: Stages of the pipeline.
    """

    tensor: int = 1
    attention: int = 1
    shared: int = 1
    embedding: int = 1
    experts: int = 1
    stages: int = 1

    @classmethod
    def even(cls, tensor: int, *, stages: int = 1) -> Split:
        """Return the split in which the same ranks share everything."""
        return cls(
            tensor=tensor,
            attention=tensor,
            shared=tensor,
            embedding=tensor,
            experts=tensor,
            stages=stages,
        )

    def ranks(self, part: Part) -> int:
        """Return how many ranks share one copy of a part."""
        own = {
            Part.ATTENTION: self.attention,
            Part.SHARED: self.shared,
            Part.EMBEDDING: self.embedding,
            Part.EXPERTS: self.experts,
        }
        return own.get(part, self.tensor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What an engine lets weights and KV cache have of a GPU.

    Attributes:
        memory: Bytes of the GPU.
        fraction: The engine's share.
        of_rest: Whether it is the cache's share of what the weights leave, as with TensorRT-LLM.
    """

    memory: int
    fraction: float
    of_rest: bool = False

    def room(self, weights: int) -> float:
        """Return the bytes that are left for KV cache; below 0 when the weights do not fit."""
        if self.of_rest:
            return (self.memory - weights) * self.fraction
        return self.memory * self.fraction - weights


def weights(model: Model, split: Split) -> int:
    """Return the bytes of weights on the GPU that has the most of them, at least."""
    per_stage = _layers(model, split) / model.layers
    total = 0.0
    for part, count in model.parameters.items():
        size = count * model.bits_of(part) / 8
        if part is Part.ATTENTION:
            whole = model.layers * model.latent_down * model.bits_of(part) / 8
            size = whole + (size - whole) / split.ranks(part)
        else:
            size /= split.ranks(part)
        if part in LAYERED:
            total += size * per_stage
        elif split.stages == 1:
            # Otherwise first and last stage have these, and some other one the most layers.
            total += size
    return int(total)


def cache_bytes(model: Model, tokens: int, split: Split, *, bits: float | None = None) -> int:
    """Return the bytes of KV cache that one request takes on each GPU.

    Args:
        model: The model.
        tokens: The request's prompt and answer.
        split: How the model is split; latent attention caches the same on every rank.
        bits: Of a cached value; the model's own when None.
    """
    if model.kv_rank:
        values = model.kv_rank + model.rope_dim
    else:
        values = 2 * -(-model.kv_heads // split.attention) * model.head_dim
    windowed = model.window_layers * min(tokens, model.window or tokens)
    cached = (model.layers - model.window_layers) * tokens + windowed
    share = _layers(model, split) / model.layers
    return int(values * cached * share * (bits or model.kv_bits) / 8)


def _layers(model: Model, split: Split) -> int:
    return -(-model.layers // split.stages)


RowFields: TypeAlias = dict[str, int | float | bool | list[str]]
"""The fields of a model that differ from their defaults."""


class ModelRow(TypedDict):
    """A row of `data/models.json`.

    Attributes:
        ids: The hub ids that have this configuration.
        model: The configuration.
        source: Where it was published.
        date: When it was read there, YYYY-MM-DD.
    """

    ids: list[str]
    model: RowFields
    source: str
    date: str


@cache
def rows() -> tuple[ModelRow, ...]:
    """Return what is known of models."""
    data: list[ModelRow] = json.loads(_DATA.read_text(encoding="utf-8"))["models"]
    return tuple(data)


@cache
def known_model(name: str) -> Model | None:
    """Return the configuration of a model by its hub id, in any case; None when it is not known.

    A folder of a hub's cache (`models--ORG--NAME/snapshots/REVISION`) names a model as well.
    """
    cached = _CACHED.search(name)
    wanted = (f"{cached[1]}/{cached[2]}" if cached is not None else name).lower()
    row = next((row for row in rows() if wanted in map(str.lower, row["ids"])), None)
    return model_of(row["model"]) if row is not None else None


def model_of(fields: RowFields) -> Model:
    """Return a model from the fields of a row.

    Raises:
        TypeError: A field is missing, or none of a model's.
    """
    given = {
        name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()
    }
    return Model(**given)  # type: ignore[arg-type]  # names are checked here, types by the tests
