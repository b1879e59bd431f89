"""How deep a value nests: what comes from elsewhere is asked this before anything walks it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dynamo_conformance.manifest.node import Plain

DEEPEST = 150
"""More levels than any object has that an API server takes."""


def depth(value: Plain) -> int:
    """Return how many mappings and lists stand inside each other, without recursion."""
    deepest, waiting = 0, [(0, value)]
    while waiting:
        above, one = waiting.pop()
        if isinstance(one, dict | list):
            deepest = max(deepest, above + 1)
            inner = one.values() if isinstance(one, dict) else one
            waiting += [(above + 1, item) for item in inner]
    return deepest
