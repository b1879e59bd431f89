"""What `dynamo up` writes: unbuffered, no message lost silently, and never blocking for ever."""

from __future__ import annotations

import os
import re
import select
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING

from dynamo_conformance.manifest.masking import masked
from dynamo_conformance.manifest.terminal_safe import shown, shown_lines

if TYPE_CHECKING:
    from collections.abc import Callable

STDOUT, STDERR = 1, 2

SIGN_SECONDS = 60.0
"""How often a line that repeats is shown all the same, as a sign of life."""

PATIENCE_SECONDS = 2.0
"""How long a reader of standard error may take nothing before a message to it is dropped."""

_SHAPES = 1000
_CHUNK = 4096
"""What a pipe takes at once when it takes anything."""

_VARYING = re.compile(
    r"\d{4}-\d\d-\d\d[T ][\d:.,]+Z?|\w+_(?:s|ms|us|secs|seconds)=[\d.]+|\b[\d.]+ ?(?:s|ms|us|µs)\b"
)
"""Times and durations: by nothing else do the lines of one repeated event differ."""


class TerminalOutput:
    """Standard output, shared by the threads that read the components.

    When it cannot be written any more, SIGTERM notifies the main thread. (SIGPIPE would not do:
    each connection that is closed from the other side causes it too.)
    """

    def __init__(self) -> None:
        self.lost: OSError | None = None
        # A descriptor that was closed from the start may be another file's by now.
        self._is_closed = sys.stdout is None
        self._lock = threading.Lock()

    def line(self, name: str, line: str) -> None:
        """Write a component's line."""
        with self._lock:
            if self._is_closed:
                return
            try:
                _write(STDOUT, f"{shown(f'{name} | {line}')}\n", seconds=None)
            except OSError as error:
                self._is_closed, self.lost = True, error
                os.kill(os.getpid(), signal.SIGTERM)


class Repeats:
    """Passes a component's lines on; as long as they are hidden, repeats are shown rarely.

    While a graph is waited for, its frontend is asked all the time and logs each answer.
    """

    def __init__(self, show: Callable[[str, str], None]) -> None:
        self.are_hidden = True
        self._show = show
        self._shown: dict[tuple[str, str], float] = {}

    def take(self, name: str, line: str) -> None:
        """Show a line unless it repeats an earlier one."""
        if self.are_hidden:
            key, now = (name, _VARYING.sub("", line)), time.monotonic()
            if now - self._shown.get(key, -SIGN_SECONDS) < SIGN_SECONDS:
                return
            if len(self._shown) >= _SHAPES:
                self._shown.clear()
            self._shown[key] = now
        self._show(name, line)


def say(text: str) -> None:
    """Write to standard error, when anybody is there."""
    if sys.stderr is not None:
        try:
            _write(STDERR, f"{shown_lines(text)}\n", seconds=PATIENCE_SECONDS)
        except OSError:
            return


def _write(descriptor: int, text: str, *, seconds: float | None) -> None:
    """Write all of a text without its secrets, or what is taken within `seconds` for each part."""
    data = masked(text).encode(errors="replace")
    while data and select.select([], [descriptor], [], seconds)[1]:
        try:
            data = data[os.write(descriptor, data[:_CHUNK]) :]
        except BlockingIOError:
            continue
