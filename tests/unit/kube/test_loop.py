"""The loop of a cluster's API: who waits for it comes back in time, whatever it runs."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import suppress

import pytest

from dynamo_conformance.kube import loop
from dynamo_conformance.kube.loop import LoopThread

DEAF_SECONDS = 5.0


async def deaf(end: threading.Event) -> None:
    """Do not heed any cancellation until the end, or for a while."""
    deadline = time.monotonic() + DEAF_SECONDS
    while time.monotonic() < deadline and not end.is_set():
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(0.05)


def test_what_does_not_heed_its_cancellation_keeps_nobody_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loop, "STOP_SECONDS", 0.5)
    thread, end = LoopThread("deaf"), threading.Event()
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        thread.run(deaf(end), seconds=0.1)
    assert time.monotonic() - began < DEAF_SECONDS
    end.set()
    thread.close()
