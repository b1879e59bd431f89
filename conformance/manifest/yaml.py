"""YAML as Kubernetes reads it, into nodes with positions.

The rules differ from YAML 1.1 in what people trip over: `yes`, `no`, `on`, `off` and timestamps
stay strings, a repeated key is an error, keys are strings. PyYAML's C parser makes the events; what
the scalars mean is decided here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import yaml

from conformance.manifest.errors import ManifestError
from conformance.manifest.node import Entry, Mapping, Mark, Node, Scalar, Sequence

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_NODES = 500_000
"""More values than any manifest holds; a file that expands beyond it is an alias bomb."""

MAX_DEPTH = 100
"""Deeper than any Kubernetes object nests."""

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLS = {
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_INT = re.compile(r"[-+]?(?:0b[01_]+|0o[0-7_]+|0x[0-9a-fA-F_]+|[0-9][0-9_]*)$")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$")
_SPECIAL_FLOATS = {
    ".inf": float("inf"), ".Inf": float("inf"), ".INF": float("inf"),
    "+.inf": float("inf"), "+.Inf": float("inf"), "+.INF": float("inf"),
    "-.inf": float("-inf"), "-.Inf": float("-inf"), "-.INF": float("-inf"),
    ".nan": float("nan"), ".NaN": float("nan"), ".NAN": float("nan"),
}  # fmt: skip
_PLAIN = "plain"
_STR = "tag:yaml.org,2002:str"
_TEXT_TAGS = frozenset({"!", _STR, "tag:yaml.org,2002:binary"})


class _Composer(yaml.CBaseLoader):
    """PyYAML's C parser with no opinion on what a plain scalar means."""

    def resolve(
        self,
        kind: type[yaml.Node],
        _value: str | None,
        implicit: tuple[bool, bool] | bool,  # noqa: FBT001 - PyYAML's signature
    ) -> str:
        """Tell a scalar without quotes and tag from one that was said to be text."""
        if kind is yaml.ScalarNode:
            return _PLAIN if isinstance(implicit, tuple) and implicit[0] else _STR
        return ""


def parse(text: str, *, file: str) -> Iterator[Node]:
    """Yield the root node of each document in `text`; empty documents yield a null scalar.

    Args:
        text: The file's text; a byte order mark and CRLF are fine.
        file: The name to use in errors.

    Raises:
        ManifestError: The text is no YAML, repeats a key, or expands beyond all bounds.
    """
    composer = _Composer(text.removeprefix("\ufeff"))
    try:
        while composer.check_node():
            raw = composer.get_node()
            if raw is not None:
                yield _Reader(file).read(raw, depth=0)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = Mark(mark.line + 1, mark.column + 1) if mark else Mark(1, 1)
        raise ManifestError(file, at, f"not YAML: {error.problem or error.context}") from error
    except yaml.YAMLError as error:
        raise ManifestError(file, Mark(1, 1), f"not YAML: {error}") from error
    except RecursionError as error:
        reason = f"nested deeper than {MAX_DEPTH} levels"
        raise ManifestError(file, Mark(1, 1), reason) from error


class _Reader:
    """Turns one composed document into nodes, counting what aliases expand to."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._count = 0

    def read(self, raw: yaml.Node, *, depth: int) -> Node:
        mark = Mark(raw.start_mark.line + 1, raw.start_mark.column + 1)
        self._count += 1
        if self._count > MAX_NODES:
            raise ManifestError(self._file, mark, f"expands to more than {MAX_NODES} values")
        if depth > MAX_DEPTH:
            raise ManifestError(self._file, mark, f"nested deeper than {MAX_DEPTH} levels")
        if isinstance(raw, yaml.ScalarNode):
            return Scalar(_meaning(raw), mark, raw.value)
        if isinstance(raw, yaml.SequenceNode):
            return Sequence(tuple(self.read(item, depth=depth + 1) for item in raw.value), mark)
        assert isinstance(raw, yaml.MappingNode)  # noqa: S101 - YAML has these three kinds
        return self._mapping(raw, mark, depth)

    def _mapping(self, raw: yaml.MappingNode, mark: Mark, depth: int) -> Mapping:
        entries: dict[str, Entry] = {}
        merged: dict[str, Entry] = {}
        for raw_key, raw_value in raw.value:
            key_mark = Mark(raw_key.start_mark.line + 1, raw_key.start_mark.column + 1)
            if not isinstance(raw_key, yaml.ScalarNode):
                raise ManifestError(self._file, key_mark, "a key must be a single word")
            value = self.read(raw_value, depth=depth + 1)
            if raw_key.value == "<<" and raw_key.tag == _PLAIN:
                self._merge(merged, value, key_mark)
                continue
            if raw_key.value in entries:
                first = entries[raw_key.value].mark
                raise ManifestError(
                    self._file,
                    key_mark,
                    f'key "{raw_key.value}" is already set in line {first.line}; keep one of them',
                )
            entries[raw_key.value] = Entry(raw_key.value, value, key_mark)
        return Mapping({**merged, **entries}, mark)

    def _merge(self, merged: dict[str, Entry], value: Node, mark: Mark) -> None:
        sources = value.items if isinstance(value, Sequence) else (value,)
        for source in sources:
            if not isinstance(source, Mapping):
                raise ManifestError(self._file, mark, "a merge key (<<) takes a mapping")
            for entry in source:
                merged.setdefault(entry.key, entry)


def _meaning(raw: yaml.ScalarNode) -> bool | int | float | str | None:
    """Return what a scalar means to Kubernetes: only plain ones can be other than text."""
    text: str = raw.value
    return text if raw.tag in _TEXT_TAGS else meaning_of_plain(text)


def meaning_of_plain(text: str) -> bool | int | float | str | None:
    """Return what `text` means when it is written without quotes."""
    if text in _NULLS:
        return None
    if text in _BOOLS:
        return _BOOLS[text]
    if text in _SPECIAL_FLOATS:
        return _SPECIAL_FLOATS[text]
    if _INT.match(text):
        return _integer(text)
    if _FLOAT.match(text):
        return float(text)
    return text


def _integer(text: str) -> int | float | str:
    digits = text.replace("_", "")
    sign = -1 if digits.startswith("-") else 1
    digits = digits.lstrip("+-")
    try:
        if digits[:2] in ("0b", "0o", "0x"):
            value = int(digits, 0)
        elif len(digits) > 1 and digits.startswith("0"):
            value = int(digits, 8)
        else:
            value = int(digits, 10)
    except ValueError:
        # Like 089: no octal number, so Kubernetes reads it as a decimal fraction would be read.
        return float(digits) * sign if digits.isdigit() else text
    return sign * value
