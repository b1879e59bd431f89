"""Parsing: how argparse assigns the words of a command line to flags.

A module reads its words with several parsers in turn; each takes what it knows and leaves the rest
to the next. What argparse does is written out here, because argparse itself stops at the first
fault, forgets where a word stood, and cannot be told that `$PORT` is a number.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dynamo_conformance.engines.arguments import Given
from dynamo_conformance.engines.fault import UsageFault
from dynamo_conformance.engines.flag_values import refusal
from dynamo_conformance.engines.flexible_parser import STYLES, Token, normalise, rewrite

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dynamo_conformance.engines.flag import Flag

_NEGATIVE_NUMBER = re.compile(r"-\d+|-\d*\.\d+")
_TOO_FEW = {"one": "expected one argument", "at-least-one": "expected at least one argument"}
_BEHIND_ALL = "\U0010ffff"
"""What no spelling goes on with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One parser of a module.

    Attributes:
        owner: Whose flags it reads: `dynamo`, `router` or `engine`.
        style: `argparse`, or one of `flexible_parser.STYLES` for vLLM's.
        abbreviations: Whether the unique beginning of a long flag stands for it.
        strict: Whether it refuses what it does not know, instead of leaving it to the next.
        flags: Its flags by spelling.
        ordered: The spellings by the alphabet, to find those with one beginning.
    """

    owner: str
    style: str
    abbreviations: bool
    strict: bool
    flags: Mapping[str, Flag]
    ordered: tuple[str, ...]

    def find(self, name: str) -> Flag | None:
        """Return the flag that this parser takes `name` for, or None."""
        if self.style in STYLES:
            name = normalise(name).partition(".")[0]
        matches = self.matches(name)
        return self.flags[matches[0].name] if len(matches) == 1 else None

    def _beginning_with(self, name: str) -> list[str]:
        """Return the flags that `name` begins, in the order of the parser."""
        first = bisect_left(self.ordered, name)
        last = bisect_left(self.ordered, name + _BEHIND_ALL)
        names = self.ordered[first:last]
        return list(names) if len(names) < 2 else [flag for flag in self.flags if flag in names]  # noqa: PLR2004

    def matches(self, text: str) -> list[Match]:
        """Return the flags that `text`, which starts with a dash, may stand for."""
        if text in self.flags:
            return [Match(text, None)]
        name, equals, value = text.partition("=")
        explicit = value if equals else None
        if equals and name in self.flags:
            return [Match(name, explicit)]
        if text.startswith("--"):
            if not self.abbreviations:
                return []
            return [Match(other, explicit) for other in self._beginning_with(name)]
        candidates = [Match(other, None) for other in self.flags if other.startswith(text)]
        if text[:2] in self.flags:
            candidates.append(Match(text[:2], text[2:]))
        return candidates


@dataclass(frozen=True, slots=True)
class Match:
    """A flag that a word may stand for, and the value after its `=`."""

    name: str
    explicit: str | None


@dataclass(slots=True)
class StageReading:
    """What one parser made of the words.

    Attributes:
        given: The flags it took.
        rest: The words it left.
        faults: What it refuses.
        exits: Whether it saw `--help` or the like, after which nothing is read.
    """

    given: list[Given] = field(default_factory=list)
    rest: list[Token] = field(default_factory=list)
    faults: list[UsageFault] = field(default_factory=list)
    exits: bool = False


def unexpanded(text: str) -> bool:
    """Whether a shell or kubelet still has to put something in place of a part of `text`."""
    return "$" in text or "`" in text


def read(stage: Stage, tokens: Sequence[Token], *, lenient: bool) -> StageReading:
    """Return what the parser `stage` makes of the words.

    Args:
        stage: The parser.
        tokens: The words the parsers before it left.
        lenient: Whether values that are not expanded yet pass every check.
    """
    if stage.style in STYLES:
        tokens = rewrite(tokens, style=stage.style)
    return _Reader(stage, tokens, lenient=lenient).read()


class _Reader:
    def __init__(self, stage: Stage, tokens: Sequence[Token], *, lenient: bool) -> None:
        self._stage = stage
        self._tokens = tokens
        self._lenient = lenient
        self._reading = StageReading()
        end = next((at for at, token in enumerate(tokens) if token.text == "--"), len(tokens))
        # For each word the flags it may stand for; None where argparse sees a plain argument.
        self._matches = [
            self._classify(token.text) if at < end else None for at, token in enumerate(tokens)
        ]
        self._end = end

    def read(self) -> StageReading:
        # argparse classifies every word before it uses the first.
        for token, matches in zip(self._tokens, self._matches, strict=True):
            if matches is not None and len(matches) > 1:
                self._ambiguous(token, matches)
        at = 0
        while at < len(self._tokens) and not self._reading.exits:
            matches = self._matches[at]
            if not matches:
                self._reading.rest.append(self._tokens[at])
                at += 1
            elif len(matches) > 1:
                # Whichever was meant, the words behind it are its own, and no fault of theirs.
                at += 1
                while at < self._end and self._matches[at] is None:
                    at += 1
            else:
                at = self._use(at, matches[0])
        return self._reading

    def _classify(self, text: str) -> list[Match] | None:
        """Return what a word may stand for: None for an argument, nothing for an unknown flag."""
        if not text.startswith("-") or text == "-":
            return None
        candidates = self._stage.matches(text)
        if candidates:
            return candidates
        if _NEGATIVE_NUMBER.fullmatch(text) or " " in text:
            return None
        return []

    def _use(self, at: int, match: Match) -> int:
        """Read one use of a flag; return where the words go on."""
        token = self._tokens[at]
        flag = self._stage.flags[match.name]
        if match.explicit is not None:
            values = [Token(match.explicit, token.index)]
            if flag.takes == "none":
                self._fault(token, flag, f"ignored explicit argument {match.explicit!r}")
                values = []
            at += 1
        else:
            values = self._values(at + 1, flag)
            at += 1 + len(values)
            if not values and flag.takes in _TOO_FEW:
                self._fault(token, flag, _TOO_FEW[flag.takes])
                return at
        self._check(flag, values)
        self._reading.exits = flag.exits
        self._reading.given.append(
            Given(
                flag=flag,
                spelling=match.name,
                values=tuple(value.text for value in values),
                index=token.index,
            )
        )
        return at

    def _values(self, start: int, flag: Flag) -> list[Token]:
        limit = {"none": 0, "one": 1, "optional": 1}.get(flag.takes, len(self._tokens))
        stop = start
        while stop < self._end and self._matches[stop] is None and stop - start < limit:
            stop += 1
        return list(self._tokens[start:stop])

    def _check(self, flag: Flag, values: Sequence[Token]) -> None:
        for value in values:
            if self._lenient and unexpanded(value.text):
                continue
            why = refusal(flag, value.text)
            if why is not None:
                self._fault(value, flag, why)

    def _ambiguous(self, token: Token, matches: Sequence[Match]) -> None:
        names = ", ".join(match.name for match in matches)
        message = f"ambiguous option: {token.text} could match {names}"
        self._reading.faults.append(UsageFault(message, index=token.index))

    def _fault(self, token: Token, flag: Flag, why: str) -> None:
        message = f"argument {flag.label}: {why}"
        self._reading.faults.append(UsageFault(message, index=token.index, flag=flag))
