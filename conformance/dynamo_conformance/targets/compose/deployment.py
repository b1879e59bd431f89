"""A compose file, run as published: started, watched, and removed with all that it made."""

from __future__ import annotations

import json
import os
import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict
from uuid import uuid4

from dynamo_conformance.targets.compose.docker_compose import ComposeError, ComposeProject
from dynamo_conformance.targets.exit_cause import as_signal, how_it_ended, likely_cause
from dynamo_conformance.targets.interface import Change, DeployFailure, Unready, Worker
from dynamo_conformance.targets.local.component_process import (
    ComponentProcess,
    ProcessStart,
    end_all,
)
from dynamo_conformance.targets.local.deployment import (
    ignore_lines,
    ignore_logs,
    run_folder,
)
from dynamo_conformance.targets.local.local_plan import HERE
from dynamo_conformance.targets.local.port_reservations import Ports
from dynamo_conformance.targets.local.run_environment import fill_hub

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from dynamo_conformance.engines.serving import Serving
    from dynamo_conformance.targets.compose.docker_compose import ComposeService, ServiceContainer
    from dynamo_conformance.targets.image_names import TaggedMockImage
    from dynamo_conformance.targets.local.deployment import Run

NAMES = "dynamo-conformance"
"""What the names of our projects begin with."""

HTTP_PORT = "DYN_HTTP_PORT"
"""The variable from which a compose file of the examples tree takes the port for clients."""

HUB = "HF_HOME"
_PROJECT, _SERVICE = "com.docker.compose.project", "com.docker.compose.service"
_LAST_LINES = 12


class _Actor(TypedDict):
    Attributes: dict[str, str]


class _Event(TypedDict):
    id: str
    Actor: _Actor


@dataclass(frozen=True, slots=True)
class ComposeDeployment:
    """A compose file that is running."""

    compose: ComposeProject
    watcher: ComponentProcess
    url: str
    workers: tuple[Worker, ...]
    changes: tuple[Change, ...]
    logs: Path
    settled_for: float | None = None
    is_held: bool = False

    def unready(self) -> Unready:
        """Containers do not say when they are ready."""
        return Unready()

    def close(self) -> None:
        """Have the containers killed, and with them requests that are under way."""
        self.kill()

    def kill(self) -> None:
        """Have the containers killed; what is then left of them is removed at the end."""
        with suppress(ComposeError):
            self.compose.kill()

    def check(self) -> None:
        """Raise for the first container that has ended, with its last words."""
        ended = self.watcher.exit_code()
        lines = self.watcher.tail()
        if ended is not None:
            raise DeployFailure("the container engine no longer answers", log=lines[-_LAST_LINES:])
        if lines:
            with _in_words():
                raise self._death(json.loads(lines[0]))

    def _death(self, event: _Event) -> DeployFailure:
        attributes = event["Actor"]["Attributes"]
        code = as_signal(int(attributes["exitCode"]))
        service = attributes[_SERVICE]
        containers = self.compose.containers()
        ended = [container for container in containers if event["id"].startswith(container.id)]
        log = tuple(self.compose.log(ended[0]).splitlines()) if ended else ()
        return DeployFailure(
            f"service {service} {how_it_ended(code)}",
            cause=likely_cause(code, log),
            log=log[-_LAST_LINES:],
        )


@contextmanager
def run_compose(
    file: Path,
    *,
    serving: Serving | None,
    image: TaggedMockImage | None,
    at_end: Callable[[Path], None] = ignore_logs,
) -> Iterator[ComposeDeployment]:
    """Start a compose file; leaving the context removes all that was made for it.

    Args:
        file: The file, used as it is.
        serving: What the manifest of the same name promises; the model that must be known.
        image: The mock engine's image, or None for the images that the file names.
        at_end: Is called with the folder of the logs before it is removed.

    Raises:
        DeployFailure: What kept it from starting.
    """
    with run_folder(file.stem) as own, Ports() as ports, ExitStack() as stack:
        run = own.path
        env = dict(os.environ) | {HTTP_PORT: str(ports.take(0))}
        if image is not None:
            env |= _world(run / "hub", serving)
        project = f"{NAMES}-{file.stem}-{uuid4().hex[:8]}".replace(".", "-").lower()
        alone = ComposeProject(project=project, files=(file.resolve(),), env=env)
        with _in_words():
            services = alone.services()
            if image is None:
                alone.fetch()
        beside, changes = _beside(services, gpus=image is None)
        (run / "beside.yaml").write_text(beside, encoding="utf-8")
        compose = ComposeProject(
            project=project, files=(*alone.files, run / "beside.yaml"), env=alone.env
        )
        if image is not None:
            names = (service.image for service in services)
            changes += stack.enter_context(image.tagged(names))
        yield stack.enter_context(_started(compose, services, changes, own, at_end))


@contextmanager
def _started(
    compose: ComposeProject,
    services: tuple[ComposeService, ...],
    changes: tuple[Change, ...],
    run: Run,
    at_end: Callable[[Path], None],
) -> Iterator[ComposeDeployment]:
    logs = run.path / "logs"
    logs.mkdir()
    watcher = _watcher(compose, run)
    try:
        with _in_words():
            compose.up()
            containers = compose.containers()
        yield ComposeDeployment(
            compose=compose,
            watcher=watcher,
            url=_url(services, containers),
            workers=tuple(_workers(services, containers)),
            changes=changes,
            logs=logs,
        )
    finally:
        try:
            end_all([watcher], run.supervisor)
            with _in_words():
                for container in compose.containers():
                    log = logs / f"{container.service}.log"
                    log.write_text(compose.log(container), encoding="utf-8")
            at_end(logs)
        finally:
            with _in_words():
                _remove(compose)


def _remove(compose: ComposeProject) -> None:
    """Remove all that was made; an interrupt kills the containers at once, and is raised then."""
    try:
        compose.down()
    except KeyboardInterrupt:
        compose.down(grace=0)
        raise


@contextmanager
def _in_words() -> Iterator[None]:
    try:
        yield
    except ComposeError as error:
        first, *rest = str(error).splitlines()
        raise DeployFailure(f"docker compose: {first}", log=tuple(rest)) from error


def _world(hub: Path, serving: Serving | None) -> dict[str, str]:
    """Return what stands for a hub's cache, with the model in it that the mock engine serves."""
    hub.mkdir()
    if serving is not None and serving.source is not None:
        fill_hub(hub, [serving.source])
    return {HUB: str(hub)}


def _beside(services: Iterable[ComposeService], *, gpus: bool) -> tuple[str, tuple[Change, ...]]:
    """Return the file that is laid over the published one, and what it changes."""
    lines, changes = ["services:"], list[Change]()
    for service in services:
        parts: list[str] = []
        if service.wants_gpus and not gpus:
            parts.append("deploy: {resources: {reservations: {devices: !reset []}}}")
            changes.append(Change(service.name, "no GPU is asked for"))
        if not service.is_frontend and service.system_port not in (None, *service.ports):
            parts.append(f'ports: ["{HERE}::{service.system_port}"]')
            where = f"port {service.system_port} is published, to ask the worker about itself"
            changes.append(Change(service.name, where))
        lines.append(f"  {json.dumps(service.name)}: {{{', '.join(parts)}}}")
    return "\n".join(lines) + "\n", tuple(changes)


def _watcher(compose: ComposeProject, run: Run) -> ComponentProcess:
    """Return a process that writes a line for each container that ends."""
    words = ("docker", "events", "--since", f"{time.time():.3f}", "--format", "{{json .}}")
    wanted = ("--filter", "event=die", "--filter", f"label={_PROJECT}={compose.project}")
    start = ProcessStart(name="events", argv=(*words, *wanted), env=dict(compose.env), cwd=run.path)
    return ComponentProcess(
        start,
        log=run.path / "events.log",
        listener=ignore_lines,
        supervisor=run.supervisor,
    )


def _url(services: Iterable[ComposeService], containers: Iterable[ServiceContainer]) -> str:
    frontends = {service.name: service.ports for service in services if service.is_frontend}
    for container in containers:
        for port in frontends.get(container.service, ()):
            if port in container.ports:
                return f"http://{HERE}:{container.ports[port]}"
    raise DeployFailure(
        "no service publishes a port of a frontend, so nothing answers",
        cause=f"one service must run dynamo.frontend and publish its port as ${{{HTTP_PORT}}}",
    )


def _workers(
    services: Iterable[ComposeService], containers: Iterable[ServiceContainer]
) -> Iterator[Worker]:
    system_ports: Mapping[str, int | None] = {
        service.name: service.system_port for service in services if not service.is_frontend
    }
    for container in containers:
        port = container.ports.get(system_ports.get(container.service) or 0)
        if port is not None:
            yield Worker(container.name, f"http://{HERE}:{port}")
