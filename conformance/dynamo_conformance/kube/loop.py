"""An event loop on a thread of its own: requests to the API run there, from whatever thread."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

import uvloop

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from concurrent.futures import Future

T = TypeVar("T")

STOP_SECONDS = 5.0
GOODBYE_SECONDS = 0.1
"""What encrypted connections get to say goodbye: a loop that is closed earlier complains."""


class LoopThread:
    """Runs coroutines for threads that have no loop.

    Everything that waits for the network is a task of this one loop, so that many watches and many
    forwarded connections cost one thread, and nothing that is shared needs a lock. What it computes
    is taken from the graphs in a kind cluster on the same cores, so it is uvloop's.
    """

    def __init__(self, name: str) -> None:
        self._loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._thread.start()

    def run(
        self, coroutine: Coroutine[object, object, T], *, seconds: float, finish: bool = False
    ) -> T:
        """Return what `coroutine` returns.

        Args:
            coroutine: What to run.
            seconds: The deadline.
            finish: On Ctrl-C, let it come to its end before the interrupt goes on. For what must
                not be half done: nobody can undo a request whose answer was not awaited.

        Raises:
            TimeoutError: It did not end in time, and was cancelled.
        """
        # What does not heed its cancellation must not keep the way out waiting.
        patience = seconds + STOP_SECONDS
        future = self.start(asyncio.wait_for(coroutine, seconds))
        try:
            return future.result(timeout=patience)
        except BaseException:
            if finish and not future.done():
                with suppress(TimeoutError):
                    future.exception(timeout=patience)
            future.cancel()
            raise

    def start(self, coroutine: Coroutine[object, object, T]) -> Future[T]:
        """Start a task that goes on until it ends or its future is cancelled."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def close(self) -> None:
        """Cancel all tasks, wait for their ends, and end the thread."""
        if not self._thread.is_alive():
            return
        ending = asyncio.run_coroutine_threadsafe(_cancel_all(), self._loop)
        try:
            ending.result(timeout=STOP_SECONDS)
        except TimeoutError:
            ending.cancel()
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(timeout=STOP_SECONDS)
            if not self._thread.is_alive():
                # A connection whose other side has not said goodbye keeps the loop busy: it goes
                # with the process.
                with suppress(OSError):
                    self._loop.close()


async def _cancel_all() -> None:
    me = asyncio.current_task()
    others = [task for task in asyncio.all_tasks() if task is not me]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await asyncio.sleep(GOODBYE_SECONDS)
    await asyncio.get_running_loop().shutdown_asyncgens()
