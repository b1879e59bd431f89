"""String formats: those of a schema's `format` that the API server looks at.

A format that is not in the table is not checked, neither here nor there.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import re
import uuid
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import ipaddress
    from collections.abc import Callable

Address: TypeAlias = "ipaddress.IPv4Address | ipaddress.IPv6Address"
Block: TypeAlias = "ipaddress.IPv4Interface | ipaddress.IPv6Interface"

_DATE_TIME = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII
)


def matches(value: str, name: str) -> bool:
    """Whether `value` is of the format called `name`; any text is of an unknown one."""
    check = _FORMATS.get(name)
    return check is None or check(value)


def _reads(read: Callable[[str], object]) -> Callable[[str], bool]:
    def check(value: str) -> bool:
        try:
            read(value)
        except (ValueError, binascii.Error):
            return False
        return True

    return check


def _date_time(value: str) -> None:
    if not _DATE_TIME.fullmatch(value):
        raise ValueError(value)
    dt.datetime.fromisoformat(value[:19].replace(" ", "T").upper())


def address(value: str) -> Address:
    """Return an IP address.

    Raises:
        ValueError: It is none.
    """
    from ipaddress import ip_address  # It takes a while to load, and few manifests hold one.

    return ip_address(value)


def block(value: str) -> Block:
    """Return an address with the number of its leading bits, `192.0.2.0/24`.

    Raises:
        ValueError: It is none.
    """
    from ipaddress import ip_interface

    return ip_interface(value)


def _of_version(version: int) -> Callable[[str], bool]:
    return lambda value: _reads(address)(value) and address(value).version == version


def _byte(value: str) -> None:
    base64.b64decode(value, validate=True)


_FORMATS: dict[str, Callable[[str], bool]] = {
    "date-time": _reads(_date_time),
    "datetime": _reads(_date_time),
    "date": _reads(dt.date.fromisoformat),
    "ipv4": _of_version(4),
    "ipv6": _of_version(6),
    "cidr": _reads(block),
    "uuid": _reads(uuid.UUID),
    "byte": _reads(_byte),
}
