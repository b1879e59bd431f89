"""A local script as published: run in a folder of its own, and ended with Ctrl-C."""

from __future__ import annotations

import os
import signal
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dynamo_conformance.targets import MOCK, REAL
from dynamo_conformance.targets.interface import Change, DeployFailure, Worker
from dynamo_conformance.targets.local.component_process import (
    GRACE_SECONDS,
    ComponentProcess,
    ProcessStart,
)
from dynamo_conformance.targets.local.deployment import (
    INSIDE,
    SupervisedDeployment,
    check_alive,
    check_disk,
    ignore_lines,
    ignore_logs,
    kept_inside,
    run_folder,
    running,
)
from dynamo_conformance.targets.local.local_plan import HERE
from dynamo_conformance.targets.local.port_reservations import Ports
from dynamo_conformance.targets.local.run_environment import base_environment, fill_hub

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dynamo_conformance.engines.serving import Serving

PORT_VARIABLES = ("DYN_HTTP_PORT", "SYSTEM_PORT", "KV_EVENTS_PORT", "NIXL_PORT")
"""What a script of the examples tree reads its ports from; each names the first of a few."""

TAKES_CTRL_C = ("env", "--default-signal=INT")
"""What a shell that was started in the background needs: it can trap no signal that it inherits as
ignored, and a CI system may well start everything so."""

LEFT_SECONDS = 1.0
"""How long what a script started may outlive it, to see that it ends."""

PORT_SPAN = 8
POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class ScriptDeployment(SupervisedDeployment):
    """A script that is running."""

    process: ComponentProcess
    url: str
    workers: tuple[Worker, ...]
    changes: tuple[Change, ...]
    scratch: Path

    def check(self) -> None:
        """Raise when the script has ended, with its last words, or the disk is full."""
        check_disk(self.logs)
        check_alive((self.process,))

    def interrupt(self) -> None:
        """Press Ctrl-C, and make sure that nothing of the script is left.

        Raises:
            DeployFailure: The script did not end, or left a process or a file behind.
        """
        os.kill(self.process.pid, signal.SIGINT)
        deadline = time.monotonic() + GRACE_SECONDS
        while self.process.exit_code() is None:
            if time.monotonic() > deadline:
                text = f"the script still runs {GRACE_SECONDS:.0f} s after Ctrl-C"
                raise DeployFailure(text, log=self.process.tail())
            time.sleep(POLL_SECONDS)
        deadline = time.monotonic() + LEFT_SECONDS
        while (left := self.process.running()) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        if left:
            raise DeployFailure(f"the script ended and left processes behind: {', '.join(left)}")
        files = sorted(str(path.relative_to(self.scratch)) for path in self.scratch.iterdir())
        if files:
            raise DeployFailure(f"the script ended and left files behind: {', '.join(files)}")


@contextmanager
def run_script(
    script: Path,
    *,
    serving: Serving | None,
    engine: str = MOCK,
    listener: Callable[[str, str], None] = ignore_lines,
    at_end: Callable[[Path], None] = ignore_logs,
) -> Iterator[ScriptDeployment]:
    """Start `script`; leaving the context ends it and removes what it made.

    Args:
        script: The file, run as it is.
        serving: What the manifest of the same name promises: how many workers there are, and the
            model that the mock engine must know.
        engine: `mock`, `cpu` or `real`.
        listener: Is called with every line that the script writes.
        at_end: Is called with the folder of the log before it is removed.
    """
    with run_folder(script.stem) as own, Ports() as ports:
        run = own.path
        inside = run / INSIDE
        env = base_environment(engine, inside)
        chosen = {name: ports.take(0, span=PORT_SPAN) for name in PORT_VARIABLES}
        env.update({name: str(port) for name, port in chosen.items()})
        if engine != REAL and serving is not None and serving.source is not None:
            fill_hub(Path(env["HF_HOME"]), [serving.source], engine=engine, drafts=serving.drafts)
        words = (*TAKES_CTRL_C, "bash", str(script.resolve()))
        start = ProcessStart(name=script.name, argv=words, env=env, cwd=inside)
        starts = kept_inside([start], inside, engine=engine)
        count = sum(serving.roles.values()) if serving is not None else 0
        first = chosen["SYSTEM_PORT"]
        workers = tuple(
            Worker(f"worker-{index}", f"http://{HERE}:{first + index}") for index in range(count)
        )
        changes = tuple(Change(script.name, f"{name}={port}") for name, port in chosen.items())
        with running(starts, run=own, listener=listener) as processes:
            url = f"http://{HERE}:{chosen['DYN_HTTP_PORT']}"
            try:
                yield ScriptDeployment(
                    own.supervisor,
                    run / "logs",
                    processes[0],
                    url,
                    workers,
                    changes,
                    inside / "tmp",
                )
            finally:
                at_end(run / "logs")
