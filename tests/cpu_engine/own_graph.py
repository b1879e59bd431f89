"""The components of the vLLM examples with vLLM on a CPU: one worker, a processor before it."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dynamo_conformance.targets import CPU
from dynamo_conformance.targets.local.component_process import ProcessStart
from dynamo_conformance.targets.local.deployment import (
    check_alive,
    ignore_lines,
    run_folder,
    running,
)
from dynamo_conformance.targets.local.port_reservations import Ports
from dynamo_conformance.targets.local.run_environment import base_environment
from dynamo_conformance.targets.readiness import wait_ready
from sandbox import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.targets.interface import Change, Worker
    from dynamo_conformance.targets.local.component_process import ComponentProcess

ENGINE = REPOSITORY / "examples" / "llm" / "vllm_v1"
MODEL = "tiny"
SECONDS = 240.0
WORKER = "dyn://behind.backend.generate"
"""Where the worker answers: a namespace that the processor's frontend does not look into."""

RULED = "ruled"
"""The namespace that it does look into."""


@dataclass(frozen=True, slots=True)
class Served:
    """A frontend with what answers behind it; what `wait_ready` asks for, it has."""

    url: str
    processes: tuple[ComponentProcess, ...]
    logs: Path
    workers: tuple[Worker, ...] = ()
    changes: tuple[Change, ...] = ()
    settled_for: float | None = None

    def check(self) -> None:
        check_alive(self.processes)

    def log(self, name: str) -> str:
        return (self.logs / f"{name}.log").read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Graph:
    """The worker by itself, and the same behind the processor."""

    plain: Served
    ruled: Served


def environment(run: Path) -> dict[str, str]:
    """Return what vLLM needs on a CPU, with a log that tells when it computes."""
    return base_environment(CPU, run) | {"VLLM_LOGGING_LEVEL": "DEBUG"}


@contextmanager
def scripted(script: Path, model: Path) -> Iterator[Served]:
    """Run a published script with another model; leaving ends it."""
    with run_folder("script") as own, Ports() as ports:
        run = own.path
        port, first = ports.take(0), ports.take(0)
        env = environment(run) | {
            "MODEL": str(model),
            "DYN_HTTP_PORT": str(port),
            "SYSTEM_PORT": str(first),
        }
        start = ProcessStart(name=script.stem, argv=("bash", str(script)), env=env, cwd=run)
        with running([start], run=own, listener=ignore_lines) as processes:
            made = Served(f"http://127.0.0.1:{port}", tuple(processes), run / "logs")
            wait_ready(made, model=str(model), timeout=SECONDS)
            yield made


@contextmanager
def served(model: Path) -> Iterator[Graph]:
    """Serve a model; leaving ends it all."""
    with run_folder("real") as own, Ports() as ports:
        run = own.path
        env = environment(run) | {
            "DYN_DISCOVERY_BACKEND": "file",
            "DYN_FILE_KV": str(run / "discovery"),
            "DYN_REQUEST_PLANE": "tcp",
            "DYN_EVENT_PLANE": "zmq",
        }

        def start(name: str, *words: str, **more: str) -> ProcessStart:
            dynamo = str(Path(sys.executable).with_name("dynamo"))
            argv = (dynamo, "serve", *words)
            return ProcessStart(name=name, argv=argv, env=env | more, cwd=ENGINE)

        plain, ruled = ports.take(0), ports.take(0)
        component = ("--component", "components.worker", "--served-model-name", MODEL)
        before = ("--component", "components.processor", "--namespace", RULED, "--behind", WORKER)
        starts = [
            start("worker", *component, "--model", str(model), "--endpoint", WORKER),
            start("processor", *before, "--model", str(model)),
            start("plain", "in=http", "out=dyn://behind", DYN_HTTP_PORT=str(plain)),
            start("ruled", "in=http", f"out=dyn://{RULED}", DYN_HTTP_PORT=str(ruled)),
        ]
        with running(starts, run=own, listener=ignore_lines) as processes:
            made = [
                Served(f"http://127.0.0.1:{port}", tuple(processes), run / "logs")
                for port in (plain, ruled)
            ]
            for one, name in zip(made, (MODEL, str(model)), strict=True):
                wait_ready(one, model=name, timeout=SECONDS)
            yield Graph(*made)
