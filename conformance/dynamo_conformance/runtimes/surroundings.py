"""What the processes of another release get around them: programs, variables, Python's path."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dynamo_conformance.mock_engine import overlay_path
from dynamo_conformance.mock_engine.mock_worker import RELEASE_VARIABLE
from dynamo_conformance.runtimes.servers import ETCD, NATS, needed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from dynamo_conformance.engines.releases import Release
    from dynamo_conformance.runtimes.environment import RuntimeEnvironment
    from dynamo_conformance.runtimes.servers import Server

PACKAGE: Final = "dynamo_conformance"
SUITE: Final = "suite"
"""The folder of a run with nothing but this package: no environment sees what is beside it."""

_ASKS_FOR_NATS: Final = ((0, 8), (1, 1))
"""From when until when runtimes ask for NATS unless they are told not to."""

_KV_EVENTS: Final = "DYN_KV_EVENTS"
_OVER_NATS: Final = ((0, 8), (1, 0))
"""From when until when a router for KV caches asks for NATS unless it expects no events."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What is around one component.

    Attributes:
        release: The release that runs it.
        base: What its process gets before its own variables.
        runtime: What the runtime is told, whatever the manifest says.
    """

    release: Release
    base: Mapping[str, str] = field(default_factory=dict)
    runtime: Mapping[str, str] = field(default_factory=dict)


def surroundings(
    environment: RuntimeEnvironment,
    *,
    run: Path,
    base: Mapping[str, str],
    servers: Iterable[Server],
) -> Surroundings:
    """Return what a component of a release gets around it.

    Args:
        environment: The environment of the release.
        run: The folder of the run.
        base: What processes of the installed release get.
        servers: The servers that run beside the graph.
    """
    release = environment.release
    path = [str(environment.programs), *base["PATH"].split(os.pathsep)[1:]]
    python = [str(overlay_path()), str(run / SUITE)]
    if _within(release, _ASKS_FOR_NATS):
        python.insert(0, str(Path(__file__).parent / "shim"))
    runtime = {
        "DYN_STORE_KV": "file",
        # Nothing here goes through NATS that can go without.
        "DYN_REQUEST_PLANE": "nats" if NATS in needed(release) else "tcp",
    }
    for server in servers:
        if server.program in needed(release):
            runtime |= server.variables
    if ETCD in needed(release):
        runtime.pop("DYN_STORE_KV")
    if _within(release, _OVER_NATS):
        runtime[_KV_EVENTS] = "false"
    return Surroundings(
        release=release,
        base={
            "PATH": os.pathsep.join(path),
            "PYTHONPATH": os.pathsep.join(python),
            RELEASE_VARIABLE: str(release),
        },
        runtime=runtime,
    )


def adaptations(release: Release) -> Iterator[str]:
    """Yield what is different for a release, whichever component it runs."""
    yield "the mock engine answers by itself: no KV events, none of the mocker's timing"
    for program in needed(release):
        yield f"{program} runs beside it, without which it cannot"
    if _within(release, _OVER_NATS):
        yield f"{_KV_EVENTS}=false: its router would ask for NATS"


def lay_out(run: Path) -> None:
    """Make the folder in which environments of other releases find this package."""
    folder = run / SUITE
    folder.mkdir(parents=True, exist_ok=True)
    link = folder / PACKAGE
    if not link.is_symlink():
        link.symlink_to(Path(__file__).parents[1], target_is_directory=True)


def _within(release: Release, span: tuple[tuple[int, int], tuple[int, int]]) -> bool:
    return span[0] <= release.line < span[1]
