"""One component process: started in a group of its own, its output read, its end certain."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TAIL_LINES = 30
GRACE_SECONDS = 8.0
"""How long a component may take to end after SIGTERM before it is killed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What it takes to start a process: a name, its words, its environment, its folder."""

    name: str
    argv: tuple[str, ...]
    env: dict[str, str]
    cwd: Path


class Process:
    """A running process; every line it writes goes to its log file and to the listener."""

    def __init__(self, start: Start, *, log: Path, listener: Callable[[str, str], None]) -> None:
        self.name = start.name
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._listener = listener
        self._popen = subprocess.Popen(
            [*_tied_to_parent(), *start.argv],
            env=start.env,
            cwd=start.cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self._file = log.open("w", encoding="utf-8")
        self._reader = threading.Thread(target=self._read, name=f"log {start.name}", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """The process id, which is also its group's."""
        return self._popen.pid

    def exit_code(self) -> int | None:
        """Return how the process ended, negative for a signal, or None while it runs."""
        return self._popen.poll()

    def tail(self) -> tuple[str, ...]:
        """Return the last lines it wrote, complete once it has ended."""
        if self.exit_code() is not None:
            self._reader.join(timeout=1.0)
        return tuple(self._tail)

    def terminate(self) -> None:
        """Ask the whole group to end."""
        self._signal(signal.SIGTERM)

    def finish(self, *, deadline: float) -> None:
        """Wait for the end until `deadline` (monotonic seconds), then kill what is left."""
        try:
            self._popen.wait(timeout=max(deadline - time.monotonic(), 0.01))
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            self._popen.wait()
        # The leader may be gone while a child of its shell still runs.
        self._signal(signal.SIGKILL)
        self._reader.join(timeout=2.0)
        if self._popen.stdout is not None:
            self._popen.stdout.close()
        self._file.close()

    def _signal(self, number: signal.Signals) -> None:
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:
            return

    def _read(self) -> None:
        stream: IO[str] | None = self._popen.stdout
        for line in stream or ():
            self._tail.append(line.rstrip("\n"))
            self._file.write(line)
            self._file.flush()
            self._listener(self.name, line.rstrip("\n"))


def stop_all(processes: list[Process], *, grace: float = GRACE_SECONDS) -> None:
    """End all processes together; none is left when this returns."""
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + grace
    for process in processes:
        process.finish(deadline=deadline)


def _tied_to_parent() -> list[str]:
    """Return the words that make the kernel end the process when this one is killed.

    `setpriv` execs, so the process id stays the component's own.
    """
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM", "--"] if setpriv is not None else []
