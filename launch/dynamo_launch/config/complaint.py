"""What is wrong with a config, or only worth a word, and where it was written."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dynamo_conformance.manifest.node import NOWHERE, Mark
from dynamo_launch.config.runconfig import place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_launch.errors import UsageError

_PLACED = re.compile(r"(.+?):(\d+):(\d+): (.+)", re.DOTALL)


@dataclass(frozen=True, slots=True, order=True)
class Complaint:
    """One thing that is wrong.

    Attributes:
        file: The file it is in.
        mark: Where.
        text: What is wrong, and what to write instead.
        is_warning: Whether the outcome is good nevertheless.
    """

    file: str
    mark: Mark
    text: str
    is_warning: bool = False

    def __str__(self) -> str:
        """Return the complaint as people read it."""
        kind = "warning" if self.is_warning else "error"
        return f"{place(self.file, self.mark)}{kind}: {self.text}"


@dataclass(slots=True)
class Complaints:
    """All that is wrong with one set of files, so that it can be mended at once."""

    found: list[Complaint] = field(default_factory=list)

    def error(self, file: str, mark: Mark, text: str) -> None:
        """Add what makes that nothing is written."""
        self.found.append(Complaint(file, mark, text))

    def warn(self, file: str, mark: Mark, text: str) -> None:
        """Add what is worth a word."""
        self.found.append(Complaint(file, mark, text, is_warning=True))

    def add(self, error: UsageError, *, file: str = "", mark: Mark = NOWHERE) -> None:
        """Add what a reader shared with `dynamo serve` refused: its message says where.

        Args:
            error: What it raised.
            file: Where it is when it does not say.
            mark: Where in that file.
        """
        found = _PLACED.fullmatch(str(error))
        if found is None:
            self.error(file, mark, str(error))
        else:
            self.error(found[1], Mark(int(found[2]), int(found[3])), found[4])

    def add_new(self, others: Complaints) -> None:
        """Add those of `others` about what there is no complaint yet."""
        known = {(one.file, one.mark) for one in self.found}
        self.found += (one for one in others.found if (one.file, one.mark) not in known)

    @property
    def errors(self) -> tuple[Complaint, ...]:
        """What makes that nothing is written."""
        return tuple(one for one in self if not one.is_warning)

    def __iter__(self) -> Iterator[Complaint]:
        """Yield them in the order in which they stand in the files, each once."""
        return iter(sorted(set(self.found)))
