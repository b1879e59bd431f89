"""Config errors: what is wrong with config files, or only worth a warning, and where."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dynamo_launch.errors import where

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.manifest.node import Mark
    from dynamo_launch.errors import Located, UsageError


@dataclass(frozen=True, slots=True, order=True)
class ConfigError:
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
        """Return it as people read it."""
        return f"{where(self)}{'warning' if self.is_warning else 'error'}: {self.text}"


@dataclass(slots=True)
class ConfigErrors:
    """All that is wrong with one set of files, so that it can be fixed at once."""

    items: list[ConfigError] = field(default_factory=list)

    def error(self, at: Located, text: str) -> None:
        """Add what keeps files from being written."""
        self.items.append(ConfigError(at.file, at.mark, text))

    def warn(self, at: Located, text: str) -> None:
        """Add what is only worth a warning."""
        self.items.append(ConfigError(at.file, at.mark, text, is_warning=True))

    def add(self, error: UsageError, *, at: Located) -> None:
        """Add what a reader shared with `dynamo serve` refused.

        Args:
            error: What it raised.
            at: Where it is when the error does not say.
        """
        self.error(error.at if error.at is not None and error.at.file else at, error.text)

    def add_new(self, others: ConfigErrors) -> None:
        """Add those of `others` at places where there is no error yet."""
        known = {(item.file, item.mark) for item in self.items}
        self.items += (item for item in others.items if (item.file, item.mark) not in known)

    @property
    def fatal(self) -> tuple[ConfigError, ...]:
        """What keeps files from being written."""
        return tuple(item for item in self if not item.is_warning)

    def __iter__(self) -> Iterator[ConfigError]:
        """Yield them in the order in which they stand in the files, each once."""
        return iter(sorted(set(self.items)))
