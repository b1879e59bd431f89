"""YAML as Kubernetes reads it, into nodes with positions.

PyYAML's C parser makes the events; what a scalar means is decided here, and the rules are those of
the API server's own reader (measured on Kubernetes 1.34.4): `y`, `yes`, `on` and their opposites
are booleans, timestamps stay text, `017` is octal, a number that is whole is an integer, a repeated
key is an error, keys are text. What comes out is what JSON can say.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import yaml

from dynamo_conformance.manifest.errors import ManifestError
from dynamo_conformance.manifest.node import Entry, Mapping, Mark, Node, Scalar, Sequence
from dynamo_conformance.manifest.text_cache import kept

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_TEXT = 3 * 2**20
"""Characters of one document: the API server takes requests of 3 MiB, and stores half of that."""

MAX_VALUES = 75_000
"""Keys and values of one document, written or repeated by aliases; the largest CRD has 20,000."""

MAX_DEPTH = 100
"""Deeper than any Kubernetes object nests."""

_MAX_REPEATED = 0.99
_FEW, _FEW_REPEATED = 1000, 100
"""What kubectl's reader allows of a document to come from aliases, once there are that many."""

_TOO_DEEP = f"nested deeper than {MAX_DEPTH} levels"
_TOO_LARGE = f"larger than {MAX_TEXT // 2**20} MiB, which no API server takes"
_TOO_MANY = f"more than {MAX_VALUES} keys and values; no Kubernetes object has so many"

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE = ("y", "yes", "on", "true")
_FALSE = ("n", "no", "off", "false")
_BOOLS = {
    spelt: word in _TRUE
    for word in (*_TRUE, *_FALSE)
    for spelt in (word, word.capitalize(), word.upper())
}
_NUMERIC = re.compile(r"[-+.0-9]")
_INT = re.compile(r"[-+]?(?:0[bB][01]+|0[oO]?[0-7]+|0[xX][0-9a-fA-F]+|0|[1-9][0-9]*)$")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$")
_SPECIAL_FLOAT = re.compile(r"[-+]?\.(?:inf|Inf|INF)$|\.(?:nan|NaN|NAN)$")
_SIGNS = ("+", "-", ".")
"""How a special number begins."""

_INT64 = 1 << 63
_MAY_BE_ALIAS = re.compile(r"(?<![\w/.\"'])\*")
"""An alias follows space or a bracket, as `*` in `tcp://*:5557` and most of Kubernetes does not."""
_PLAIN = "plain"
_STR = "tag:yaml.org,2002:str"
_TEXT_TAGS = frozenset({"!", _STR, "tag:yaml.org,2002:binary"})


class LimitError(Exception):
    """A document beyond a limit.

    Attributes:
        reason: Which limit.
        mark: The place, when it is a node's.
    """

    def __init__(self, reason: str, mark: yaml.Mark | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.mark = mark


class _Composer(yaml.CBaseLoader):
    """PyYAML's C parser with no opinion on what a plain scalar means."""

    _depth = 0
    _count = 0

    def descend_resolver(self, parent: yaml.Node | None, _index: object) -> None:
        """Count nodes and levels: the C parser has no limit, and ends in a crash."""
        self._depth += 1
        self._count += 1
        if parent is None:
            self._count = 0
        elif self._depth > MAX_DEPTH + 1:
            raise LimitError(_TOO_DEEP, parent.start_mark)
        elif self._count > MAX_VALUES:
            raise LimitError(_TOO_MANY, parent.start_mark)

    def ascend_resolver(self) -> None:
        """Count the levels."""
        self._depth -= 1

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


def parse(text: str, *, file: str, line: int = 1, keys_as_written: bool = False) -> Iterator[Node]:
    """Yield the root node of each document in `text`; empty documents yield a null scalar.

    Args:
        text: The file's text; a byte order mark and CRLF are fine.
        file: The name to use in errors.
        line: The line of the file on which `text` begins.
        keys_as_written: Whether a key is its own text, as in files that are not for Kubernetes,
            instead of what JSON makes of it (`on` would be "true").

    Raises:
        ManifestError: The text is no YAML, repeats a key, or is beyond a limit.
    """
    try:
        for raw in _composed(text):
            yield _Reader(file, line, keys_as_written=keys_as_written).read(raw)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = Mark(mark.line + line, mark.column + 1) if mark else Mark(line, 1)
        raise ManifestError(file, at, _words(error, text, line)) from error
    except yaml.reader.ReaderError as error:
        raise ManifestError(file, _unreadable(text, error, line), _characters(error)) from error
    except yaml.YAMLError as error:
        raise ManifestError(file, Mark(line, 1), f"not YAML: {error}") from error
    except LimitError as error:
        at = Mark(error.mark.line + line, error.mark.column + 1) if error.mark else Mark(line, 1)
        raise ManifestError(file, at, error.reason) from error


def load_plain(text: str) -> object:
    """Return what a file says to programs that are not Kubernetes, which read it with PyYAML.

    Raises:
        LimitError: It is beyond a limit, such as an alias bomb.
        yaml.YAMLError: It is no YAML.
        ValueError: It holds a date that no calendar has.
    """
    for _raw in _composed(text):
        pass
    return yaml.load(text, Loader=yaml.CSafeLoader)


def _composed(text: str) -> Iterator[yaml.Node]:
    if len(text) > MAX_TEXT:
        raise LimitError(_TOO_LARGE)
    composer = _Composer(text.removeprefix("\ufeff"))
    while composer.check_node():
        raw = composer.get_node()
        if raw is not None:
            if "*" in text and _MAY_BE_ALIAS.search(text) is not None:
                _Expansion().check(raw)
            yield raw


def _words(error: yaml.MarkedYAMLError, text: str, line: int) -> str:
    """Return what the parser says, and what it does not: that it is a tab, and where it began."""
    mark, begun = error.problem_mark, error.context_mark
    if mark is not None and text.removeprefix("\ufeff")[mark.index : mark.index + 1] == "\t":
        return "not YAML: a tab; indent with spaces"
    problem = str(error.problem or error.context)
    if "nesting depth" in problem:  # Newer parsers have a limit of their own.
        return _TOO_DEEP
    if problem.startswith("mapping values are not allowed"):
        return (
            f"not YAML: {problem}; a line is indented deeper than the one before it, "
            'or a value with ": " in it needs quotes'
        )
    if begun is None or "end of stream" not in problem:
        return f"not YAML: {problem}"
    return f"not YAML: {problem}, {error.context} that begins in line {begun.line + line}"


def _unreadable(text: str, error: yaml.reader.ReaderError, line: int) -> Mark:
    """Return where the character stands that YAML does not allow."""
    character = chr(error.character) if isinstance(error.character, int) else ""
    before = text[: max(text.find(character), 0)]
    return Mark(line + before.count("\n"), len(before) - before.rfind("\n"))


def _characters(error: yaml.reader.ReaderError) -> str:
    code = error.character if isinstance(error.character, int) else 0
    return f"not YAML: control characters are not allowed, and this is U+{code:04X}"


class _Size(NamedTuple):
    """How large a node is with all that its aliases stand for.

    Attributes:
        values: Its keys and values.
        repeated: How many of them come from aliases.
        characters: The characters of its scalars.
        height: How many levels it has.
    """

    values: int = 1
    repeated: int = 0
    characters: int = 0
    height: int = 1


class _Expansion:
    """What a composed document becomes when every alias is replaced by what it stands for."""

    def __init__(self) -> None:
        self._sizes: dict[int, _Size] = {}
        self._open: set[int] = set()

    def check(self, root: yaml.Node) -> None:
        """Refuse an alias bomb before anybody expands it.

        Raises:
            LimitError: It is one.
        """
        size = self._size(root)
        is_large = size.values > _FEW and size.repeated > _FEW_REPEATED
        if is_large and size.repeated / size.values > _MAX_REPEATED:
            reason = f"{size.repeated} of {size.values} keys and values come from aliases"
            raise LimitError(f"{reason}, which kubectl refuses", root.start_mark)

    def _size(self, raw: yaml.Node) -> _Size:
        if isinstance(raw, yaml.ScalarNode):
            return _Size(characters=len(raw.value))
        if id(raw) in self._open:
            reason = "an alias (*) stands inside of what it stands for, so it never ends"
            raise LimitError(reason, raw.start_mark)
        if (known := self._sizes.get(id(raw))) is not None:
            return known._replace(values=known.values + 1, repeated=known.values)
        self._open.add(id(raw))
        inner = [self._size(child) for child in _children(raw)]
        self._open.remove(id(raw))
        size = _Size(
            values=1 + sum(event.values for event in inner),
            repeated=sum(event.repeated for event in inner),
            characters=sum(event.characters for event in inner),
            height=1 + max((event.height for event in inner), default=0),
        )
        _check_limits(size, raw)
        self._sizes[id(raw)] = size
        return size


def _children(raw: yaml.Node) -> Iterator[yaml.Node]:
    for child in raw.value:
        if isinstance(child, tuple):
            yield from child
        else:
            yield child


def _check_limits(size: _Size, raw: yaml.Node) -> None:
    if size.values > MAX_VALUES:
        raise LimitError(f"expands to {_TOO_MANY}", raw.start_mark)
    if size.characters > MAX_TEXT:
        raise LimitError(f"expands to a document {_TOO_LARGE}", raw.start_mark)
    if size.height > MAX_DEPTH + 1:
        raise LimitError(_TOO_DEEP, raw.start_mark)


class _Reader:
    """Turns one composed document into nodes; what an alias repeats is read once."""

    def __init__(self, file: str, line: int, *, keys_as_written: bool) -> None:
        self._file = file
        self._line = line
        self._keys_as_written = keys_as_written
        self._known: dict[int, Node] = {}

    def read(self, raw: yaml.Node) -> Node:
        if (known := self._known.get(id(raw))) is not None:
            return known
        mark = self._mark(raw)
        if isinstance(raw, yaml.ScalarNode):
            return self._scalar(raw, mark)
        node: Node
        if isinstance(raw, yaml.SequenceNode):
            node = Sequence(tuple(self.read(child) for child in raw.value), mark)
        else:
            assert isinstance(raw, yaml.MappingNode)  # noqa: S101 - YAML has these three kinds
            node = self._mapping(raw, mark)
        self._known[id(raw)] = node
        return node

    def _mark(self, raw: yaml.Node) -> Mark:
        at = raw.start_mark
        return Mark(at.line + self._line, at.column + 1)

    def _scalar(self, raw: yaml.ScalarNode, mark: Mark) -> Scalar:
        if raw.tag == _PLAIN and raw.value[:1] in _SIGNS and _SPECIAL_FLOAT.match(raw.value):
            reason = f'{raw.value} is a number that JSON cannot say; write "{raw.value}" in quotes'
            raise ManifestError(self._file, mark, reason)
        return Scalar(_meaning(raw), mark, raw.value)

    def _mapping(self, raw: yaml.MappingNode, mark: Mark) -> Mapping:
        entries: dict[str, Entry] = {}
        merged: dict[str, Entry] = {}
        for raw_key, raw_value in raw.value:
            key_mark = self._mark(raw_key)
            key = self._key(raw_key, key_mark)
            value = self.read(raw_value)
            if key == "<<" and raw_key.tag == _PLAIN:
                self._merge(merged, value, key_mark)
                continue
            if key in entries:
                first = entries[key].mark
                raise ManifestError(
                    self._file,
                    key_mark,
                    f'key "{key}" is already set in line {first.line}; keep one of them',
                )
            entries[key] = Entry(key, value, key_mark)
        return Mapping({**merged, **entries}, mark)

    def _key(self, raw: yaml.Node, mark: Mark) -> str:
        """Return a key as text, as JSON needs it: `1` is "1", and `on` is "true"."""
        if not isinstance(raw, yaml.ScalarNode):
            raise ManifestError(self._file, mark, "a key must be a single word")
        if self._keys_as_written or raw.tag in _TEXT_TAGS:
            return str(raw.value)
        value = self._scalar(raw, mark).value
        if isinstance(value, str):
            return value
        if value is None:
            reason = f'the key "{raw.value}" is null; write it in quotes'
            raise ManifestError(self._file, mark, reason)
        return str(value).lower() if isinstance(value, bool) else str(value)

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


@kept
def meaning_of_plain(text: str) -> bool | int | float | str | None:
    """Return what `text` means when it is written without quotes."""
    if text in _NULLS:
        return None
    if text in _BOOLS:
        return _BOOLS[text]
    return _number(text) if _NUMERIC.match(text) else text


def _number(text: str) -> int | float | str:
    """Return a number, whole ones as integers if 64 bits hold them, or the text that it is."""
    digits = text.replace("_", "")
    if _INT.match(digits):
        try:
            value = _integer(digits)
            return value if -_INT64 <= value < _INT64 else float(value)
        except (OverflowError, ValueError):
            # No float is that large, or it has more digits than Python converts.
            return text
    # After a dot the API server's reader knows no underscores.
    if not _FLOAT.match(text if text.startswith(".") else digits):
        return text
    fraction = float(digits)
    if fraction in (float("inf"), float("-inf")):
        return text
    whole = fraction.is_integer() and -_INT64 <= fraction < _INT64
    return int(fraction) if whole else fraction


def _integer(digits: str) -> int:
    sign = -1 if digits.startswith("-") else 1
    digits = digits.lstrip("+-").lower()
    if len(digits) > 1 and digits[0] == "0" and digits[1].isdigit():
        return sign * int(digits, 8)
    return sign * int(digits, 0)
