"""Lines the mock engine adds to the log of the process it plays."""

from __future__ import annotations

import sys


def notice(text: str) -> None:
    """Write one line that tells what the mock engine does."""
    sys.stderr.write(f"mock engine: {text}\n")
    sys.stderr.flush()
