"""Model files: what brings a model from the hub into a container, and how much that is.

How large a checkpoint is, its name says: so many billion parameters, in so many bytes each. What a
name does not say is in `data/model-sizes.json`.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

TOKENS = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH")
"""Variables that bring a token of the hub."""

CACHES = ("HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE")
"""Variables that say where the hub's files are kept."""

_DATA = Path(__file__).parent / "data" / "model-sizes.json"
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_BILLIONS = re.compile(r"(?:^|[-_.])(?:(\d+)x)?(\d+(?:\.\d+)?)b(?=$|[-_.])", re.IGNORECASE)
_SMALL_TYPES = (
    (re.compile(r"fp4|int4|awq|gptq|w4a|[-_.]4bit|gpt-oss", re.IGNORECASE), 0.5),
    (re.compile(r"fp8|int8|w8a|[-_.]8bit", re.IGNORECASE), 1.0),
)
_SHARED = 0.8
"""Which part of its parameters each expert of an 8x7B has for itself."""

_BYTES = 2.0
"""Of a parameter where the name says nothing: bfloat16."""


def is_hub_id(model: str) -> bool:
    """Whether a model is named as the hub does: ORG/NAME."""
    return _HUB_ID.fullmatch(model) is not None


def gigabytes(model: str) -> int | None:
    """Return about how many GB (10^9 bytes) a model's weights are, or None when nobody can tell."""
    known = _known().get(model)
    if known is not None:
        return known
    name = model.rpartition("/")[2]
    match = _BILLIONS.search(name)
    if match is None:
        return None
    size = next((size for words, size in _SMALL_TYPES if words.search(name)), _BYTES)
    experts = int(match[1]) * _SHARED if match[1] else 1
    return round(experts * float(match[2]) * size)


@cache
def _known() -> dict[str, int]:
    sizes: dict[str, int] = json.loads(_DATA.read_text(encoding="utf-8"))["gigabytes"]
    return sizes
