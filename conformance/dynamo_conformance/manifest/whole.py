"""Whole numbers in text, as far as 64 bits hold them."""

from __future__ import annotations

import re

_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
"""Longer ones are no count, no size and no port, and take long to convert."""


def parse_whole(text: str | None) -> int | None:
    """Return the whole number that `text` is, or None when it is none, or a monstrous one."""
    return int(text) if text is not None and _WHOLE.fullmatch(text) else None
