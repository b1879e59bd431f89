"""Values: which words a flag's type and choices allow."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from dynamo_conformance.engines.flag import parse_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dynamo_conformance.engines.flag import Flag, Json

PYDANTIC_TRUE = frozenset({"1", "true", "t", "yes", "y", "on"})
PYDANTIC_FALSE = frozenset({"0", "false", "f", "no", "n", "off"})
"""The words that pydantic takes for a boolean, in lower case."""

_NOTHING = ("", "None")
_OR_NONE = "-or-none"
_STATIC_ENDPOINT = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*(\.[a-zA-Z_][a-zA-Z0-9_]*){2}\n?")
_TRUTHS = frozenset({"true", "1", "yes", "on", "false", "0", "no", "off"})
# vLLM: `k` is 1000 and takes decimals, `K` is 1024 and does not.
_VLLM_UNITS = {"k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12} | {
    "K": 2**10,
    "M": 2**20,
    "G": 2**30,
    "T": 2**40,
}
# SGLang: `k` is 1000 and takes decimals, `Ki` is 1024 and does not.
_SGLANG_UNITS = {"k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12} | {
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
    "Ti": 2**40,
}


class _OutOfRangeError(ValueError):
    """A number that is none of those allowed, in the parser's words."""


def refusal(flag: Flag, word: str) -> str | None:
    """Return why the parser refuses `word` as a value of `flag`, or None when it takes it."""
    value: Json
    if flag.nullable and word in _NOTHING:
        value = None
    else:
        try:
            value = _CONVERTERS[flag.type](word)
        except ValueError as error:
            return _worded(flag, word, error)
    if flag.choices is not None and value not in flag.choices:
        known = ", ".join(repr(choice) for choice in flag.choices)
        return f"invalid choice: {value!r} (choose from {known})"
    return None


def variable_refusal(flag: Flag, text: str) -> str | None:
    """Return why the module refuses a variable's text, which gives `flag` its default.

    The word `None` is no default of a flag that takes it on the command line alone.
    """
    return refusal(replace(flag, type=flag.type.removesuffix(_OR_NONE)), text)


def _worded(flag: Flag, word: str, error: ValueError) -> str:
    if isinstance(error, _OutOfRangeError):
        return str(error)
    if flag.refusal is not None:
        return flag.refusal.format(value=word)
    if isinstance(error, json.JSONDecodeError):
        return f"invalid JSON: {error.msg} at column {error.colno}: {word!r}"
    return f"invalid {flag.type.removesuffix('-with-sizes')} value: {word!r}"


def vllm_size(word: str) -> int:
    """Return a whole number as vLLM reads it: `8k` is 8000 and `8K` is 8192.

    Raises:
        ValueError: when it is none.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([kKmMgGtT])", word.strip())
    if match is None:
        return int(word)
    unit = _VLLM_UNITS[match[2]]
    return _scaled(match[1], unit) if match[2].islower() else int(match[1]) * unit


def _sglang_size(word: str) -> int:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([kMGT]|[KMGT]i)", word.strip())
    if match is None:
        return int(word)
    unit = _SGLANG_UNITS[match[2]]
    return int(match[1]) * unit if match[2].endswith("i") else _scaled(match[1], unit)


def _scaled(number: str, unit: int) -> int:
    try:
        return int(float(number) * unit)
    except OverflowError as error:
        raise ValueError(f"{number} is too large") from error


def _size_or_auto(word: str) -> int:
    return -1 if word.strip().lower() in ("-1", "auto") else vllm_size(word)


def _object(word: str) -> Json:
    parsed = parse_json(word)
    if not isinstance(parsed, dict):
        raise ValueError(f"{word} is no JSON object")  # noqa: TRY004 - of the word, not its type
    return parsed


def _object_with_sizes(word: str) -> Json:
    """Read a JSON object in which vLLM allows bare sizes such as `80m`."""
    parts = re.split(r'("(?:[^"\\]|\\.)*")', word)
    parts[::2] = [
        re.sub(r"\b\d+(?:\.\d+)?[kKmMgGtT]\b", lambda size: str(vllm_size(size[0])), part)
        for part in parts[::2]
    ]
    return _object("".join(parts))


def _json_or_str(word: str) -> Json:
    stripped = word.strip()
    return parse_json(word) if stripped.startswith("{") and stripped.endswith("}") else word


def _bool_or_json(word: str) -> Json:
    return word if word.strip().lower() in _TRUTHS else _object(word)


def _word(word: str) -> Json:
    return word.lower().replace("-", "_")


def _positive_int(word: str) -> int:
    number = int(word)
    if number <= 0:
        raise _OutOfRangeError(f"must be positive, got {number}")
    return number


def _non_negative(convert: Callable[[str], float]) -> Callable[[str], float]:
    def converted(word: str) -> float:
        number = convert(word)
        if number < 0:
            raise _OutOfRangeError(f"must be non-negative, got {number}")
        return number

    return converted


def _or_none(convert: Callable[[str], Json]) -> Callable[[str], Json]:
    return lambda word: None if word == "None" else convert(word)


def _static_endpoint(word: str) -> str:
    if _STATIC_ENDPOINT.fullmatch(word) is None:
        raise ValueError(f"{word} is not three words separated by dots")
    return word


_CONVERTERS: Mapping[str, Callable[[str], Json]] = {
    "str": str,
    "int": int,
    "float": float,
    "json": parse_json,
    "object": _object,
    "object-with-sizes": _object_with_sizes,
    "json-or-str": _json_or_str,
    "bool-or-json": _bool_or_json,
    "size": vllm_size,
    "size-or-auto": _size_or_auto,
    "size-iec": _sglang_size,
    "word": _word,
    "positive-int": _positive_int,
    "non-negative-int": _non_negative(int),
    "non-negative-float": _non_negative(float),
    "int-or-none": _or_none(int),
    "float-or-none": _or_none(float),
    "static-endpoint": _static_endpoint,
}
TYPES = frozenset(_CONVERTERS)
