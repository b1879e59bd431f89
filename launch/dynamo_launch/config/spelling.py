"""The nearest right spelling of a name or a quantity, for errors that name what to write."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def corrected(text: str, pattern: re.Pattern[str]) -> str | None:
    """Return what `text` was most likely meant to be, spelled so that `pattern` allows it."""
    return next((spelling for spelling in _candidates(text) if pattern.search(spelling)), None)


def _candidates(text: str) -> Iterator[str]:
    close = "".join(text.split())
    yield close
    # A byte is Kubernetes' only unit of memory: 24GB is 24G.
    bare = close.rstrip("bB")
    yield bare
    number, unit = close[: len(close.rstrip("KMGTPEibBkmgtpe"))], close.lstrip("0123456789.")
    if unit:
        yield number + unit[:1].upper() + unit[1:2].lower()
        yield number + unit[:1].upper()
    elif number.isdecimal():
        yield f"{number}Gi"
    yield number
    # A path that is below something has nothing before its first name.
    yield text.strip().lstrip("./").rstrip("/")
    name = re.sub(r"[\s_.]+", "-", text.strip()).strip("-")
    yield name
    yield name.lower()
    yield re.sub(r"[^a-z0-9-]", "", name.lower()).strip("-")[:15]
    yield re.sub(r"[^A-Za-z0-9_]", "_", text)
    yield "/" + text.strip("/")
