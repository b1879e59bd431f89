"""One line a step, with its seconds, on standard error."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def say(text: str) -> None:
    """Tell the one who waits."""
    sys.stderr.write(f"airgap: {text}\n")
    sys.stderr.flush()


@contextmanager
def step(what: str) -> Iterator[None]:
    """Say when a step is done and how long it took, in one line, since steps may overlap."""
    begin = time.monotonic()
    yield
    say(f"{time.monotonic() - begin:6.1f} s  {what}")
