"""Whose comment is it: each comment of a document goes to the value that it stands with.

A comment at the end of a line belongs to what begins in that line. One in a line of its own belongs
to what follows, unless it is indented deeper than that: then it closes what it is indented like.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from typing import TYPE_CHECKING

from dynamo_conformance.manifest.emitter import Remarks

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dynamo_conformance.convert.source_text import Comment, SourceText
    from dynamo_conformance.convert.value_tracking import Numbering, ValueOrigin

_ITEM = re.compile(r"#\s*- ")

DOCUMENT = 1
"""The number of a document's root, which holds what stands above and below all of it."""


class Comments:
    """Comments by the number of the value that they belong to."""

    def __init__(self, numbering: Numbering, source: SourceText) -> None:
        self._anchors = _anchors(numbering, source)
        self._begins = [anchor.begin for anchor in self._anchors]
        self._above: dict[int, list[str]] = {}
        self._beside: dict[int, list[str]] = {}
        self._below: dict[int, list[str]] = {}

    def add(self, comments: Iterable[Comment]) -> None:
        """Give each comment to its value; they come in the order of the file."""
        waiting: list[Comment] = []
        for comment in comments:
            if comment.is_alone:
                if waiting and self._next(waiting[-1]) is not self._next(comment):
                    self._stand_alone(waiting)
                    waiting = []
                waiting.append(comment)
            else:
                owner = self._owner_beside(comment)
                self._beside.setdefault(owner, []).append(comment.text)
        self._stand_alone(waiting)

    def moved(self, numbering: Numbering, present: set[int], gone: set[int]) -> dict[int, Remarks]:
        """Return the remarks by numbers that are `present` in the converted tree.

        What belongs to a value that was only reshaped goes to the nearest one that is left; what
        belongs to a value that is gone goes with it.
        """
        places: dict[int, Remarks] = {}
        for number in sorted({*self._above, *self._beside, *self._below}):
            if number in gone:
                continue
            place = _place(number, numbering, present)
            was = places.get(place, Remarks())
            mine = self._remarks(number)
            if place != number:
                above = (*mine.above, *([mine.beside] if mine.beside else []), *mine.below)
                mine = Remarks(above=above if any(above) else ())
            places[place] = Remarks(
                (*was.above, *mine.above),
                "  ".join(text for text in (was.beside, mine.beside) if text),
                (*was.below, *mine.below),
            )
        return places

    def _remarks(self, number: int) -> Remarks:
        return Remarks(
            tuple(self._above.get(number, ())),
            "  ".join(self._beside.get(number, ())),
            tuple(self._below.get(number, ())),
        )

    def _next(self, comment: Comment) -> ValueOrigin | None:
        index = bisect_left(self._begins, comment.mark)
        return self._anchors[index] if index < len(self._anchors) else None

    def _previous(self, comment: Comment) -> ValueOrigin | None:
        index = bisect_left(self._begins, comment.mark)
        return self._anchors[index - 1] if index else None

    def _owner_beside(self, comment: Comment) -> int:
        previous = self._previous(comment)
        return previous.number if previous is not None else DOCUMENT

    def _stand_alone(self, block: list[Comment]) -> None:
        """Give lines between two values to the one before or the one after."""
        if not block:
            return
        following = self._next(block[0])
        is_below = True
        blank: list[str] = []
        for comment in block:
            if not comment.text:
                blank.append("")
                continue
            closed = self._closed_by(comment, following) if is_below else None
            if closed is None:
                is_below = False
                owner, place = self._owner_above(block[0], following)
            else:
                owner, place = closed.number, self._below
            place.setdefault(owner, []).extend([*blank, comment.text])
            blank = []
        if blank and following is not None:
            owner, place = self._owner_above(block[0], following)
            place.setdefault(owner, []).extend(blank)

    def _owner_above(
        self, first: Comment, following: ValueOrigin | None
    ) -> tuple[int, dict[int, list[str]]]:
        if following is None:
            return DOCUMENT, self._below
        if self._previous(first) is None:
            return DOCUMENT, self._above
        return following.number, self._above

    def _closed_by(self, comment: Comment, following: ValueOrigin | None) -> ValueOrigin | None:
        """Return what a comment closes: the innermost thing before it that is not deeper."""
        edge = following.begin.column if following is not None else 1
        previous = self._previous(comment)
        if previous is None:
            return None
        chain = [
            anchor for anchor in self._anchors if anchor.path == previous.path[: len(anchor.path)]
        ]
        if _ITEM.match(comment.text) and not _is_item(following):
            # `# - name: X` closes a list, also where its dashes stand below its key.
            chain = [anchor for anchor in chain if _is_item(anchor)]
            edge = min(edge, comment.mark.column - 1)
        if comment.mark.column <= edge:
            return None
        fitting = [anchor for anchor in chain if anchor.begin.column <= comment.mark.column]
        target = max(fitting, key=lambda anchor: len(anchor.path), default=None)
        if target is None:
            return None
        if following is not None and following.path[: len(target.path)] == target.path:
            return None
        return target


def _is_item(origin: ValueOrigin | None) -> bool:
    return origin is not None and isinstance(origin.path[-1], int)


def _anchors(numbering: Numbering, source: SourceText) -> list[ValueOrigin]:
    """Return what comments can belong to, in the order of the text."""
    outermost: dict[tuple[int, int], ValueOrigin] = {}
    for origin in sorted(numbering.origins.values(), key=lambda numbered: numbered.number):
        is_value = origin.node is not None and origin.path
        if is_value and not source.is_inside_one_line(origin.mark):
            outermost.setdefault(origin.begin, origin)
    return sorted(outermost.values(), key=lambda anchor: anchor.begin)


def _place(number: int, numbering: Numbering, present: set[int]) -> int:
    """Return where in the converted tree remarks of `number` belong."""
    if number in present:
        return number
    origins = numbering.origins
    chain = [origins[number]]
    while chain[-1].path:
        outer = chain[-1].path[:-1]
        chain.append(
            next(origin for origin in origins.values() if origin.path == outer and origin.node)
        )
    for around in chain[:-1]:
        for other in range(number + 1, around.end):
            if other in present and origins[other].node is not None:
                return other
        if around.number in present and around.number != number:
            return around.number
    return DOCUMENT
