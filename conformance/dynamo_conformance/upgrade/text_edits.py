"""Edits of a manifest's text: what is not edited stays, byte for byte.

An edit says what it does to the values of the file. After all of them the text is read again: it
must say exactly the values that were to come out, and hold every comment that was there; if not,
nothing of it is taken.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias

import yaml

from dynamo_conformance.convert.source_text import SourceText
from dynamo_conformance.manifest.emitter import flow_text, one_line_text
from dynamo_conformance.manifest.errors import ManifestError
from dynamo_conformance.manifest.node import Mapping, Mark, Scalar, Sequence
from dynamo_conformance.manifest.yaml import parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from collections.abc import Mapping as MappingType

    from dynamo_conformance.manifest.node import Node, Plain

_BYTE_ORDER_MARK = "\ufeff"
_BESIDE = re.compile(r"[ \t]*(#.*)?\r?$")
_ODD_BREAK = re.compile("\r(?!\n)|[\x85\u2028\u2029]")


class EditError(Exception):
    """An edit that this text does not allow; the message says why, as a clause."""


@dataclass(frozen=True, slots=True)
class Replace:
    """Other words in a text: `old`, which stands in it once, becomes `new`.

    Attributes:
        mark: Where the text begins.
        old: What it says now, or a part of that.
        new: What is to stand there.
    """

    mark: Mark
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Remove:
    """One item of a list, or one key with its value, is no longer there.

    Attributes:
        mark: Where the item begins, or the key.
        is_key: Whether it is a key.
    """

    mark: Mark
    is_key: bool = False


@dataclass(frozen=True, slots=True)
class Insert:
    """Texts behind an item of a list, or a key with its value behind another one.

    Attributes:
        mark: Where the item begins, or the key.
        items: The texts, in order; of a key its name is the first, its value the second.
        is_key: Whether it is a key.
    """

    mark: Mark
    items: tuple[str, ...]
    is_key: bool = False


Edit: TypeAlias = Replace | Remove | Insert


def apply(text: str, edits: Iterable[Edit]) -> str:
    """Return the text after the edits.

    Raises:
        EditError: The text is written in a way in which that cannot be done safely.
    """
    wanted = _Wanted(edits)
    bare = text.removeprefix(_BYTE_ORDER_MARK)
    if _ODD_BREAK.search(bare):
        raise EditError("lines end in a way that is not edited")
    expected = [wanted.plain(root) for root in _roots(bare)]
    splices = _Splices(bare, wanted).all()
    edited = _spliced(bare, splices)
    if _said(edited) != [_canonical(root) for root in expected]:
        raise EditError("the way it is written hangs on other parts of the file")
    _keep_comments(bare, edited)
    return text[: len(text) - len(bare)] + edited


class _Indexed(Protocol):
    """A place of the YAML parser, whichever of its two it is."""

    @property
    def index(self) -> int:
        """Which character of the text."""


class _Wanted:
    """Edits by the place that they are about."""

    def __init__(self, edits: Iterable[Edit]) -> None:
        self.replaced: dict[Mark, list[Replace]] = {}
        self.removed: set[tuple[Mark, bool]] = set()
        self.inserted: dict[tuple[Mark, bool], list[Insert]] = {}
        for edit in dict.fromkeys(edits):
            if isinstance(edit, Replace):
                self.replaced.setdefault(edit.mark, []).append(edit)
            elif isinstance(edit, Remove):
                self.removed.add((edit.mark, edit.is_key))
            else:
                self.inserted.setdefault((edit.mark, edit.is_key), []).append(edit)

    def plain(self, node: Node) -> Plain:
        """Return what a node says after the edits."""
        if isinstance(node, Sequence):
            return [value for item in node for value in self._item(item)]
        if isinstance(node, Mapping):
            values: dict[str, Plain] = {}
            for entry in node:
                if (entry.mark, True) not in self.removed:
                    values[entry.key] = self.plain(entry.value)
                for insert in self.inserted.get((entry.mark, True), ()):
                    if insert.items[0] in node:
                        raise EditError(f"{insert.items[0]} is there already")
                    values[insert.items[0]] = insert.items[1]
            return values
        return self._scalar(node)

    def _item(self, item: Node) -> Iterator[Plain]:
        key = (item.mark, False)
        if key not in self.removed:
            yield self.plain(item)
        for insert in self.inserted.get(key, ()):
            yield from insert.items

    def _scalar(self, node: Scalar) -> Plain:
        value = node.value
        for edit in self.replaced.get(node.mark, ()):
            if not isinstance(value, str) or value.count(edit.old) != 1:
                raise EditError(f'"{edit.old}" stands there more than once, or not as text')
            value = value.replace(edit.old, edit.new)
        return value


class _Piece(NamedTuple):
    """An item of a list, or a key with its value, in the text.

    Attributes:
        mark: Where it begins.
        start: The index of its first character.
        end: The index behind its last one.
        is_key: Whether it is a key with its value.
        is_flow: Whether it stands in `[...]` or `{...}`.
    """

    mark: Mark
    start: int
    end: int
    is_key: bool
    is_flow: bool


class _Splice(NamedTuple):
    """What replaces a piece of the text."""

    start: int
    end: int
    new: str


class _Splices:
    """The changes of a text that edits ask for."""

    def __init__(self, text: str, wanted: _Wanted) -> None:
        self._text = text
        self._wanted = wanted
        self._scalars: dict[Mark, tuple[int, int]] = {}
        self._groups: list[list[_Piece]] = []
        self._read()

    def all(self) -> list[_Splice]:
        """Return them, in the order of the text."""
        splices = [splice for group in self._groups for splice in self._of_group(group)]
        for mark, edits in self._wanted.replaced.items():
            splices += self._replacements(mark, edits)
        return sorted(splices, key=lambda splice: (splice.start, splice.end))

    def _read(self) -> None:
        events = yaml.parse(self._text, Loader=yaml.CBaseLoader)
        for event in events:
            if isinstance(event, yaml.NodeEvent):
                self._node(event, events)

    def _node(self, event: yaml.Event, events: Iterator[yaml.Event]) -> int:
        """Read one value, and return the index behind it."""
        if isinstance(event, yaml.ScalarEvent):
            start, end = _index(event.start_mark), _index(event.end_mark)
            if event.style in ("|", ">"):  # Its end is where the next line begins.
                end = start + len(self._text[start:end].rstrip())
            self._scalars[_mark(event)] = (start, end)
            return end
        if not isinstance(event, yaml.CollectionStartEvent):
            return _index(event.end_mark)
        is_key = isinstance(event, yaml.MappingStartEvent)
        group: list[_Piece] = []
        self._groups.append(group)
        end = _index(event.end_mark)
        for inner in events:
            if isinstance(inner, yaml.CollectionEndEvent):
                return _index(inner.end_mark) if event.flow_style else end
            end = self._node(inner, events)
            if is_key:
                end = self._node(next(events), events)
            start = _index(inner.start_mark)
            group.append(_Piece(_mark(inner), start, end, is_key, bool(event.flow_style)))
        return end

    def _of_group(self, group: list[_Piece]) -> Iterator[_Splice]:
        """Yield what becomes of one list or mapping."""
        gone = [(piece.mark, piece.is_key) in self._wanted.removed for piece in group]
        at = 0
        while at < len(group):
            last = at
            while gone[at] and last + 1 < len(group) and gone[last + 1]:
                last += 1
            if gone[at] and group[at].is_flow:
                yield self._without_run(group, at, last)
            elif gone[at]:
                yield from (self._without_lines(piece) for piece in group[at : last + 1])
            at = last + 1
        yield from self._insertions(group, gone)

    def _insertions(self, group: list[_Piece], gone: list[bool]) -> Iterator[_Splice]:
        """Yield what comes behind pieces; behind one that is gone, behind the one before it."""
        kept: _Piece | None = None
        for piece, is_gone in zip(group, gone, strict=True):
            kept = kept if is_gone else piece
            for insert in self._wanted.inserted.get((piece.mark, piece.is_key), ()):
                if kept is None:
                    raise EditError("nothing is left before it")
                yield self._behind(kept, insert)

    def _without_run(self, group: list[_Piece], first: int, last: int) -> _Splice:
        if last + 1 < len(group):
            return self._cut(group[first].start, group[last + 1].start)
        if first:
            return self._cut(group[first - 1].end, group[last].end)
        return self._cut(group[first].start, group[last].end)

    def _cut(self, start: int, end: int) -> _Splice:
        return _Splice(start, end, "")

    def _without_lines(self, piece: _Piece) -> _Splice:
        """Take whole lines out; a comment beside the value stays on a line of its own."""
        start, indent = self._line_start(piece)
        end, beside = self._line_end(piece.end)
        if beside:
            return _Splice(start, end - len(beside), " " * len(indent))
        return _Splice(start, min(end + 1, len(self._text)), "")

    def _behind(self, piece: _Piece, insert: Insert) -> _Splice:
        is_json = self._text[piece.start : piece.start + 1] == '"'
        if piece.is_flow:
            write = _json if is_json else _flow
            texts = [write(item) for item in insert.items]
            new = [": ".join(texts)] if insert.is_key else texts
            return _Splice(piece.end, piece.end, "".join(f", {text}" for text in new))
        _start, indent = self._line_start(piece, is_first_allowed=insert.is_key)
        end, _beside = self._line_end(piece.end)
        texts = [one_line_text(item) for item in insert.items]
        head = " " * len(indent) if insert.is_key else indent
        lines = [": ".join(texts)] if insert.is_key else texts
        line_break = "\r\n" if self._text[end - 1 : end] == "\r" else "\n"
        at = end - (line_break == "\r\n")
        return _Splice(at, at, "".join(f"{line_break}{head}{line}" for line in lines))

    def _line_start(self, piece: _Piece, *, is_first_allowed: bool = False) -> tuple[int, str]:
        """Return where the line of a piece begins, and what stands before the piece in it."""
        start = self._text.rfind("\n", 0, piece.start) + 1
        before = self._text[start : piece.start]
        allowed = ("", "-") if is_first_allowed else ("",) if piece.is_key else ("-",)
        if before.strip(" ") not in allowed:
            raise EditError("it shares its line with something else")
        return start, before

    def _line_end(self, index: int) -> tuple[int, str]:
        """Return where a line ends, and the comment behind `index` in it."""
        end = self._text.find("\n", index)
        end = len(self._text) if end < 0 else end
        match = _BESIDE.match(self._text[index:end])
        if match is None:
            raise EditError("it shares its line with something else")
        return end, self._text[index + match.start(1) : end] if match[1] else ""

    def _replacements(self, mark: Mark, edits: list[Replace]) -> Iterator[_Splice]:
        if mark not in self._scalars:
            raise EditError("nobody wrote it there")
        start, end = self._scalars[mark]
        written = self._text[start:end]
        for edit in edits:
            if written.count(edit.old) != 1:
                raise EditError(f'"{edit.old}" stands there more than once, or in other words')
            at = start + written.index(edit.old)
            yield _Splice(at, at + len(edit.old), edit.new)


def _spliced(text: str, splices: list[_Splice]) -> str:
    pieces, at = [], 0
    for splice in splices:
        if splice.start < at:
            raise EditError("two edits touch the same words")
        pieces += [text[at : splice.start], splice.new]
        at = splice.end
    return "".join([*pieces, text[at:]])


def _roots(text: str) -> list[Node]:
    return list(parse(text, file=""))


def _said(text: str) -> list[str]:
    try:
        return [_canonical(root.plain()) for root in _roots(text)]
    except ManifestError as error:
        raise EditError("what comes out is no YAML") from error


def _canonical(value: Plain) -> str:
    """Return a value with the types that equality overlooks (1, 1.0 and true)."""
    return json.dumps(value, sort_keys=True)


def _keep_comments(before: str, after: str) -> None:
    """Refuse an edit with which a comment would be gone.

    Raises:
        EditError: One is.
    """
    if "#" not in before:
        return
    left = _comments(after)
    for text, count in _comments(before).items():
        if left.get(text, 0) < count:
            raise EditError(f"the comment {text} would be gone")


def _comments(text: str) -> MappingType[str, int]:
    counts: dict[str, int] = {}
    for comment in SourceText(text).comments:
        counts[comment.text] = counts.get(comment.text, 0) + 1
    counts.pop("", None)
    return counts


def _flow(text: str) -> str:
    written = flow_text(Scalar(text, text=text))
    # JSON is easier to read without a backslash before each quote.
    return f"'{text}'" if '\\"' in written and "'" not in text else written


def _json(text: str) -> str:
    return json.dumps(text)


def _index(mark: _Indexed | None) -> int:
    assert mark is not None  # noqa: S101 - parsed events have marks
    return mark.index


def _mark(event: yaml.Event) -> Mark:
    assert event.start_mark is not None  # noqa: S101 - parsed events have marks
    return Mark(event.start_mark.line + 1, event.start_mark.column + 1)
