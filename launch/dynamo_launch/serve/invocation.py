"""The command that a component is started with: printed, or executed in place of this process."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NoReturn

from dynamo_launch.errors import NotInstalledError, where

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dynamo_launch.errors import Located

PYTHON: Final = "python3"
"""The interpreter as people type it; what is executed is the one that runs this."""

RUN_MODULE: Final = (PYTHON, "-m")


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence for people about something that was written."""

    text: str
    at: Located | None = None

    def __str__(self) -> str:
        return f"{where(self.at)}{self.text}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """One component's command.

    Attributes:
        program: What is executed, with the words that belong to it: `python3 -m MODULE`.
        words: The words after it.
        notes: What was left out and why.
    """

    program: tuple[str, ...]
    words: tuple[str, ...]
    notes: tuple[Note, ...] = ()

    @property
    def module(self) -> str | None:
        """What follows `python3 -m`, or None when something else is executed."""
        is_module = self.program[:2] == RUN_MODULE and len(self.program) > len(RUN_MODULE)
        return self.program[2] if is_module else None

    def line(self) -> str:
        """Return the command as one line for a POSIX shell."""
        from shlex import join

        return join((*self.program, *self.words))

    def execute(self, environ: Mapping[str, str]) -> NoReturn:
        """Become the component: process id, signals and exit code are its own from here on.

        Raises:
            NotInstalledError: There is no such program.
            OSError: It cannot be executed.
        """
        sys.stdout.flush()
        sys.stderr.flush()
        first, *rest = (*self.program, *self.words)
        executed = sys.executable if first == PYTHON else first
        try:
            os.execvpe(executed, (executed, *rest), dict(environ))  # noqa: S606 - no shell is wanted
        except FileNotFoundError as error:
            raise NotInstalledError(f"{first}: no such program here") from error
