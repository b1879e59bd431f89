"""Graphs that do not come up, and the parts of the world that make them so."""

from __future__ import annotations

import copy
import socket
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from dynamo_conformance.manifest.read import read_graphs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dynamo_conformance.kube.connection import Connection
    from dynamo_conformance.manifest.graph import Graph

EXAMPLES = Path(__file__).parents[2] / "examples" / "llm" / "vllm_v1" / "launch" / "k8s"
AGG = EXAMPLES / "agg.yaml"
PROVEN = tuple(
    EXAMPLES / version / f"{name}.yaml"
    for version in ("", "v1alpha1")
    for name in ("agg", "agg_router", "deepseek_r1/agg_dp", "disagg", "disagg_router")
)
"""The examples that have been served in kind; tox.ini names the same ones."""

Body = dict[str, Any]


def published() -> Body:
    """Return agg.yaml, to be spoilt."""
    body: Body = yaml.safe_load(AGG.read_text(encoding="utf-8"))
    return body


def worker(body: Body) -> Body:
    """Return the worker's container `main`."""
    main: Body = pod(body)["containers"][0]
    return main


def pod(body: Body, component: int = 1) -> Body:
    """Return a component's pod spec, the worker's by default."""
    spec: Body = body["spec"]["components"][component]["podTemplate"]["spec"]
    return spec


def written(folder: Path, *bodies: Body) -> tuple[Graph, Path]:
    """Write objects, a graph first, and return that graph with its file."""
    path = folder / "graph.yaml"
    path.write_text("---\n".join(yaml.safe_dump(one) for one in bodies), encoding="utf-8")
    return read_graphs(path)[0], path


def sleeps(seconds: float = 100000) -> list[str]:
    """Return a command that does nothing for a while, and ends when it is told to."""
    # The kernel gives a container's first process no signal that it has not asked for.
    told = "signal.signal(signal.SIGTERM, lambda *_: sys.exit())"
    return ["python3", "-c", f"import signal, sys, time; {told}; time.sleep({seconds})"]


def spoilt(change: Callable[[Body], object]) -> Body:
    """Return agg.yaml with a change."""
    body = copy.deepcopy(published())
    change(body)
    return body


def applied(connection: Connection, namespace: str, *objects: Body) -> None:
    """Put objects into a namespace."""
    text = yaml.safe_dump_all(objects)
    done = connection.kubectl("apply", "-n", namespace, "-f", "-", stdin=text)
    assert done.returncode == 0, done.stderr


@dataclass
class Wire:
    """A TCP connection to the API server that can be cut.

    Attributes:
        port: The port on this machine that leads there.
    """

    host: str
    to: int
    port: int = 0
    is_cut: bool = False
    pairs: list[socket.socket] = field(default_factory=list)

    def cut(self) -> None:
        """Let nothing through any more, and drop what is under way."""
        self.is_cut = True
        for one in self.pairs:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        self.pairs.clear()

    def repair(self) -> None:
        """Let connections through again."""
        self.is_cut = False

    def carry(self, caller: socket.socket) -> None:
        """Carry one connection."""
        other = socket.create_connection((self.host, self.to))
        self.pairs += [caller, other]
        if self.is_cut:
            self.cut()  # Perhaps only while this connection was made.
            return
        for source, target in ((caller, other), (other, caller)):
            threading.Thread(target=_pump, args=(source, target), daemon=True).start()


@contextmanager
def wire(host: str, port: int) -> Iterator[Wire]:
    """Return a wire to a server; leaving cuts it."""
    found = Wire(host, port)
    with socket.create_server(("127.0.0.1", 0)) as server:
        found.port = server.getsockname()[1]

        def accept() -> None:
            with suppress(OSError):
                while True:
                    found.carry(server.accept()[0])

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield found
        finally:
            found.cut()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for one in (source, target):
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)


KILL = """
import os, pathlib, signal
for entry in pathlib.Path("/proc").iterdir():
    if entry.name.isdigit() and int(entry.name) not in (1, os.getpid()):
        if b"dynamo" in (entry / "cmdline").read_bytes():
            os.kill(int(entry.name), signal.SIGKILL)
"""
"""Run in a container: ends the engine the hard way."""


def slow(body: Body) -> None:
    """Let the worker answer no faster than an engine would: there is time to do something to it."""
    main = worker(body)
    main["env"] = [*main.get("env", []), {"name": "DYN_MOCK_ENGINE_SPEEDUP", "value": "1"}]


def mortal(body: Body) -> None:
    """Let it be slow, and put a shell above it: nobody can kill a container's first process."""
    slow(body)
    main = worker(body)
    words = main["command"]
    main["command"] = ["sh", "-c", '"$@"; exit $?', "sh", *words]
