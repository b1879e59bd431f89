"""NATS and etcd for releases that cannot do without, started like the components of a graph."""

from __future__ import annotations

import shutil
import socket
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from dynamo_conformance.runtimes.environment import RuntimeUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from dynamo_conformance.engines.releases import Release

HERE: Final = "127.0.0.1"

NATS, ETCD = "nats-server", "etcd"

_WITHOUT: Final = {NATS: (0, 8), ETCD: (0, 8)}
"""Since when a graph does without. Source: each release's frontend, run with files for discovery
and TCP for requests. That of 0.7 dies without NATS, and its router for KV caches asks for etcd;
those before know no files."""

_PACKAGES: Final = {NATS: "nats-server", ETCD: "etcd-server"}
_POLL_SECONDS: Final = 0.05
LISTENING_SECONDS: Final = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A server that runs beside a graph.

    Attributes:
        program: What it is.
        argv: Its command line.
        port: Where it listens.
        variables: What tells components of it.
    """

    program: str
    argv: tuple[str, ...]
    port: int
    variables: dict[str, str]


def needed(release: Release) -> tuple[str, ...]:
    """Return the servers that a release cannot do without."""
    return tuple(program for program, since in _WITHOUT.items() if release.line < since)


def missing(release: Release) -> str:
    """Return why a release cannot run here for want of a server, or an empty text."""
    absent = [program for program in needed(release) if shutil.which(program) is None]
    return f"Dynamo {release} cannot do without {absent[0]}, which is not on PATH" if absent else ""


def servers(
    releases: Iterable[Release], *, folder: Path, port: Callable[[], int]
) -> tuple[Server, ...]:
    """Return the servers that the components of several releases need: each once.

    Args:
        releases: The releases.
        folder: Where they keep their data, each in a folder of its own.
        port: Returns a free port.

    Raises:
        RuntimeUnavailableError: One of them is not installed.
    """
    first: dict[str, Release] = {}
    for release in releases:
        for program in needed(release):
            first.setdefault(program, release)
    return tuple(
        _server(program, release, folder / program, port) for program, release in first.items()
    )


def _server(program: str, release: Release, folder: Path, port: Callable[[], int]) -> Server:
    path = shutil.which(program)
    if path is None:
        raise RuntimeUnavailableError(
            missing(release),
            cause=f"install it (Debian: {_PACKAGES[program]}); {_since(program)} does without",
        )
    here = port()
    if program == NATS:
        words: tuple[str, ...] = ("--jetstream", "--addr", HERE, "--port", str(here))
        words += ("--store_dir", str(folder))
        variables = {"NATS_SERVER": f"nats://{HERE}:{here}"}
    else:
        clients, peers = f"http://{HERE}:{here}", f"http://{HERE}:{port()}"
        words = (
            *("--data-dir", str(folder), "--listen-client-urls", clients),
            *("--advertise-client-urls", clients, "--listen-peer-urls", peers),
            *("--initial-advertise-peer-urls", peers, "--initial-cluster", f"default={peers}"),
        )
        variables = {"ETCD_ENDPOINTS": clients}
    return Server(program=program, argv=(path, *words), port=here, variables=variables)


def _since(program: str) -> str:
    return ".".join(map(str, _WITHOUT[program]))


def wait_listening(servers: Iterable[Server], *, check: Callable[[], None]) -> None:
    """Return once all of them take connections.

    Args:
        servers: The servers, which were started.
        check: Raises when one of them has ended.

    Raises:
        RuntimeUnavailableError: One of them takes none in time.
    """
    deadline = time.monotonic() + LISTENING_SECONDS
    for server in servers:
        while not _listens(server.port):
            check()
            if time.monotonic() > deadline:
                raise RuntimeUnavailableError(
                    f"{server.program} takes no connection after {LISTENING_SECONDS:.0f} s"
                )
            time.sleep(_POLL_SECONDS)


def _listens(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as client:
        return client.connect_ex((HERE, port)) == 0
