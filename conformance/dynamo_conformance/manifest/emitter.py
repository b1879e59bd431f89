"""Nodes to YAML text that `dynamo_conformance.manifest.yaml` reads back to the same nodes.

What could be read as something else by any reader of YAML is quoted: `yes`, `1`, dates. A `Layout`
says what surrounded a value in the text it came from; without one, the text is plain block style.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from dynamo_conformance.manifest.node import Mapping, Scalar, Sequence
from dynamo_conformance.manifest.yaml import meaning_of_plain

if TYPE_CHECKING:
    from dynamo_conformance.manifest.node import Mark, Node

WIDTH = 100
"""A list or mapping that was written in one line stays there up to this width."""

LONGEST_KEY = 1000
"""A longer key needs a `?` before it; YAML's own limit is 1024 with all that belongs to it."""

_PLAIN = re.compile(r"[^\s\-?:,\[\]{}#&*!|>'\"%@`=~]|-[^\s,\[\]{}]|[?:][^\s,\[\]{}]")
_LOOKS_LIKE_MORE = re.compile(
    r"(?i:y|n|yes|no|on|off|true|false|null|<<)$"
    r"|[-+]?[0-9][0-9_,.:]*(?:[eE][-+]?[0-9]*)?$|[-+]?\.(?i:inf|nan)$"
    r"|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}|---|\.\.\."
)
_UNPRINTABLE = re.compile(
    "[^\t\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r", "\0": "\\0"}


@dataclass(frozen=True, slots=True)
class Remarks:
    """The comments around a value, without indentation; an empty line is a blank one.

    Attributes:
        above: Lines above it.
        beside: The comment at the end of its line.
        below: Lines below it that belong to it.
    """

    above: tuple[str, ...] = ()
    beside: str = ""
    below: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class YamlLayout:
    """What surrounded values where they were written, by their marks.

    Attributes:
        remarks: Comments, by the mark of the value they belong to.
        written: A scalar, and the lines in which it was written.
        in_line: Lists and mappings that were written in one line.
        is_compact: Whether a list's dashes stand below the first letter of its key.
    """

    remarks: dict[Mark, Remarks] = field(default_factory=dict)
    written: dict[Mark, tuple[Scalar, tuple[str, ...]]] = field(default_factory=dict)
    in_line: dict[Mark, Node] = field(default_factory=dict)
    is_compact: bool = False


def emit(root: Node, layout: YamlLayout | None = None) -> str:
    """Return `root` as the text of one document, without a separator."""
    emitter = _Emitter(layout or YamlLayout())
    emitter.document(root)
    return "".join(f"{line}\n" for line in emitter.lines)


class _Emitter:
    """Writes lines; each remark is used once, where its value first comes up."""

    def __init__(self, layout: YamlLayout) -> None:
        self._layout = layout
        self._remarks = dict(layout.remarks)
        self.lines: list[str] = []

    def document(self, root: Node) -> None:
        around = self._take(root.mark)
        self._comment(around.above, 0)
        self._comment((around.beside,) if around.beside else (), 0)
        if isinstance(root, Scalar):
            self._attach("", self._scalar(root, 0), "")
        elif not len(root):
            self.lines.append(_empty(root))
        elif isinstance(root, Sequence):
            self._sequence(root, 0)
        else:
            self._mapping(root, 0)
        self._comment(around.below, 0)

    def _mapping(self, node: Mapping, indent: int) -> None:
        for index, entry in enumerate(node):
            around = _joined(self._take(entry.mark), self._take(entry.value.mark))
            self._comment(around.above if index else _without_blanks(around.above), indent)
            head = self._head(_key(entry.key), indent)
            is_list = isinstance(entry.value, Sequence)
            inner = indent if is_list and self._layout.is_compact else indent + 2
            self._value(head, entry.value, inner, around.beside)
            self._comment(around.below, indent)

    def _head(self, key: str, indent: int) -> str:
        """Return how the line of a value begins; a key too long to stand beside it is written."""
        pad = " " * indent
        if len(key) <= LONGEST_KEY:
            return f"{pad}{key}:"
        self.lines.append(f"{pad}? {key}")
        return f"{pad}:"

    def _value(self, head: str, node: Node, indent: int, beside: str) -> None:
        if isinstance(node, Scalar):
            # A text continues deeper than its key, also where lists do not.
            self._attach(head, self._scalar(node, indent), beside)
        elif (line := self._one_line(node, len(head))) is not None:
            self._attach(head, (line,), beside)
        else:
            self._attach(head, (), beside)
            if isinstance(node, Sequence):
                self._sequence(node, indent)
            else:
                self._mapping(node, indent)

    def _sequence(self, node: Sequence, indent: int) -> None:
        for index, item in enumerate(node):
            around = self._take(item.mark)
            if not index:
                around = replace(around, above=_without_blanks(around.above))
            head = f"{' ' * indent}-"
            if isinstance(item, Scalar):
                self._comment(around.above, indent)
                self._attach(head, self._scalar(item, indent + 2), around.beside)
            elif (line := self._one_line(item, len(head))) is not None:
                self._comment(around.above, indent)
                self._attach(head, (line,), around.beside)
            else:
                beside = (around.beside,) if around.beside else ()
                self._comment((*around.above, *beside), indent)
                self._nested(item, indent)
            self._comment(around.below, indent)

    def _nested(self, item: Mapping | Sequence, indent: int) -> None:
        """Write a mapping or list as an item: its first line stands beside the dash."""
        self._comment(self._taken_above_first(item), indent)
        start = len(self.lines)
        if isinstance(item, Mapping):
            self._mapping(item, indent + 2)
        else:
            self._sequence(item, indent + 2)
        self.lines[start] = f"{' ' * indent}- {self.lines[start][indent + 2 :]}"

    def _taken_above_first(self, node: Node) -> tuple[str, ...]:
        """Take the comments above the first thing in `node`; they would tear it from its dash."""
        lines: list[str] = []
        first = node
        while isinstance(first, Mapping | Sequence) and len(first):
            marks: tuple[Mark, ...]
            if isinstance(first, Mapping):
                entry = next(iter(first))
                marks, first = (entry.mark, entry.value.mark), Scalar(None)
            else:
                first = first.items[0]
                marks = (first.mark,)
            for mark in marks:
                around = self._take(mark)
                lines += around.above
                self._remarks[mark] = replace(around, above=())
        return _without_blanks(tuple(lines))

    def _attach(self, head: str, lines: tuple[str, ...], beside: str) -> None:
        whole = list(lines) or [""]
        whole[0] = f"{head} {whole[0]}" if head and whole[0] else f"{head}{whole[0]}"
        # Only a block text takes a comment in its first line.
        at = 0 if lines and lines[0][:1] in ("|", ">") else -1
        whole[at] += f"  {beside}" if beside else ""
        self.lines.extend(whole)

    def _comment(self, lines: tuple[str, ...], indent: int) -> None:
        self.lines.extend(f"{' ' * indent}{line}" if line else "" for line in lines)

    def _scalar(self, node: Scalar, indent: int) -> tuple[str, ...]:
        """Return the lines of a value; those after the first are indented."""
        lines = self._as_written(node) or _canonical(node)
        pad = " " * indent
        return (lines[0], *(f"{pad}{line}" if line else "" for line in lines[1:]))

    def _as_written(self, node: Scalar) -> tuple[str, ...] | None:
        written = self._layout.written.get(node.mark)
        if written is None or not _is_same(written[0], node):
            return None
        return written[1]

    def _one_line(self, node: Mapping | Sequence, column: int) -> str | None:
        if not len(node):
            return _empty(node)
        was = self._layout.in_line.get(node.mark)
        # What is too long for a line is not looked at once for each level that it is in.
        if was is None or _values(node, most=WIDTH) > WIDTH:
            return None
        if was != node or self._has_remarks_below(node):
            return None
        line = self._flow(node)
        return line if line is not None and column + 1 + len(line) <= WIDTH else None

    def _flow(self, node: Node) -> str | None:
        if isinstance(node, Scalar):
            lines = self._as_written(node)
            if lines is not None and len(lines) == 1 and lines[0][:1] in ("'", '"'):
                return lines[0]
            return flow_text(node)
        if isinstance(node, Sequence):
            items = [self._flow(item) for item in node]
            return None if None in items else f"[{', '.join(filter(None, items))}]"
        pairs = [(entry.key, self._flow(entry.value)) for entry in node]
        if any(text is None for _key_text, text in pairs):
            return None
        return f"{{{', '.join(f'{_key(key, in_flow=True)}: {text}' for key, text in pairs)}}}"

    def _has_remarks_below(self, node: Mapping | Sequence) -> bool:
        """Whether something inside has a comment, which needs a line of its own."""
        for child in _children(node):
            if self._remarks.get(child.mark, Remarks()) != Remarks():
                return True
            if not isinstance(child, Scalar) and self._has_remarks_below(child):
                return True
        return False

    def _take(self, mark: Mark) -> Remarks:
        return self._remarks.pop(mark, Remarks())


def _children(node: Mapping | Sequence) -> tuple[Node, ...]:
    return tuple(item.value for item in node) if isinstance(node, Mapping) else node.items


def _values(node: Node, *, most: int) -> int:
    """Return how many values there are in `node`, counted up to a little more than `most`."""
    count = 1
    if not isinstance(node, Scalar):
        for child in _children(node)[: most + 1]:
            count += _values(child, most=most - count)
            if count > most:
                break
    return count


def _joined(one: Remarks, other: Remarks) -> Remarks:
    beside = "  ".join(text for text in (one.beside, other.beside) if text)
    return Remarks((*one.above, *other.above), beside, (*one.below, *other.below))


def _without_blanks(lines: tuple[str, ...]) -> tuple[str, ...]:
    """Return comments without the blank lines before them: nothing stands above a first value."""
    start = next((index for index, line in enumerate(lines) if line), len(lines))
    return lines[start:]


def _is_same(one: Scalar, other: Scalar) -> bool:
    return type(one.value) is type(other.value) and one.value == other.value


def _empty(node: Mapping | Sequence) -> str:
    return "{}" if isinstance(node, Mapping) else "[]"


def _key(key: str, *, in_flow: bool = False) -> str:
    return flow_text(Scalar(key)) if in_flow else one_line_text(key)


def flow_text(node: Scalar) -> str:
    """Return a value as it is written inside of `[...]` or `{...}`."""
    if isinstance(node.value, str):
        is_risky = any(c in node.value for c in ",[]{}?")
        return _quoted(node.value) if is_risky else one_line_text(node.value)
    return _canonical(node)[0]


def _canonical(node: Scalar) -> tuple[str, ...]:
    value = node.value
    if isinstance(value, str):
        return _block(value) or (one_line_text(value),)
    if value is None:
        return ("null",)
    if isinstance(value, bool):
        return ("true" if value else "false",)
    if isinstance(value, float):
        return (_float(value),)
    return (str(value),)


def _float(value: float) -> str:
    text = repr(value)
    return {"inf": ".inf", "-inf": "-.inf", "nan": ".nan"}.get(text, text)


def _block(text: str) -> tuple[str, ...] | None:
    """Return a text of several lines as a literal block, when that can hold it."""
    body = text.removesuffix("\n")
    lines = body.split("\n")
    first = next((line for line in lines if line), "")
    if (
        "\n" not in text
        or _UNPRINTABLE.search(text)
        or body.endswith("\n")
        or not first
        or first[0] in " \t"
        or not lines[-1].strip()
    ):
        return None
    return ("|" if text.endswith("\n") else "|-", *lines)


def one_line_text(text: str) -> str:
    """Return a text as it is written in one line, in quotes where it would mean something else."""
    if _is_safely_plain(text):
        return text
    if '"' in text or "\\" in text:
        is_simple = not _UNPRINTABLE.search(text) and not any(c in text for c in "'\n\t")
        if is_simple:
            return f"'{text}'"
    return _quoted(text)


def _is_safely_plain(text: str) -> bool:
    return (
        _PLAIN.match(text) is not None
        and text == text.strip()
        and not any(part in text for part in (": ", " #", "\n", "\t"))
        and not text.endswith(":")
        and not _UNPRINTABLE.search(text)
        and not _LOOKS_LIKE_MORE.match(text)
        and meaning_of_plain(text) == text
    )


def _quoted(text: str) -> str:
    return f'"{"".join(_escaped(c) for c in text)}"'


def _escaped(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    if not _UNPRINTABLE.match(char):
        return char
    code = ord(char)
    if code <= 0xFF:  # noqa: PLR2004 - the widths of YAML's three escapes
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004
