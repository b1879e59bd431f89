"""What a launch can be refused for, with the exit code each refusal ends in."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from dynamo_conformance.manifest.node import Mark

WRONG_USAGE = 2
NOT_INSTALLED = 127


class Located(Protocol):
    """Something that was written in a file; an empty file name is the command line."""

    @property
    def file(self) -> str:
        """The file's name as the caller gave it."""

    @property
    def mark(self) -> Mark:
        """Where in it."""


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a file."""

    file: str
    mark: Mark


def where(at: Located | None) -> str:
    """Return `file:line:col: `, ready to stand in front of a message; empty for no file."""
    return f"{at.file}:{at.mark.line}:{at.mark.column}: " if at is not None and at.file else ""


class LaunchError(Exception):
    """Nothing was started; the message says what is wrong, where, and what to do.

    Attributes:
        exit_code: What the `dynamo` command exits with.
    """

    exit_code = WRONG_USAGE

    def report(self, prog_name: str) -> int:
        """Print the message without secrets, and return the exit code."""
        from dynamo_conformance.manifest.masking import masked
        from dynamo_conformance.manifest.terminal_safe import shown_lines

        sys.stderr.write(f"{prog_name}: {shown_lines(masked(str(self)))}\n")
        return self.exit_code


class UsageError(LaunchError):
    """The words, the config file or the environment ask for something that cannot be started.

    Attributes:
        text: What is wrong and what to do about it.
        at: Where it was written, or None.
    """

    def __init__(self, text: str, *, at: Located | None = None) -> None:
        super().__init__(f"{where(at)}{text}")
        self.text = text
        self.at = at


class NotInstalledError(LaunchError):
    """The module to start is not in this Python environment."""

    exit_code = NOT_INSTALLED
