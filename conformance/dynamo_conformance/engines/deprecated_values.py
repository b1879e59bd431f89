"""Deprecated values: what a flag, or the JSON that it takes, may say no more, or not for long.

Parsers say nothing of them. The file in `data` is made by `tools/deprecated_values.py` from the
engines' sources.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NotRequired, TypedDict

from dynamo_conformance.engines.releases import STUDIED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.engines.flag import Json

_DATA = Path(__file__).parent / "data"


class DeprecatedValue(TypedDict):
    """What an engine says of some values of one setting.

    `setting` is a flag's dest, `key` what stands in the JSON that it takes, empty for the flag's
    own value. `values` has what to write instead of each, by role where that depends on it; without
    it, the key itself is meant, and `instead` is the key to write. `beside` names other keys of the
    same object and the values that they must have, `unless` a switch that has the value accepted.
    `effect` is `deprecated`, `replaced` (another value is taken) or `refused`, `source` where the
    engine says so.
    """

    module: str
    setting: str
    key: str
    values: NotRequired[dict[str, str | dict[str, str] | None]]
    instead: NotRequired[str | None]
    beside: NotRequired[dict[str, list[str]]]
    unless: NotRequired[str]
    effect: str
    source: str


@cache
def load(module: str, *, release: str = str(STUDIED)) -> tuple[DeprecatedValue, ...]:
    """Return what is known of a module's values."""
    text = (_DATA / f"deprecated-values-{release}.json").read_text(encoding="utf-8")
    entries: list[DeprecatedValue] = json.loads(text)["values"]
    return tuple(entry for entry in entries if entry["module"] == module)


def written(entry: DeprecatedValue, value: Json) -> Iterator[str | None]:
    """Yield each value that the entry is about in what a flag is given, None for a key.

    Args:
        entry: The entry.
        value: The flag's text, or the JSON that it is.
    """
    if not entry["key"]:
        if value in entry.get("values", {}):
            yield str(value)
        return
    for item in _objects(value):
        if entry["key"] not in item:
            continue
        given = item[entry["key"]]
        if any(item.get(key) not in known for key, known in entry.get("beside", {}).items()):
            continue
        if "values" not in entry:
            yield None
        elif isinstance(given, str) and given in entry["values"]:
            yield given


def _objects(value: Json) -> Iterator[dict[str, Json]]:
    """Yield every object in a JSON value; wrappers of connectors have others in them."""
    waiting = [value]
    while waiting:
        item = waiting.pop(0)
        if isinstance(item, dict):
            yield item
            waiting += item.values()
        elif isinstance(item, list):
            waiting += item
