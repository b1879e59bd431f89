"""Simulates `dynamo.planner`: takes the configuration that the planner takes, and changes nothing.

A planner decides by how fast workers are, and the mock engine's are as fast as it likes. So this
one registers and is healthy as the real one is, and leaves every replica count alone.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from typing import TYPE_CHECKING

from dynamo_conformance.mock_engine.mock_runtime import notice

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from dynamo.planner.config.planner_config import PlannerConfig
    from dynamo.runtime import DistributedRuntime

FAILED = 1


def main() -> None:
    """Simulate the planner with the words and the environment of this process, then exit."""
    parser = argparse.ArgumentParser(description="Dynamo Planner, simulated by the mock engine")
    parser.add_argument("--config", required=True, help="JSON, or a file of JSON or YAML")
    given = parser.parse_args().config
    try:
        config = read(given)
    except ValueError as fault:
        sys.stderr.write(f"ValueError: {fault}\n")
        sys.exit(FAILED)
    notice(f"a planner of {config.backend} workers, mode {config.mode}, that scales nothing")
    asyncio.run(_serve())


def read(given: str) -> PlannerConfig:
    """Return what Dynamo's own planner makes of its `--config`.

    Raises:
        ValueError: It would end over it.
    """
    from dynamo.planner.config.planner_config import PlannerConfig

    return PlannerConfig.from_config_arg(given)


async def _serve() -> None:
    from dynamo.runtime import dynamo_worker

    async def worker(runtime: DistributedRuntime) -> None:
        namespace = os.environ.get("DYN_NAMESPACE", "dynamo")
        endpoint = runtime.endpoint(f"{namespace}.Planner.generate")
        await endpoint.serve_endpoint(_generate, health_check_payload={"text": "health"})

    await dynamo_worker()(worker)()


async def _generate(request: object, context: object) -> AsyncIterator[str]:  # noqa: ARG001
    yield "a planner that scales nothing"
