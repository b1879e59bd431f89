"""Graphs to reconcile: each one in order, all of them at the same time."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_LOG = logging.getLogger(__name__)

_AT_ONCE = 16
_CRASHED = 5.0
"""Seconds after which a reconciliation that broke is tried again; it should not have broken."""


class GraphKey(NamedTuple):
    """Which graph."""

    namespace: str
    name: str


class WorkQueue:
    """Calls `reconcile` for each graph that was added, and again when it was added meanwhile.

    Args:
        reconcile: Reconciles a graph; returns after how many seconds to do it again, or None.
    """

    def __init__(self, reconcile: Callable[[GraphKey], Awaitable[float | None]]) -> None:
        self._reconcile = reconcile
        self._running: dict[GraphKey, asyncio.Task[float | None]] = {}
        self._again: set[GraphKey] = set()
        self._timers: dict[GraphKey, asyncio.TimerHandle] = {}
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._is_open = True

    def add(self, key: GraphKey) -> None:
        """Have a graph reconciled, now or as soon as the call for it that is under way is over."""
        if not self._is_open:
            return
        if (timer := self._timers.pop(key, None)) is not None:
            timer.cancel()
        if key in self._running:
            self._again.add(key)
            return
        task = asyncio.get_running_loop().create_task(self._once(key), name=f"reconcile {key}")
        self._running[key] = task
        task.add_done_callback(lambda done: self._over(key, done))

    async def close(self) -> None:
        """Take no more graphs, and wait for the calls that are under way."""
        self._is_open = False
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def _once(self, key: GraphKey) -> float | None:
        async with self._places:
            # Whatever came until now is seen by this call.
            self._again.discard(key)
            return await self._reconcile(key)

    def _over(self, key: GraphKey, done: asyncio.Task[float | None]) -> None:
        del self._running[key]
        if done.cancelled():
            return
        error = done.exception()
        if error is not None:
            _LOG.error("reconciling %s/%s broke", *key, exc_info=error)
        if key in self._again:
            self._again.discard(key)
            self.add(key)
            return
        delay = _CRASHED if error is not None else done.result()
        if delay is not None and self._is_open:
            loop = asyncio.get_running_loop()
            self._timers[key] = loop.call_later(delay, self.add, key)
