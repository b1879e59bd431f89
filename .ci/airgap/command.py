"""Other programs, whose output goes to a log; errors, and one line a step on standard error."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections import deque
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LAST_LINES = 25
POLL_SECONDS = 0.5

# Set when one of several steps at once has failed: the others need not go on for minutes.
giving_up = threading.Event()


class AirgapError(Exception):
    """Something could not be built or started; the text is for the one who waits for it."""


def report(text: str) -> None:
    """Print a line at once."""
    sys.stderr.write(f"airgap: {text}\n")
    sys.stderr.flush()


@contextmanager
def step(what: str) -> Iterator[None]:
    """Report a step when it is done, with its seconds, in one line, since steps may overlap."""
    begin = time.monotonic()
    yield
    report(f"{time.monotonic() - begin:6.1f} s  {what}")


def tail(log: Path) -> str:
    """The last lines of a log, for the end of an error."""
    with log.open(encoding="utf-8", errors="replace") as lines:
        return "".join(deque(lines, maxlen=LAST_LINES)).rstrip()


def run(
    *words: str | Path,
    log: Path,
    folder: Path | None = None,
    env: dict[str, str] | None = None,
    stdin: IO[bytes] | None = None,
    stdout: IO[bytes] | None = None,
    seconds: float = 3600,
) -> None:
    """Run to a good end; what it prints is added to the log (without stdout if that is given)."""
    line = " ".join(str(word) for word in words)
    with log.open("ab") as out:
        out.write(f"$ {line}\n".encode())
        out.flush()
        try:
            process = subprocess.Popen(
                words,
                cwd=folder,
                env={**os.environ, **(env or {})},
                stdin=stdin or subprocess.DEVNULL,
                stdout=stdout or out,
                stderr=out,
            )
        except FileNotFoundError as error:
            raise AirgapError(f"{words[0]}: there is no such program") from error
        how = _end(process, seconds)
    if how:
        raise AirgapError(f"`{line}` {how}; the last lines of {log}:\n{tail(log)}")


def _end(process: subprocess.Popen[bytes], seconds: float) -> str:
    """Wait for a process; how it ended, if not well."""
    end = time.monotonic() + seconds
    with process:
        while True:
            try:
                code = process.wait(POLL_SECONDS)
            except subprocess.TimeoutExpired:
                if giving_up.is_set() or time.monotonic() > end:
                    process.terminate()
                    return "was stopped" if giving_up.is_set() else f"took over {seconds:.0f} s"
            else:
                return f"ended with {code}" if code else ""


def answer(*words: str | Path, folder: Path | None = None, seconds: float = 60) -> str | None:
    """What a program prints, or None where it fails, hangs or is not there."""
    try:
        done = subprocess.run(
            words,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return None
    return None if done.returncode else done.stdout.strip()
