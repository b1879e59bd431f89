"""Kubernetes quantities: `500m`, `16Gi`, `1e3`, as exact numbers.

The grammar is that of k8s.io/apimachinery (`api/resource`): a decimal number, then a binary suffix,
a decimal suffix or an exponent.
"""

from __future__ import annotations

import re
from decimal import Decimal

from dynamo_conformance.manifest.text_cache import kept

_QUANTITY = re.compile(
    r"(?P<number>[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))"
    r"(?P<suffix>[KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?"
)
_BINARY = ("Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_LARGEST_EXPONENT = 40
"""More than any quantity needs; Kubernetes itself stops at 2^63."""


def parse_quantity(text: str | int) -> Decimal | None:
    """Return the number that a quantity stands for, or None when it is no quantity."""
    return _parsed(str(text))


@kept
def _parsed(text: str) -> Decimal | None:
    match = _QUANTITY.fullmatch(text)
    if match is None:
        return None
    number, suffix = Decimal(match["number"]), match["suffix"] or ""
    if suffix in _BINARY:
        return number * (1 << 10 * (_BINARY.index(suffix) + 1))
    if suffix in _DECIMAL:
        return number.scaleb(_DECIMAL[suffix])
    exponent = parse_whole(suffix[1:])
    if exponent is None or abs(exponent) > _LARGEST_EXPONENT:
        return None
    return number.scaleb(exponent)


_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
"""Longer ones are no count, no size and no port, and take long to convert."""


def parse_whole(text: str | None) -> int | None:
    """Return the whole number that `text` is, or None when it is none, or a monstrous one."""
    return int(text) if text is not None and _WHOLE.fullmatch(text) else None
