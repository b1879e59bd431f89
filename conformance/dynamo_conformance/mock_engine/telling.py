"""How a worker tells whoever asks that the mock engine plays it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from dynamo_conformance.mock_engine.environment import version

if TYPE_CHECKING:
    from dynamo.runtime import DistributedRuntime

    from dynamo_conformance.mock_engine.worker import Worker

ROUTE = "mock"
"""Where it is told: on the worker's system port, below /engine/."""


def tell_route(runtime: DistributedRuntime, worker: Worker) -> None:
    """Open the route; without a system port nobody can ask, and that is all right."""
    runtime.register_engine_route(ROUTE, partial(_tell, worker))


async def _tell(worker: Worker, _body: object) -> dict[str, object]:
    return {"engine": str(worker.engine), "version": version(), "unread": list(worker.unread)}
