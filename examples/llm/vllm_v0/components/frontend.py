"""The frontend: HTTP, tokenizer and router of Dynamo's program `dynamo-run`, which this starts."""

from __future__ import annotations

import asyncio
from pathlib import Path

import dynamo.sdk
from dynamo.sdk import async_on_start, depends, on_shutdown, service
from dynamo.sdk.lib.config import ServiceConfig

from components.settings import NAMESPACE
from components.worker import VllmWorker

DYNAMO_RUN = Path(dynamo.sdk.__file__).parent / "cli" / "bin" / "dynamo-run"
"""The program itself: the script of this name on PATH hands no signal on to it."""


@service(
    dynamo={"namespace": NAMESPACE},
    resources={"cpu": "1", "memory": "2Gi"},
    workers=1,
)
class Frontend:
    """Serves OpenAI's API; finds the workers of its graph in etcd."""

    worker = depends(VllmWorker)

    def __init__(self) -> None:
        config = ServiceConfig.get_parsed_config("Frontend")
        self._argv = [
            str(DYNAMO_RUN),
            "in=http",
            "out=dyn",
            f"--http-port={config.get('port', 8000)}",
            f"--router-mode={config.get('router', 'round-robin')}",
        ]
        self._process: asyncio.subprocess.Process | None = None

    @async_on_start
    async def run(self) -> None:
        """Serve until the process is asked to end.

        Raises:
            RuntimeError: `dynamo-run` has ended by itself.
        """
        self._process = await asyncio.create_subprocess_exec(*self._argv)
        code = await self._process.wait()
        raise RuntimeError(f"dynamo-run has ended with exit code {code}")

    @on_shutdown
    def stop(self) -> None:
        """End `dynamo-run`."""
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
