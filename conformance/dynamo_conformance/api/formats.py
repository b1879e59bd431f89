"""String formats: those of a schema's `format` that the API server looks at.

A format that is not in the table is not checked, neither here nor there.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import re
import uuid
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

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


def _ipv4(value: str) -> None:
    import ipaddress  # It takes a while to load, and few manifests hold an address.

    ipaddress.IPv4Address(value)


def _ipv6(value: str) -> None:
    import ipaddress

    ipaddress.IPv6Address(value)


def _cidr(value: str) -> None:
    import ipaddress

    ipaddress.ip_network(value, strict=False)


def _byte(value: str) -> None:
    base64.b64decode(value, validate=True)


_FORMATS: dict[str, Callable[[str], bool]] = {
    "date-time": _reads(_date_time),
    "datetime": _reads(_date_time),
    "date": _reads(dt.date.fromisoformat),
    "ipv4": _reads(_ipv4),
    "ipv6": _reads(_ipv6),
    "cidr": _reads(_cidr),
    "uuid": _reads(uuid.UUID),
    "byte": _reads(_byte),
}
