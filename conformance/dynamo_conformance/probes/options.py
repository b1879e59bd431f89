"""What people give to reach an endpoint, read once for the command and for the pytest plugin."""

from __future__ import annotations

import os
import re
from typing import Final

SCHEMES: Final = ("http://", "https://")
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE: Final = re.compile(r"[\t -~\x80-\xff]*")


class OptionError(ValueError):
    """What was given cannot be used; the text says why, without what is secret."""


def read_url(text: str) -> str:
    """Return an address.

    Raises:
        OptionError: It is none of HTTP.
    """
    if not text.startswith(SCHEMES):
        raise OptionError(f"{text} is no address that begins with http:// or https://")
    return text


def read_header(text: str) -> tuple[str, str]:
    """Return name and value of a header.

    Raises:
        OptionError: It is not `NAME: VALUE`, or no header can hold it.
    """
    name, colon, value = (part.strip() for part in text.partition(":"))
    if not colon or not name:
        raise OptionError(f'"{name}" has no value; write NAME: VALUE')
    if not _TOKEN.fullmatch(name):
        raise OptionError(f'"{name}" is no name of a header')
    return name, _fit(value, f"the value of {name}")


def read_key(variable: str | None) -> str | None:
    """Return the API key in an environment variable; None where none is named.

    Raises:
        OptionError: It is not set, or no header can hold it.
    """
    if variable is None:
        return None
    key = os.environ.get(variable, "").strip()
    if not key:
        raise OptionError(f"the environment variable {variable} is not set")
    return _fit(key, f"the key in {variable}")


def _fit(value: str, what: str) -> str:
    if not _VALUE.fullmatch(value):
        raise OptionError(f"{what} holds characters that no header can hold")
    return value
