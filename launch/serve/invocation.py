"""The command that a component is started with: printed, or executed in place of this process."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NoReturn

if TYPE_CHECKING:
    from collections.abc import Mapping

PYTHON: Final = "python3"
"""The interpreter as people type it; what is executed is the one that runs this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """One component's command.

    Attributes:
        module: What follows `python3 -m`.
        words: The module's words.
        notes: What was left out and why, one sentence each, for people.
    """

    module: str
    words: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def line(self) -> str:
        """Return the command as one line for a POSIX shell."""
        from shlex import join

        return join((PYTHON, "-m", self.module, *self.words))

    def execute(self, environ: Mapping[str, str]) -> NoReturn:
        """Become the component: process id, signals and exit code are its own from here on.

        Raises:
            OSError: The interpreter cannot be executed.
        """
        sys.stdout.flush()
        sys.stderr.flush()
        os.execvpe(  # noqa: S606 - no shell is wanted
            sys.executable, (sys.executable, "-m", self.module, *self.words), dict(environ)
        )
