"""Options of a config file as the words a component's parser wants."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Final

from dynamo_conformance.manifest.node import Mapping, Scalar, Sequence
from dynamo_launch.errors import UsageError

if TYPE_CHECKING:
    from dynamo_conformance.engines.flag import Flag
    from dynamo_conformance.manifest.node import Node
    from dynamo_launch.config.run_config import Option


JSON_TYPES: Final = frozenset(
    {"json", "object", "object-with-sizes", "json-or-str", "bool-or-json"}
)


def option_words(
    option: Option, flag: Flag, spelling: str, *, opposite: str | None
) -> tuple[str, ...]:
    """Return the words that give `flag` the value of `option`.

    Args:
        option: The option; null leaves it out.
        flag: The component's flag that it sets.
        spelling: How to spell the flag.
        opposite: The flag that says the contrary, or None.

    Raises:
        UsageError: The flag takes no such value.
    """
    value = option.value
    if isinstance(value, Scalar) and value.value is None:
        return ()
    if isinstance(value, Scalar) and isinstance(value.value, bool) and flag.takes != "one":
        return _switch(option, flag, spelling, opposite if not value.value else spelling)
    if flag.takes == "none":
        raise UsageError(f"{spelling} is a switch; write true or false", at=option.value_place)
    if flag.type in JSON_TYPES and not isinstance(value, Scalar):
        return (spelling, _json(value))
    if isinstance(value, Mapping) and flag.type == "str" and flag.choices is None:
        return (spelling, _json(value))  # Some flags take JSON and parse it later.
    if isinstance(value, Mapping):
        raise UsageError(f"{spelling} takes no mapping", at=option.value_place)
    if isinstance(value, Sequence):
        return _several(option, value, flag, spelling)
    return _one(spelling, _text(value))


def plain_words(option: Option) -> tuple[str, ...]:
    """Return the words for an option of a module whose flags are not known.

    A dash stands for an underscore, true is `--key`, false `--no-key`, a list is its items one
    after the other, a mapping compact JSON, and null nothing.
    """
    spelling = "--" + option.key.replace("_", "-")
    value = option.value
    if isinstance(value, Mapping):
        return (spelling, _json(value))
    if isinstance(value, Sequence):
        return (spelling, *(_item(item) for item in value))
    if value.value is None:
        return ()
    if isinstance(value.value, bool):
        return (spelling,) if value.value else (f"--no-{spelling[2:]}",)
    return _one(spelling, _text(value))


def _switch(option: Option, flag: Flag, spelling: str, wanted: str | None) -> tuple[str, ...]:
    if wanted is not None:
        return (wanted,)
    if flag.default in (None, False):
        return ()
    raise UsageError(f"{spelling} cannot be switched off; leave it out", at=option.value_place)


def _several(option: Option, value: Sequence, flag: Flag, spelling: str) -> tuple[str, ...]:
    items = tuple(_item(item) for item in value)
    if flag.takes in ("many", "at-least-one"):
        dashed = next((item for item in items if item.startswith("-")), None)
        if dashed is not None:
            raise UsageError(f'{spelling} takes no word like "{dashed}"', at=option.value_place)
        return (spelling, *items)
    if flag.repeatable:
        return tuple(word for item in items for word in _one(spelling, item))
    raise UsageError(f"{spelling} takes one value, not a list", at=option.value_place)


def _item(node: Node) -> str:
    return _text(node) if isinstance(node, Scalar) else _json(node)


def _one(spelling: str, text: str) -> tuple[str, ...]:
    """Return flag and value; a value that looks like a flag has to hang on with `=`."""
    if text.startswith("-") and not _is_number(text):
        return (f"{spelling}={text}",)
    return (spelling, text)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _text(scalar: Scalar) -> str:
    """Return a value as a parser reads it: as written, where that is no mere YAML spelling."""
    value = scalar.value
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    if isinstance(value, float) and math.isfinite(value):
        return scalar.text
    return str(value)


def _json(node: Node) -> str:
    return json.dumps(node.plain(), separators=(",", ":"), ensure_ascii=False)
