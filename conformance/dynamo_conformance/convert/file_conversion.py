"""A file with its graphs in the other version; all else stays as it is, byte for byte."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING

from dynamo_conformance.convert.converter import convert
from dynamo_conformance.convert.reasons import reason
from dynamo_conformance.convert.source_text import SourceText
from dynamo_conformance.manifest.document import VERSIONS, read_documents
from dynamo_conformance.manifest.node import path_text
from dynamo_conformance.manifest.read import read_graph

if TYPE_CHECKING:
    from dynamo_conformance.convert.converter import Conversion
    from dynamo_conformance.manifest.node import Mark

_MARKER = re.compile(r"---(?:\s|$)")
_END = re.compile(r"\.\.\.(?:\s|$)")
_BYTE_ORDER_MARK = "\ufeff"


@dataclass(frozen=True, slots=True)
class Loss:
    """One thing that was not carried over.

    Attributes:
        mark: Where it was written.
        path: The field, as the API writes paths.
        why: Why not, and what to do by hand.
    """

    mark: Mark
    path: str
    why: str


@dataclass(frozen=True, slots=True)
class Converted:
    """A file after the conversion.

    Attributes:
        text: All of its text.
        losses: What was not carried over, in the order of the file.
        graphs: How many DynamoGraphDeployments it holds, converted or in that version already.
    """

    text: str
    losses: tuple[Loss, ...]
    graphs: int


def convert_text(text: str, *, file: str, version: str) -> Converted:
    """Return a file's text with every DynamoGraphDeployment in `version`.

    Raises:
        ManifestError: It cannot be read, or a graph in it cannot be said in `version`.
    """
    documents = tuple(read_documents(text, file=file))
    graphs = [graph for graph in documents if graph.version is not None]
    wanted = [graph for graph in graphs if graph.version != version]
    for document in wanted:
        if document.version not in VERSIONS:
            read_graph(document)  # raises, with the words for an unknown version
    if not wanted:
        return Converted(text, (), len(graphs))
    source = SourceText(text.removeprefix(_BYTE_ORDER_MARK))
    pieces: list[str] = [_BYTE_ORDER_MARK] if text.startswith(_BYTE_ORDER_MARK) else []
    losses: list[Loss] = []
    for first, last in _segments(source):
        inside = [graph for graph in wanted if first <= graph.root.mark.line <= last]
        if not inside:
            pieces.append(_slice(source, first, last))
            continue
        conversion = convert(inside[0], version)
        losses += _losses(conversion, version)
        pieces.append(_rewritten(conversion, source, first, last))
    return Converted("".join(pieces), tuple(losses), len(graphs))


def _losses(conversion: Conversion, version: str) -> list[Loss]:
    return [
        Loss(value.mark, path_text(value.path), reason(value.path, version))
        for value in conversion.left_behind
    ]


def _rewritten(conversion: Conversion, source: SourceText, first: int, last: int) -> str:
    """Return the text of one segment with its document converted; separators stay."""
    newline = source.breaks[0] if source.breaks else "\n"
    before = after = ""
    if _MARKER.match(source.lines[first - 1]):
        is_shared = conversion.root.mark.line == first
        before = f"---{newline}" if is_shared else _slice(source, first, first)
        first += 0 if is_shared else 1
    if _END.match(source.lines[last - 1]):
        after = _slice(source, last, last)
        last -= 1
    comments = [comment for comment in source.comments if first <= comment.mark.line <= last]
    body = conversion.text(source, comments)
    return before + body.replace("\n", newline) + after


def _segments(source: SourceText) -> list[tuple[int, int]]:
    """Return first and last line of each document with the separators that belong to it."""
    segments: list[tuple[int, int]] = []
    first = 1
    for number, line in enumerate(source.lines, start=1):
        if number > first and _MARKER.match(line):
            segments.append((first, number - 1))
            first = number
        if _END.match(line):
            segments.append((first, number))
            first = number + 1
    if first <= len(source.lines):
        segments.append((first, len(source.lines)))
    return segments


def _slice(source: SourceText, first: int, last: int) -> str:
    """Return lines as they are, with what ends them."""
    pairs = zip_longest(
        source.lines[first - 1 : last], source.breaks[first - 1 : last], fillvalue=""
    )
    return "".join(f"{line}{end}" for line, end in pairs)
