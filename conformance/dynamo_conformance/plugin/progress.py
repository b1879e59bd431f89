"""Lines for people while tests run, whatever pytest captures."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager, nullcontext
from queue import SimpleQueue
from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.manifest.masking import masked

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter


class Progress:
    """Takes lines from any thread; only pytest's own writes them, between what it writes itself."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._lines: SimpleQueue[str] = SimpleQueue()

    def __call__(self, line: str) -> None:
        """Take a line, and write it now where that is possible."""
        self._lines.put(line)
        if threading.current_thread() is threading.main_thread():
            self.write()

    def write(self) -> None:
        """Write what was taken since the last time; pytest's own thread calls it while it waits."""
        while not self._lines.empty():
            self._write(self._lines.get_nowait())

    def _write(self, line: str) -> None:
        reporter: TerminalReporter | None = self._config.pluginmanager.get_plugin(
            "terminalreporter"
        )
        if reporter is not None:
            with self._uncaptured():
                reporter.ensure_newline()
                # It does not know of the dots of `pytest -q`.
                if self._config.get_terminal_writer().width_of_current_line:
                    reporter.write_line("")
                reporter.write_line(masked(line))

    def _uncaptured(self) -> AbstractContextManager[None]:
        """Let what is written during a test reach the terminal."""
        capture = self._config.pluginmanager.get_plugin("capturemanager")
        return nullcontext() if capture is None else capture.global_and_fixture_disabled()


PROGRESS = pytest.StashKey[Progress]()


def progress_of(config: pytest.Config) -> Progress:
    """Return what writes lines for people in a run of pytest."""
    if PROGRESS not in config.stash:
        config.stash[PROGRESS] = Progress(config)
    return config.stash[PROGRESS]
