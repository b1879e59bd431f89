"""JSON options: the keys that vLLM's flags take in their JSON.

The file in `data` is made by `tools/json_options.py` from the engine's own config classes, which
refuse every other key.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from dynamo_conformance.engines.releases import STUDIED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dynamo_conformance.engines.flag import Json

_DATA = Path(__file__).parent / "data"
MODULE = "dynamo.vllm"
"""Whose flags they are."""


class UnknownKey(NamedTuple):
    """A key that an engine does not have.

    Attributes:
        path: The key, after those that lead to it.
        known: The keys that could stand there.
    """

    path: str
    known: tuple[str, ...]


@cache
def load(*, release: str = str(STUDIED)) -> Mapping[str, Json]:
    """Return the keys of each flag, by its dest; below a key its own, or None for any value."""
    text = (_DATA / f"json-options-{release}.json").read_text(encoding="utf-8")
    options: dict[str, Json] = json.loads(text)["options"]
    return options


def unknown_keys(known: Json, given: Json, *, path: str = "") -> Iterator[UnknownKey]:
    """Yield each key in `given` that is none of `known`.

    Args:
        known: The keys, as `load` returns them.
        given: What a flag is given.
        path: The keys that lead to it.
    """
    if not isinstance(known, dict) or not isinstance(given, dict):
        return
    # Dotted flags and --speculative-config take dashes too.
    for key, value in given.items():
        name = key.replace("-", "_")
        if name in known:
            yield from unknown_keys(known[name], value, path=f"{path}{key}.")
        else:
            yield UnknownKey(f"{path}{key}", tuple(known))
