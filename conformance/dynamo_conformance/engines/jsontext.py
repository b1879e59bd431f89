"""JSON on command lines: the values of engines' settings."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dynamo_conformance.engines.flag import Json


def parse_json(text: str) -> Json:
    """Return the value that `text` is.

    Raises:
        ValueError: It is no JSON, or nests deeper than anybody reads.
    """
    try:
        parsed: Json = json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deep to be read") from error
    return parsed
