"""The text of a file: where its values begin and end, and its comments.

libyaml gives the place of each value; a `#` outside of all values begins a comment.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import yaml

from dynamo_conformance.manifest.node import Mapping, Mark, Scalar, Sequence

if TYPE_CHECKING:
    from dynamo_conformance.manifest.node import Node

_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
"""What ends a line for libyaml."""

_COMMENT = re.compile(r"(?:^|(?<=\s))#")
_BLOCK = ("|", ">")
_BLANK_LINES = 20
"""More than anybody leaves to set things apart."""


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment, or a blank line.

    Attributes:
        mark: Where it begins.
        text: From its `#` on; empty for a blank line.
        is_alone: Whether nothing else stands in its line.
    """

    mark: Mark
    text: str
    is_alone: bool


@dataclass(frozen=True, slots=True)
class Span:
    """A value from its first character up to `end`, both with lines and columns from 1."""

    start: Mark
    end: Mark
    style: str = ""
    is_flow: bool = False


class SourceText:
    """The lines of a file with spans of values and comments.

    Attributes:
        lines: The lines, without what ends them.
        breaks: What ended each line; the last one may have ended without.
    """

    def __init__(self, text: str) -> None:
        self.breaks = [match.group() for match in _BREAK.finditer(text)]
        self.lines = _BREAK.split(text)
        self._scalars: dict[Mark, Span] = {}
        self._collections: dict[tuple[type[Node], Mark], Span] = {}
        self._text = text
        self._read()

    def lines_of(self, node: Scalar) -> tuple[str, ...] | None:
        """Return how `node` was written, its later lines without indentation.

        None when nobody wrote it, or when its meaning hangs on the lines around it.
        """
        span = self._scalars.get(node.mark)
        if span is None or span.start == span.end:
            return None
        if span.style in _BLOCK:
            return self._block_lines(span)
        first, last = span.start.line - 1, span.end.line - 1
        if self.lines[first][span.start.column - 1] in "&!*":
            return None
        if first == last:
            return (self.lines[first][span.start.column - 1 : span.end.column - 1],)
        between = [line.lstrip(" \t") for line in self.lines[first + 1 : last]]
        closing = self.lines[last][: span.end.column - 1].lstrip(" \t")
        return (self.lines[first][span.start.column - 1 :], *between, closing)

    def in_one_line(self, node: Node) -> bool:
        """Whether a list or mapping was written as `[...]` or `{...}` in one line."""
        span = self._collections.get((type(node), node.mark))
        return span is not None and span.is_flow and span.start.line == span.end.line

    def is_inside_one_line(self, mark: Mark) -> bool:
        """Whether something stands inside a `[...]` or `{...}` of one line."""
        spans = self._flows.get(mark.line, [])
        at = bisect_left(spans, mark, key=lambda span: span.start) - 1
        return at >= 0 and mark < spans[at].end

    @cached_property
    def comments(self) -> tuple[Comment, ...]:
        """All comments and blank lines, in order; of many blank lines in a row the first ones."""
        texts = []
        blank = 0
        for number, line in enumerate(self._without_values(), start=1):
            blank = 0 if line.strip() else blank + 1
            if blank > _BLANK_LINES:
                continue
            if line.startswith(("---", "...", "%")):
                continue
            at = _COMMENT.search(line)
            if at is not None:
                is_alone = not line[: at.start()].strip()
                text = self.lines[number - 1][at.start() :].rstrip()
                texts.append(Comment(Mark(number, at.start() + 1), text, is_alone))
            elif not line.strip() and number <= len(self.breaks):
                texts.append(Comment(Mark(number, 1), "", is_alone=True))
        return tuple(texts)

    @cached_property
    def _flows(self) -> dict[int, list[Span]]:
        """The outermost lists and mappings of one line, by line and in order."""
        by_line: dict[int, list[Span]] = {}
        for span in sorted(self._collections.values(), key=lambda span: span.start):
            if span.is_flow and span.start.line == span.end.line:
                spans = by_line.setdefault(span.start.line, [])
                if not spans or spans[-1].end <= span.start:
                    spans.append(span)
        return by_line

    def _read(self) -> None:
        opened: list[tuple[type[Node], yaml.Event]] = []
        for event in yaml.parse(self._text, Loader=yaml.CBaseLoader):
            if isinstance(event, yaml.ScalarEvent):
                span = _span(event, event, style=event.style or "")
                self._scalars[span.start] = span
            elif isinstance(event, yaml.MappingStartEvent):
                opened.append((Mapping, event))
            elif isinstance(event, yaml.SequenceStartEvent):
                opened.append((Sequence, event))
            elif isinstance(event, yaml.CollectionEndEvent):
                kind, start = opened.pop()
                span = _span(start, event, is_flow=bool(getattr(start, "flow_style", False)))
                self._collections[kind, span.start] = span

    def _block_lines(self, span: Span) -> tuple[str, ...] | None:
        header = self.lines[span.start.line - 1][span.start.column - 1 :]
        header = _COMMENT.split(header)[0].strip()
        if header not in ("|", "|-", ">", ">-"):
            return None
        body = self.lines[span.start.line : self._last_of_block(span)]
        indents = [len(line) - len(line.lstrip(" ")) for line in body if line.strip(" ")]
        if not indents:
            return None
        return (header, *(line[indents[0] :] for line in body))

    def _last_of_block(self, span: Span) -> int:
        """Return the number of the last line of a block text that is not blank."""
        last = span.end.line if span.end.column > 1 else span.end.line - 1
        while last > span.start.line and not self.lines[last - 1].strip():
            last -= 1
        return last

    def _without_values(self) -> list[str]:
        """Return the lines with every value painted over."""
        painted = list(self.lines)
        parts: dict[int, list[tuple[int, int]]] = {}
        for span in self._scalars.values():
            first, last = span.start.line, span.end.line
            if span.style in _BLOCK:
                last = self._last_of_block(span)
                painted[first:last] = ["x"] * (last - first)
                continue
            for number in range(first, last + 1):
                start = span.start.column - 1 if number == first else 0
                end = span.end.column - 1 if number == last else len(self.lines[number - 1])
                parts.setdefault(number, []).append((start, end))
        for number, spans in parts.items():
            painted[number - 1] = _painted(painted[number - 1], spans)
        return painted


def _painted(line: str, spans: list[tuple[int, int]]) -> str:
    """Return a line with spans of it, in order, painted over."""
    pieces, at = [], 0
    for start, end in spans:
        pieces += [line[at:start], "x" * (end - start)]
        at = end
    return "".join([*pieces, line[at:]])


def _span(start: yaml.Event, end: yaml.Event, *, style: str = "", is_flow: bool = False) -> Span:
    assert start.start_mark is not None  # noqa: S101 - parsed events have both
    assert end.end_mark is not None  # noqa: S101 - parsed events have both
    return Span(
        Mark(start.start_mark.line + 1, start.start_mark.column + 1),
        Mark(end.end_mark.line + 1, end.end_mark.column + 1),
        style,
        is_flow,
    )
