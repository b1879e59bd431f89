"""Putting objects of the world into the cluster."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from dynamo_conformance.targets.target import TargetUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dynamo_conformance.kube.connection import Connection
    from dynamo_conformance.manifest.node import Plain

MANAGER = "dynamo-conformance-world"
POLL_SECONDS = 0.5

Object = dict[str, "Plain"]


def apply(
    connection: Connection, objects: Sequence[Object], *, namespace: str | None = None
) -> None:
    """Make `objects` be there as they are written, whoever else wrote to them before.

    Raises:
        TargetUnavailableError: The API server refuses one of them.
    """
    if not objects:
        return
    listed = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
    where = ("--namespace", namespace) if namespace is not None else ()
    done = connection.kubectl(
        "apply", "--server-side", "--force-conflicts", "--field-manager", MANAGER, *where,
        "--filename", "-",
        stdin=json.dumps(listed),
    )  # fmt: skip
    if done.returncode:
        raise TargetUnavailableError(
            f"the test cluster refuses what its world needs: {done.stderr.strip()}"
        )


def wait_for(
    is_done: Callable[[], bool], *, what: str, seconds: float, poll: float = POLL_SECONDS
) -> None:
    """Wait until `is_done`.

    Raises:
        TargetUnavailableError: It is not, after `seconds`.
    """
    deadline = time.monotonic() + seconds
    while not is_done():
        if time.monotonic() > deadline:
            raise TargetUnavailableError(f"{what} is not ready after {seconds:.0f} s")
        time.sleep(poll)
