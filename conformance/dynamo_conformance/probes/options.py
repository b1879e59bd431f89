"""What people give to reach an endpoint, read once for the command and for the pytest plugin."""

from __future__ import annotations

import os
import re
from typing import Final
from urllib.parse import urlsplit

from dynamo_conformance.manifest.terminal_safe import shown

SCHEMES: Final = ("http", "https")
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE: Final = re.compile(r"[\t -~]+")
_PRINTABLE: Final = re.compile(r"[!-~]+")
_PATH_OF_A_PROBE: Final = re.compile(
    r"/(?:chat/completions|completions|embeddings|models|responses|messages)/?\Z"
)


class OptionError(ValueError):
    """What was given cannot be used; the text says why, without what may be secret."""


def read_url(text: str) -> str:
    """Return an address, with or without `/v1` at its end.

    Raises:
        OptionError: It is none of HTTP, or holds more than an address.
    """
    scheme, _, rest = text.partition("://")
    # Of what stands before an `@` nothing is shown, it may be a password.
    where = f"{scheme}://{rest.rpartition('@')[2]}" if rest else text
    fault = _fault(text)
    if fault:
        raise OptionError(f"{shown(where)} {fault}")
    return text


def _fault(url: str) -> str:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "is no address: its host or port cannot be read"
    path = _PATH_OF_A_PROBE.search(parts.path)
    if parts.scheme not in SCHEMES or not url.startswith(f"{parts.scheme}://"):
        return "is no address that begins with http:// or https://"
    if not parts.hostname or port == 0 or not _PRINTABLE.fullmatch(url):
        return "names no host and port that can be asked"
    if "@" in parts.netloc:
        return "has a user or password before it: send those with --api-key-env or --header"
    if parts.query or parts.fragment:
        return "has a query or a fragment, to which no path can be added"
    return f"is more than the address: leave out {path[0]}, which is added" if path else ""


def read_header(text: str) -> tuple[str, str]:
    """Return name and value of a header.

    Raises:
        OptionError: It is not `NAME: VALUE`, or no header can hold it.
    """
    name, colon, value = (part.strip() for part in text.partition(":"))
    if not colon or not value or not _NAME.fullmatch(name):
        raise OptionError("a header is written NAME: VALUE, and its name has no spaces")
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
