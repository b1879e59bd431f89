"""Dynamo 0.3.1 itself: its environment, etcd and NATS, and the files of the example."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import requests
import yaml
from uv import find_uv_bin

from dynamo_conformance.mock_engine.mock_model import make_local_model
from dynamo_conformance.targets.local.component_process import ProcessStart
from dynamo_conformance.targets.local.deployment import (
    check_alive,
    ignore_lines,
    run_folder,
    running,
)
from dynamo_conformance.targets.local.port_reservations import Ports
from dynamo_conformance.targets.readiness import wait_ready
from sandbox import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeAlias

    from dynamo_conformance.targets.interface import Change, Worker
    from dynamo_conformance.targets.local.component_process import ComponentProcess

    _Starts: TypeAlias = Callable[[dict[str, str], int, Ports], list[ProcessStart]]

RELEASE = "0.3.1"
REQUIREMENTS = (
    f"ai-dynamo=={RELEASE}",
    f"ai-dynamo-runtime=={RELEASE}",
    # What it imports and does not ask for: pkg_resources, a server for health checks.
    "setuptools<81",
    "uvicorn",
    # What came with the engine.
    "msgspec",
)
PYTHONS = ">=3.10,<3.13"
"""The runtime of then has wheels for these alone."""

ENGINE = REPOSITORY / "examples" / "llm" / "vllm_v0"
STAND_IN = Path(__file__).parent / "stand_in"
MODEL = "deepseek-ai/DeepSeek-R1-Distill-Llama-8B"
SECONDS = 180.0
SERVER_SECONDS = 60.0
SETTLE_SECONDS = 2.0
HERE = "127.0.0.1"
DEBIAN = {"etcd": "etcd-server", "nats-server": "nats-server"}


class NotHereError(Exception):
    """What a run needs is not on this machine."""


@dataclass(frozen=True, slots=True)
class Legacy:
    """What runs a graph of 0.3.1.

    Attributes:
        programs: The folder of the release's own programs.
        etcd: The program.
        nats: The program.
        model: A model's folder, without weights.
    """

    programs: Path
    etcd: str
    nats: str
    model: Path


@dataclass(frozen=True, slots=True)
class Served:
    """A graph that answers; what `wait_ready` asks for, it has."""

    url: str
    processes: tuple[ComponentProcess, ...]
    reports: Path
    logs: Path
    workers: tuple[Worker, ...] = ()
    changes: tuple[Change, ...] = ()
    settled_for: float | None = None

    def check(self) -> None:
        check_alive(self.processes)

    def report(self) -> list[dict[str, str | int]]:
        """Return what the stand-ins of all workers have done, each in its order."""
        files = sorted(self.reports.glob("*.jsonl"))
        lines = (line for file in files for line in file.read_text(encoding="utf-8").splitlines())
        return [json.loads(line) for line in lines]


def make_legacy(folder: Path) -> Legacy:
    """Return what runs a graph of 0.3.1, with an environment that uv makes in a folder.

    Raises:
        NotHereError: There is no etcd, or no nats-server.
        subprocess.CalledProcessError: uv could not make it.
    """
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"])
    servers = {name: shutil.which(name, path=path) for name in DEBIAN}
    missing = [DEBIAN[name] for name, program in servers.items() if program is None]
    if missing:
        raise NotHereError(f"apt-get install {' '.join(missing)}, or put the programs on PATH")
    python = folder / "environment" / "bin" / "python"
    # Without the overrides of today's release, which are for its dependencies.
    env = {name: value for name, value in os.environ.items() if not name.startswith("UV_OVERRIDE")}
    uv = find_uv_bin()
    for words in (
        ("venv", "--quiet", "--python", PYTHONS, str(python.parents[1])),
        ("pip", "install", "--quiet", "--compile-bytecode", "--python", str(python), *REQUIREMENTS),
    ):
        subprocess.run([uv, *words], check=True, env=env)
    model = make_local_model(folder / "model", name=MODEL, context_length=16384)
    return Legacy(python.parent, str(servers["etcd"]), str(servers["nats-server"]), model)


@contextmanager
def scripted(legacy: Legacy, script: Path) -> Iterator[Served]:
    """Run a script as published, for another model and other ports; leaving ends it."""

    def starts(env: dict[str, str], port: int, _ports: Ports) -> list[ProcessStart]:
        more = {"MODEL": str(legacy.model), "DYN_HTTP_PORT": str(port)}
        return [start(script.stem, ("bash", str(script)), env | more)]

    with _started(legacy, starts) as served:
        yield served


@contextmanager
def pods(legacy: Legacy, manifest: Path) -> Iterator[Served]:
    """Run the pods of a manifest in the folder of our components, which its image has not.

    Their words are as published, but for the model's folder and the ports, which pods have to
    themselves and processes of one machine share.
    """
    spec = yaml.safe_load(manifest.read_text(encoding="utf-8"))["spec"]
    published = {entry["name"]: entry["value"] for entry in spec["envs"]}

    def starts(env: dict[str, str], port: int, ports: Ports) -> list[ProcessStart]:
        settings = json.loads(published["DYN_DEPLOYMENT_CONFIG"])
        settings["Common"]["model"] = str(legacy.model)
        settings["Frontend"]["port"] = port
        own = env | published | {"DYN_DEPLOYMENT_CONFIG": json.dumps(settings)}
        return [
            start(f"{name}-{index}", _words(service, ports), own)
            for name, service in spec["services"].items()
            for index in range(service["replicas"])
        ]

    with _started(legacy, starts) as served:
        yield served


def start(name: str, argv: tuple[str, ...], env: dict[str, str]) -> ProcessStart:
    return ProcessStart(name=name, argv=argv, env=env, cwd=ENGINE)


def _words(service: dict[str, dict[str, dict[str, list[str]]]], ports: Ports) -> tuple[str, ...]:
    """Return the words of a pod, with a port of this machine for its health checks."""
    words = service["extraPodSpec"]["mainContainer"]["args"]
    at = words.index("--system-app-port") + 1
    return (*words[:at], str(ports.take(0)), *words[at + 1 :])


@contextmanager
def _started(legacy: Legacy, starts: _Starts) -> Iterator[Served]:
    """Start etcd, NATS and what is wanted beside them, and wait until it answers."""
    with ExitStack() as stack:
        own, ports = stack.enter_context(run_folder("legacy")), stack.enter_context(Ports())
        reports = own.path / "reports"
        reports.mkdir()
        etcd, peers, nats, port = (ports.take(0) for _ in range(4))
        env = {
            "ETCD_ENDPOINTS": f"http://{HERE}:{etcd}",
            "HOME": str(own.path),
            "NATS_SERVER": f"nats://{HERE}:{nats}",
            "PATH": os.pathsep.join([str(legacy.programs), "/usr/bin", "/bin"]),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": str(STAND_IN),
            "TMPDIR": str(own.path / "tmp"),
            "VLLM_STAND_IN_REPORT": str(reports),
        }
        servers = [
            start("etcd", _etcd(legacy.etcd, own.path, etcd, peers), env),
            start("nats", _nats(legacy.nats, own.path, nats), env),
        ]
        stack.enter_context(running(servers, run=own, listener=ignore_lines))
        for number in (etcd, nats):
            _wait_open(number)
        wanted = starts(env, port, ports)
        processes = stack.enter_context(running(wanted, run=own, listener=ignore_lines))
        served = Served(f"http://{HERE}:{port}", tuple(processes), reports, own.path / "logs")
        _wait_listed(served)
        # A request that comes before the KV router has asked each worker for its load ends the
        # router of 0.3.1 for good (`NoEndpoints`), and nothing says when it has.
        time.sleep(SETTLE_SECONDS)
        wait_ready(served, model=None, timeout=SECONDS)
        yield served


def _wait_listed(served: Served) -> None:
    """Wait until the frontend lists a model.

    Raises:
        DeployFailure: A process has ended.
        TimeoutError: It does not.
    """
    deadline = time.monotonic() + SECONDS
    with requests.Session() as session:
        session.trust_env = False
        while time.monotonic() < deadline:
            served.check()
            with suppress(requests.RequestException):
                if session.get(f"{served.url}/v1/models", timeout=SECONDS).json()["data"]:
                    return
            time.sleep(0.1)
    raise TimeoutError(f"no model is listed after {SECONDS:.0f} s")


def _wait_open(port: int) -> None:
    """Wait until a server takes connections.

    Raises:
        TimeoutError: It does not, within a minute.
    """
    deadline = time.monotonic() + SERVER_SECONDS
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex((HERE, port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError(f"nothing listens on port {port} after {SERVER_SECONDS:.0f} s")


def _etcd(program: str, folder: Path, clients: int, peers: int) -> tuple[str, ...]:
    client, peer = f"http://{HERE}:{clients}", f"http://{HERE}:{peers}"
    return (
        program,
        f"--data-dir={folder / 'etcd'}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
    )


def _nats(program: str, folder: Path, port: int) -> tuple[str, ...]:
    return (program, "-js", "-sd", str(folder / "nats"), "-a", HERE, "-p", str(port))
