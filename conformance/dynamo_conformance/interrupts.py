"""Interrupts that wait while the main thread takes a lock or gives it back.

Python runs a signal's handler between any two steps of the main thread. If it raises when
`Condition.__enter__` has taken the lock and `with` has not begun, or when `__exit__` has begun and
the lock is not given back, the lock stays taken for ever. Queues, events, futures and the pools of
HTTP clients are built on conditions, so whoever needs that one next never ends: often the way out
itself, which then removes nothing.
"""

from __future__ import annotations

import _thread
import signal
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    Handler = Callable[[int, FrameType | None], object]

_ENTERS = ("__enter__", "acquire", "_acquireLock", "_acquire_restore", "enter_context")
_EXITS = ("__exit__", "release", "_releaseLock", "_release_save")
_STARTS = ("run_coroutine_threadsafe",)
_ON_BEHALF = frozenset((*_ENTERS, *_EXITS, *_STARTS))
"""The names of functions that take, give back or start something on behalf of their caller."""

AGAIN_SECONDS = 0.001
PATIENCE_SECONDS = 1.0
"""How long an interrupt waits: who still takes a lock by then waits for another thread."""


def outside_locking(handler: Handler) -> Handler:
    """Return a signal handler that calls `handler` when no lock is being taken or given back.

    Args:
        handler: Raises; a handler that returns has no need of this.
    """
    waits_until: float | None = None

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal waits_until
        now = time.monotonic()
        if frame is not None and frame.f_code.co_name in _ON_BEHALF:
            waits_until = waits_until or now + PATIENCE_SECONDS
            if now < waits_until:
                _thread.start_new_thread(_again, (_thread.get_ident(), number))
                return
        waits_until = None
        handler(number, frame)

    return handle


@contextmanager
def guarded_interrupt() -> Iterator[None]:
    """Have Ctrl-C raise KeyboardInterrupt `outside_locking`.

    Nothing is changed outside the main thread, or where somebody has set another handler.
    """
    default = signal.default_int_handler
    in_main = threading.current_thread() is threading.main_thread()
    if not in_main or signal.getsignal(signal.SIGINT) is not default:
        yield
        return
    signal.signal(signal.SIGINT, outside_locking(default))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, default)


def _again(thread: int, number: int) -> None:
    """Send a signal again; a moment later, the thread is elsewhere."""
    time.sleep(AGAIN_SECONDS)
    signal.pthread_kill(thread, number)
