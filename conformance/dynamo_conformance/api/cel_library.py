"""What Kubernetes adds to CEL for a CRD's rules, as functions over plain values.

Lists, regular expressions, URLs, quantities, IP addresses, CIDR blocks, formats, semantic versions
and sets, as in Kubernetes 1.34. A value of an added type (a quantity, a URL, ...) is a map of its
kind and one spelling, so two that mean the same are equal. What a plain value cannot say
(timestamps and durations) is answered with `UNSUPPORTED`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple, TypeAlias
from urllib.parse import parse_qs, quote, unquote, urlsplit

from dynamo_conformance.api import formats
from dynamo_conformance.manifest.quantity import parse_quantity

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

    from dynamo_conformance.api.formats import Address, Block
    from dynamo_conformance.manifest.node import Plain

Opaque: TypeAlias = "dict[str, str]"

UNSUPPORTED = "a value that cannot be computed here"
"""What a message holds when it is not the object that is at fault."""

_KIND, _TEXT = "kubernetes type", "text"
_QUANTITY, _URL, _IP, _CIDR, _FORMAT, _VERSION = "quantity", "URL", "IP", "CIDR", "format", "semver"
_INT64 = 1 << 63


class Function(NamedTuple):
    """One overload of a function.

    Attributes:
        name: Its name, with the namespace of a function of one (`sets.contains`).
        takes: A letter for each parameter: s text, i int, b bool, l list, o added type, d any.
        gives: The letter of what comes out; f is a double, m a map from text to lists.
        run: What it does.
        is_member: Whether it is called on its first parameter.
    """

    name: str
    takes: str
    gives: str
    run: Callable[..., object]
    is_member: bool = True


def _made(kind: str, text: str) -> Opaque:
    return {_KIND: kind, _TEXT: text}


def _text(value: Opaque, kind: str) -> str:
    if value.get(_KIND) != kind:
        raise ValueError(f"no such overload: this takes a {kind}")
    return value[_TEXT]


def _says(read: Callable[..., object]) -> Callable[..., bool]:
    """Return a function that says whether `read` takes a text."""

    def check(*words: Plain) -> bool:
        try:
            read(*words)
        except ValueError:
            return False
        return True

    return check


# Lists


def _is_same(one: Plain, other: Plain) -> bool:
    """Whether two values are equal in CEL, where true is not 1."""
    return isinstance(one, bool) == isinstance(other, bool) and one == other


def _comparable(items: list[Plain]) -> list[str] | list[float]:
    """Return a list whose items have an order, or refuse it."""
    texts = [item for item in items if isinstance(item, str)]
    numbers = [item for item in items if isinstance(item, int | float)]
    if len(texts) == len(items):
        return texts
    if len(numbers) == len(items):
        return numbers
    raise ValueError(UNSUPPORTED)


def _is_sorted(items: list[Plain]) -> bool:
    keys = _comparable(items)
    return list(keys) == sorted(keys)


def _sum(items: list[Plain]) -> Plain:
    if any(isinstance(item, bool) or not isinstance(item, int | float) for item in items):
        raise ValueError(UNSUPPORTED)
    total = sum(item for item in items if isinstance(item, int | float))
    if isinstance(total, int) and not -_INT64 <= total < _INT64:
        raise ValueError("integer overflow")
    return total


def _least(items: list[Plain]) -> Plain:
    return min(_comparable(_not_empty(items, "min")))


def _most(items: list[Plain]) -> Plain:
    return max(_comparable(_not_empty(items, "max")))


def _not_empty(items: list[Plain], name: str) -> list[Plain]:
    if not items:
        raise ValueError(f"{name} called on empty list")
    return items


def _index(items: list[Plain], wanted: Plain) -> int:
    return next((at for at, item in enumerate(items) if _is_same(item, wanted)), -1)


def _last_index(items: list[Plain], wanted: Plain) -> int:
    index = _index(items[::-1], wanted)
    return index if index < 0 else len(items) - 1 - index


_LISTS = (
    Function("isSorted", "l", "b", _is_sorted),
    Function("sum", "l", "d", _sum),
    Function("min", "l", "d", _least),
    Function("max", "l", "d", _most),
    Function("indexOf", "ld", "i", _index),
    Function("lastIndexOf", "ld", "i", _last_index),
)


# Sets


def _contains(items: list[Plain], wanted: list[Plain]) -> bool:
    return all(_index(items, item) >= 0 for item in wanted)


_SETS = (
    Function("sets.contains", "ll", "b", _contains, is_member=False),
    Function(
        "sets.equivalent", "ll", "b",
        lambda one, other: _contains(one, other) and _contains(other, one), is_member=False,
    ),
    Function(
        "sets.intersects", "ll", "b",
        lambda one, other: any(_index(one, item) >= 0 for item in other), is_member=False,
    ),
)  # fmt: skip


# Regular expressions

_LOOKS_AROUND = re.compile(r"\(\?(?:[=!>]|<[=!]|P=)|\\[1-9]|[*+?}]\+")
_CLASSES = {
    "[:alpha:]": "a-zA-Z", "[:digit:]": "0-9", "[:alnum:]": "a-zA-Z0-9", "[:upper:]": "A-Z",
    "[:lower:]": "a-z", "[:space:]": r"\s", "[:word:]": r"\w", "[:xdigit:]": "0-9a-fA-F",
}  # fmt: skip


def _pattern(text: str) -> re.Pattern[str]:
    """Return an expression in RE2's syntax, or refuse what the two do not share."""
    for name, characters in _CLASSES.items():
        text = text.replace(name, characters)
    if _LOOKS_AROUND.search(text) or "[:" in text or re.search(r"\\[pPCQ]", text):
        raise ValueError(UNSUPPORTED)
    text = re.sub(r"(?<!\\)\$", r"\\Z", text).replace(r"\z", r"\Z")
    try:
        return re.compile(text, re.ASCII)
    except re.error as error:
        raise ValueError(UNSUPPORTED) from error


def _find(text: str, pattern: str) -> str:
    match = _pattern(pattern).search(text)
    return match.group() if match is not None else ""


def _find_all(text: str, pattern: str, most: int = -1) -> Plain:
    matches: list[Plain] = [match.group() for match in _pattern(pattern).finditer(text)]
    return matches if most < 0 else matches[:most]


_EXPRESSIONS = (
    Function("find", "ss", "s", _find),
    Function("findAll", "ss", "l", _find_all),
    Function("findAll", "ssi", "l", _find_all),
)


# URLs

_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:")
_BAD_ESCAPE = re.compile(r"%(?![0-9a-fA-F]{2})")
_HOST = re.compile(r"(?:[^@\s]*@)?(?:\[[0-9a-fA-F:.%]+\](?::[0-9]*)?|[^\s\[\]<>\"]*)")
_NO_PORT = re.compile(r"[^\]]*:[^:\]]*[^:\]0-9][^:\]]*")
_PATH_CHARACTERS = "/$&+,:;=@!'()*~-._[]"
_ESCAPED_PATH = re.compile(r"(?:[A-Za-z0-9/$&+,:;=@!'()*~._\[\]-]|%[0-9a-fA-F]{2})*")


def _url(text: str) -> Opaque:
    scheme = _SCHEME.match(text)
    rest = text[scheme.end() :] if scheme else text
    parts = urlsplit(text, allow_fragments=False)
    is_absolute = scheme is not None or text.startswith("/")
    controls = any(ord(one) < ord(" ") or ord(one) == 0x7F for one in text)  # noqa: PLR2004 - DEL
    if not is_absolute or not rest or controls or _BAD_ESCAPE.search(rest.partition("?")[0]):
        raise ValueError("URL parse error during conversion from string")
    host = parts.netloc
    if not _HOST.fullmatch(host) or _NO_PORT.fullmatch(host.rpartition("@")[2]):
        raise ValueError("URL parse error during conversion from string")
    return _made(_URL, text)


def _host(value: Opaque) -> str:
    return urlsplit(_text(value, _URL), allow_fragments=False).netloc.rpartition("@")[2]


def _split_host(value: Opaque) -> tuple[str, str]:
    host = _host(value)
    if host.startswith("["):
        name, _bracket, port = host[1:].partition("]")
        return name, port.lstrip(":")
    name, _colon, port = host.partition(":")
    return name, port


def _escaped_path(value: Opaque) -> str:
    path = urlsplit(_text(value, _URL), allow_fragments=False).path
    return path if _ESCAPED_PATH.fullmatch(path) else quote(unquote(path), safe=_PATH_CHARACTERS)


def _query(value: Opaque) -> Plain:
    query = urlsplit(_text(value, _URL), allow_fragments=False).query
    parsed: dict[str, Plain] = {}
    for key, values in parse_qs(query, keep_blank_values=True).items():
        parsed[key] = list(values)
    return parsed


_URLS = (
    Function("isURL", "s", "b", _says(_url), is_member=False),
    Function("url", "s", "o", _url, is_member=False),
    Function("getScheme", "o", "s", lambda one: urlsplit(_text(one, _URL)).scheme),
    Function("getHost", "o", "s", _host),
    Function("getHostname", "o", "s", lambda one: _split_host(one)[0]),
    Function("getPort", "o", "s", lambda one: _split_host(one)[1]),
    Function("getEscapedPath", "o", "s", _escaped_path),
    Function("getQuery", "o", "m", _query),
)


# Quantities


def _quantity(text: str) -> Opaque:
    number = parse_quantity(text)
    if number is None:
        raise ValueError(f"{text} is no quantity")
    return _number_made(number)


def _number_made(number: Decimal) -> Opaque:
    return _made(_QUANTITY, f"{number.normalize():f}")


def _number(value: Opaque | int) -> Decimal:
    number = parse_quantity(value if isinstance(value, int) else _text(value, _QUANTITY))
    if number is None:
        raise ValueError("no such overload: this takes a quantity")
    return number


def _whole(value: Opaque) -> int:
    number = _number(value)
    if not _is_whole(value):
        raise ValueError("cannot convert value to integer")
    return int(number)


def _is_whole(value: Opaque) -> bool:
    number = _number(value)
    return number == int(number) and -_INT64 <= number < _INT64


_QUANTITIES = (
    Function("isQuantity", "s", "b", lambda one: parse_quantity(one) is not None, is_member=False),
    Function("quantity", "s", "o", _quantity, is_member=False),
    Function("sign", "o", "i", lambda one: (_number(one) > 0) - (_number(one) < 0)),
    Function("isInteger", "o", "b", _is_whole),
    Function("asInteger", "o", "i", _whole),
    Function("asApproximateFloat", "o", "f", lambda one: float(_number(one))),
    Function("add", "oo", "o", lambda one, other: _number_made(_number(one) + _number(other))),
    Function("add", "oi", "o", lambda one, other: _number_made(_number(one) + other)),
    Function("sub", "oo", "o", lambda one, other: _number_made(_number(one) - _number(other))),
    Function("sub", "oi", "o", lambda one, other: _number_made(_number(one) - other)),
)


# IP addresses and CIDR blocks

_BITS = re.compile(r"(?P<address>[^/]+)/(?:0|[1-9][0-9]{0,2})")


def _address(text: str) -> Address:
    address = formats.address(text)
    if "%" in text or getattr(address, "ipv4_mapped", None) is not None:
        raise ValueError(f"{text}: an address without zone that is not IPv4-mapped is needed")
    return address


def _block(text: str) -> Block:
    match = _BITS.fullmatch(text)
    if match is None:
        raise ValueError(f"{text} is no CIDR block")
    _address(match["address"])
    return formats.block(text)


def _ip(text: str) -> Opaque:
    return _made(_IP, str(_address(text)))


def _ip_of(value: Opaque) -> Address:
    return formats.address(_text(value, _IP))


def _block_of(value: Opaque) -> Block:
    return formats.block(_text(value, _CIDR))


def _is_global(value: Opaque) -> bool:
    address = _ip_of(value)
    special = (
        address.is_unspecified
        or address.is_loopback
        or address.is_multicast
        or address.is_link_local
    )
    return not special and str(address) != "255.255.255.255"


def _in_block(block: Opaque, address: Address) -> bool:
    return address in _block_of(block).network


def _holds_block(outer: Opaque, inner: Block) -> bool:
    network, other = _block_of(outer).network, inner.network
    return other.prefixlen >= network.prefixlen and other.network_address in network


def _is_link_local_multicast(value: Opaque) -> bool:
    block = "224.0.0.0/24" if _ip_of(value).version == 4 else "ff02::/16"  # noqa: PLR2004 - IPv4
    return _ip_of(value) in formats.block(block).network


_ADDRESSES = (
    Function("isIP", "s", "b", _says(_address), is_member=False),
    Function("ip", "s", "o", _ip, is_member=False),
    Function(
        "ip.isCanonical", "s", "b", lambda text: str(_address(text)) == text, is_member=False
    ),
    Function("family", "o", "i", lambda one: _ip_of(one).version),
    Function("isUnspecified", "o", "b", lambda one: _ip_of(one).is_unspecified),
    Function("isLoopback", "o", "b", lambda one: _ip_of(one).is_loopback),
    Function("isLinkLocalUnicast", "o", "b", lambda one: _ip_of(one).is_link_local),
    Function("isLinkLocalMulticast", "o", "b", _is_link_local_multicast),
    Function("isGlobalUnicast", "o", "b", _is_global),
    Function("isCIDR", "s", "b", _says(_block), is_member=False),
    Function("cidr", "s", "o", lambda text: _made(_CIDR, str(_block(text))), is_member=False),
    Function("containsIP", "oo", "b", lambda one, other: _in_block(one, _ip_of(other))),
    Function("containsIP", "os", "b", lambda one, other: _in_block(one, _address(other))),
    Function("containsCIDR", "oo", "b", lambda one, other: _holds_block(one, _block_of(other))),
    Function("containsCIDR", "os", "b", lambda one, other: _holds_block(one, _block(other))),
    Function("ip", "o", "o", lambda one: _made(_IP, str(_block_of(one).ip))),
    Function("masked", "o", "o", lambda one: _made(_CIDR, str(_block_of(one).network))),
    Function("prefixLength", "o", "i", lambda one: _block_of(one).network.prefixlen),
    Function(
        "string", "o", "s",
        lambda one: str(_ip_of(one) if one.get(_KIND) == _IP else _block_of(one)), is_member=False,
    ),
)  # fmt: skip


# Semantic versions

_NUMBER = r"(?:0|[1-9][0-9]*)"
_WORDS = r"[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*"
_SEMVER = re.compile(
    rf"(?P<core>{_NUMBER}\.{_NUMBER}\.{_NUMBER})(?:-(?P<pre>{_WORDS}))?(?:\+{_WORDS})?"
)


def _semver(text: str, tolerant: bool = False) -> Opaque:  # noqa: FBT001, FBT002 - as CEL calls it
    wanted = _normalized(text) if tolerant else text
    match = _SEMVER.fullmatch(wanted)
    words = (match["pre"] or "").split(".") if match is not None else []
    if match is None or any(word.isdecimal() and word != "0" and word[0] == "0" for word in words):
        raise ValueError(f"{text} is no semantic version")
    return _made(_VERSION, wanted.partition("+")[0])


def _normalized(text: str) -> str:
    """Return a version as it would be without a leading v, or zeros, with all three numbers."""
    match = re.fullmatch(r"v?([0-9]+(?:\.[0-9]+){0,2})([-+].*)?", text.strip())
    if match is None:
        return text
    numbers = [str(int(piece)) for piece in match[1].split(".")]
    return ".".join((*numbers, "0", "0")[:3]) + (match[2] or "")


def _version(value: Opaque) -> tuple[tuple[int, ...], bool, tuple[tuple[bool, int, str], ...]]:
    """Return what versions are ordered by: a release comes after what was before it."""
    core, _dash, pre = _text(value, _VERSION).partition("-")
    words = [
        (not piece.isdecimal(), int(piece) if piece.isdecimal() else 0, piece)
        for piece in pre.split(".")
    ]
    return tuple(map(int, core.split("."))), not pre, tuple(words) if pre else ()


_VERSIONS = (
    Function("isSemver", "s", "b", _says(_semver), is_member=False),
    Function("isSemver", "sb", "b", _says(_semver), is_member=False),
    Function("semver", "s", "o", _semver, is_member=False),
    Function("semver", "sb", "o", _semver, is_member=False),
    Function("major", "o", "i", lambda one: _version(one)[0][0]),
    Function("minor", "o", "i", lambda one: _version(one)[0][1]),
    Function("patch", "o", "i", lambda one: _version(one)[0][2]),
)


# What quantities and versions share


def _compared(one: Opaque, other: Opaque) -> int:
    if one.get(_KIND) == _VERSION:
        left, right = _version(one), _version(other)
        return (left > right) - (left < right)
    return (_number(one) > _number(other)) - (_number(one) < _number(other))


_ORDER = (
    Function("isGreaterThan", "oo", "b", lambda one, other: _compared(one, other) > 0),
    Function("isLessThan", "oo", "b", lambda one, other: _compared(one, other) < 0),
    Function("compareTo", "oo", "i", _compared),
)


# Formats: an optional list of errors is a list here, and none is an empty one

_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_LABEL_1035 = r"[a-z]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = rf"{_LABEL}(\.{_LABEL})*"
_NAME = r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_SHAPES = {
    "dns1123Label": (_LABEL, 63),
    "dns1123Subdomain": (_SUBDOMAIN, 253),
    "dns1035Label": (_LABEL_1035, 63),
    "dns1123LabelPrefix": (rf"{_LABEL}-?", 63),
    "dns1123SubdomainPrefix": (rf"{_SUBDOMAIN}-?", 253),
    "dns1035LabelPrefix": (rf"{_LABEL_1035}-?", 63),
    "labelValue": (rf"({_NAME})?", 63),
}
_READ = ("byte", "date", "datetime", "uuid")
_FORMATS = (*_SHAPES, *_READ, "qualifiedName", "uri")


def _is_of_format(text: str, name: str) -> bool:
    if name in _SHAPES:
        shape, longest = _SHAPES[name]
        return len(text) <= longest and re.fullmatch(shape, text) is not None
    if name == "qualifiedName":
        prefix, slash, last = text.rpartition("/")
        is_prefixed = not slash or _is_of_format(prefix, "dns1123Subdomain")
        return is_prefixed and len(last) <= 63 and re.fullmatch(_NAME, last) is not None  # noqa: PLR2004 - of a label
    return _says(_url)(text) if name == "uri" else formats.matches(text, name)


def _format_errors(value: Opaque, text: str) -> Plain:
    name = _text(value, _FORMAT)
    return [] if _is_of_format(text, name) else [f'"{text}" is no {name}']


def _format_of(name: str) -> Function:
    return Function(f"format.{name}", "", "o", lambda: _made(_FORMAT, name), is_member=False)


_OPTIONALS = (
    Function("hasValue", "l", "b", bool),
    Function("value", "l", "l", lambda one: _not_empty(one, "value")),
    Function("hasValue", "o", "b", bool),
    Function("value", "o", "o", lambda one: one),
)
_CHECKS = (
    *(_format_of(name) for name in _FORMATS),
    Function(
        "format.named", "s", "o",
        lambda name: _made(_FORMAT, name) if name in _FORMATS else {}, is_member=False,
    ),
    Function("validate", "os", "l", _format_errors),
    *_OPTIONALS,
)  # fmt: skip

FUNCTIONS = (
    *_LISTS, *_SETS, *_EXPRESSIONS, *_URLS, *_QUANTITIES, *_ADDRESSES, *_VERSIONS, *_ORDER,
    *_CHECKS,
)  # fmt: skip
