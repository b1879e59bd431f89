"""Which Dynamo release an image holds, as far as its tag gives it."""

from __future__ import annotations

import re

_PART = r"(?:0|[1-9][0-9]*)"
_WORD = rf"(?:{_PART}|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
_TAG = re.compile(
    rf"[vV]?({_PART}\.{_PART}\.{_PART})(?:-{_WORD}(?:\.{_WORD})*)?"
    r"(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"
)


def runtime_version(image: str) -> str | None:
    """Return the MAJOR.MINOR.PATCH of an image's tag, or None."""
    name = image.partition("@")[0].rpartition("/")[2]
    match = _TAG.fullmatch(name.rpartition(":")[2]) if ":" in name else None
    return match[1] if match is not None else None
