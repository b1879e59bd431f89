"""What all mock workers do with the real runtime: log, open it, say what they are, end with it."""

from __future__ import annotations

import asyncio
import signal
import sys
from functools import partial
from typing import TYPE_CHECKING

from dynamo_conformance.mock_engine.engine_refusal import StartFault
from dynamo_conformance.mock_engine.mock_environment import version

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from dynamo.runtime import DistributedRuntime

    from dynamo_conformance.mock_engine.worker_spec import WorkerSpec

ROUTE = "mock"
"""Where a worker says that the mock engine simulates it: on its system port, below /engine/."""


def notice(text: str) -> None:
    """Write a line about what the mock engine does to the log of the process it simulates."""
    sys.stderr.write(f"mock engine: {text}\n")
    sys.stderr.flush()


class MockRuntime:
    """The runtime of one worker, which ends with SIGTERM or SIGINT."""

    def __init__(
        self,
        worker: WorkerSpec,
        *,
        discovery_backend: str | None,
        request_plane: str | None,
        event_plane: str | None,
        response_plane: str | None,
    ) -> None:
        """Open the runtime; without a system port nobody can ask for the route, which is fine."""
        from dynamo.common.utils.runtime import create_runtime

        self.runtime: DistributedRuntime
        self.runtime, loop = create_runtime(
            discovery_backend, request_plane, event_plane, response_plane=response_plane
        )
        self.runtime.register_engine_route(ROUTE, partial(_describe, worker))
        self._asked_to_end = False
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end)

    async def serve(self, *parts: Awaitable[BaseException | None]) -> None:
        """Run everything that serves until the end.

        Raises:
            StartFault: when the runtime or the engine ends without having been asked to.
        """
        # The runtime reports its own shutdown as an error too.
        outcomes = await asyncio.gather(*parts, return_exceptions=True)
        self.runtime.shutdown()
        if not self._asked_to_end:
            causes = ", ".join(map(str, outcomes))
            raise StartFault(f"the runtime ended by itself: {causes}")

    def _end(self) -> None:
        self._asked_to_end = True
        self.runtime.shutdown()


async def _describe(worker: WorkerSpec, _body: object) -> dict[str, object]:
    return {"engine": str(worker.engine), "version": version(), "unread": list(worker.unread)}
