"""Faults: why a module refuses its command line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dynamo_conformance.engines.flag import Flag


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """A flag that the module does not have and that is known from elsewhere.

    Attributes:
        flag: Its spelling.
        instead: What to write now, or None when nothing is needed.
        gone_by: The first release known not to have it, such as `1.4`; None when it never had it.
        of: The program that has it, when it is another one.
        parses: Whether the parser still takes it, and the worker then refuses to start.
    """

    flag: str
    instead: str | None
    gone_by: str | None = None
    of: str | None = None
    parses: bool = False

    @property
    def advice(self) -> str:
        """What to do, as a clause."""
        if self.of is not None:
            what = f"use {self.instead}" if self.instead else "leave it out"
            return f"{self.flag} is a flag of {self.of}, {what}"
        what = f"use {self.instead}" if self.instead else "remove it"
        return f"{self.flag} is gone as of {self.gone_by}, {what}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Later:
    """A flag that the module has in a later release.

    Attributes:
        flag: Its spelling.
        since: The first minor release known to have it, such as `1.4`.
    """

    flag: str
    since: str

    @property
    def advice(self) -> str:
        """When it comes, as a clause."""
        return f"{self.flag} comes with Dynamo {self.since}"


class UsageFault(Exception):  # noqa: N818 - the rooms' word is fault
    """A command line that a module refuses.

    Attributes:
        message: What the module's own parser says.
        index: Which of the words is at fault, counted from 0; the number of words for a missing
            one.
        flag: The flag it is about, when it is a known one.
        suggestion: The nearest flag that exists, or None.
        removed: The flag of an earlier release or of another program that was written, or None.
        later: The flag of a later release that was written, or None.
    """

    def __init__(
        self,
        message: str,
        *,
        index: int,
        flag: Flag | None = None,
        suggestion: str | None = None,
        removed: Removed | None = None,
        later: Later | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.index = index
        self.flag = flag
        self.suggestion = suggestion
        self.removed = removed
        self.later = later

    @property
    def advice(self) -> str:
        """The message and what to do about it."""
        if self.removed is not None:
            return f"{self.message}; {self.removed.advice}"
        if self.later is not None:
            return f"{self.message}; {self.later.advice}"
        if self.suggestion is not None:
            return f"{self.message}; did you mean {self.suggestion}?"
        return self.message
