"""The program `docker compose`, on one project: what is written, what runs, what it wrote."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

from dynamo_conformance.targets import MOCK
from dynamo_conformance.targets.image_names import TaggedMockImage, engine_image
from dynamo_conformance.targets.interface import TargetUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

SYSTEM_PORT = "DYN_SYSTEM_PORT"
FRONTEND = "dynamo.frontend"
NEEDED = "Docker Compose 2.24 or later"
"""The first one that knows `!reset`."""

QUICK_SECONDS = 60.0
FETCH_SECONDS = 7200.0
"""For all images of a file; an engine's has ten gigabytes and more."""

START_SECONDS = 300.0
"""With images that are there."""

STOP_SECONDS = 10
"""How long a container may take to end after SIGTERM before it is killed."""

_LAST_LINES = 12


class ComposeError(Exception):
    """Docker Compose is not there, or does not do what it is asked; with its own message."""


class _Port(TypedDict):
    target: int


class _WrittenService(TypedDict, total=False):
    image: str
    command: list[str] | None
    environment: dict[str, str | None]
    ports: list[_Port]


class _Publisher(TypedDict):
    TargetPort: int
    PublishedPort: int


class _ListedContainer(TypedDict):
    ID: str
    Name: str
    Service: str
    Publishers: list[_Publisher] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposeService:
    """A service as Compose understands the file.

    Attributes:
        is_frontend: Whether it answers the clients.
        wants_gpus: Whether it reserves devices.
        ports: The ports in its containers that the file publishes.
        system_port: Where it reports about itself in its containers, or None when it does not.
    """

    name: str
    image: str
    is_frontend: bool
    wants_gpus: bool
    ports: tuple[int, ...]
    system_port: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceContainer:
    """A container that was made for a service.

    Attributes:
        ports: The ports of this machine by those in the container.
    """

    id: str
    name: str
    service: str
    ports: Mapping[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposeProject:
    """A project of Docker Compose; every method raises `ComposeError` when Compose fails.

    Attributes:
        files: What it is made of; later files add to earlier files.
        env: The environment, from which the files take their variables.
    """

    project: str
    files: tuple[Path, ...]
    env: Mapping[str, str]

    def services(self) -> tuple[ComposeService, ...]:
        """Return the services, every variable and anchor resolved."""
        written = json.loads(self._compose("config", "--format", "json"))["services"]
        return tuple(_service(name, service) for name, service in written.items())

    def fetch(self) -> None:
        """Fetch the images that are not here."""
        self._compose("pull", "--quiet", "--policy", "missing", seconds=FETCH_SECONDS)

    def up(self) -> None:
        """Start everything in the background."""
        self._compose("up", "--detach", seconds=START_SECONDS)

    def containers(self) -> tuple[ServiceContainer, ...]:
        """Return the project's containers, those that ended too."""
        lines = self._compose("ps", "--all", "--format", "json").splitlines()
        return tuple(_container(json.loads(line)) for line in lines)

    def log(self, container: ServiceContainer) -> str:
        """Return what a container wrote."""
        return _call(("docker", "logs", container.id), env=self.env, seconds=QUICK_SECONDS)

    def down(self, *, grace: int = STOP_SECONDS) -> None:
        """Remove everything that was made for the project.

        Args:
            grace: How many seconds a container may take to end before it is killed.
        """
        self._compose("down", "--volumes", "--timeout", str(grace))

    def kill(self) -> None:
        """Kill every container.

        Raises:
            ComposeError: The container engine does not answer.
        """
        self._compose("kill")

    def _compose(self, *words: str, seconds: float = QUICK_SECONDS) -> str:
        files = tuple(word for file in self.files for word in ("--file", str(file)))
        call = ("docker", "compose", "--project-name", self.project, *files, *words)
        return _call(call, env=self.env, seconds=seconds, errors_apart=True)


def prepare(*, mock: bool, progress: Callable[[str], None]) -> TaggedMockImage | None:
    """Make sure that compose files can be run.

    Args:
        mock: Whether the mock engine is to stand for the engines.
        progress: Is called with what takes long.

    Returns:
        The mock engine's image, or None when it is not to be used.

    Raises:
        TargetUnavailableError: Names what to install or to start.
    """
    try:
        check(os.environ)
    except ComposeError as error:
        raise TargetUnavailableError(str(error)) from error
    image = engine_image(MOCK) if mock else None
    return TaggedMockImage(image.build("compose", progress=progress)) if image else None


def check(env: Mapping[str, str]) -> None:
    """Make sure that Docker Compose is there and the container engine answers.

    Raises:
        ComposeError: Says what to install or to start.
    """
    try:
        _call(("docker", "compose", "version"), env=env, seconds=QUICK_SECONDS)
    except ComposeError as error:
        raise ComposeError(f"install {NEEDED}: {error}") from error
    try:
        _call(("docker", "version"), env=env, seconds=QUICK_SECONDS)
    except ComposeError as error:
        raise ComposeError(f"start the container engine: {error}") from error


def _call(
    words: tuple[str, ...],
    *,
    env: Mapping[str, str],
    seconds: float,
    errors_apart: bool = False,
) -> str:
    """Return what a program wrote; Compose prints its progress where errors go."""
    try:
        ended = subprocess.run(
            words,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if errors_apart else subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
        )
    except OSError as error:
        raise ComposeError(f"{words[0]}: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise ComposeError(f"{' '.join(words)} took more than {seconds:.0f} s") from error
    if ended.returncode != 0:
        lines = (ended.stderr or ended.stdout).strip().splitlines() or ["it gave no reason"]
        raise ComposeError("\n".join(lines[-_LAST_LINES:]))
    return ended.stdout


def _service(name: str, written: _WrittenService) -> ComposeService:
    port = (written.get("environment") or {}).get(SYSTEM_PORT)
    return ComposeService(
        name=name,
        image=written.get("image", ""),
        is_frontend=FRONTEND in (written.get("command") or ()),
        wants_gpus=bool(_devices(written)),
        ports=tuple(published["target"] for published in written.get("ports") or ()),
        system_port=int(port) if port else None,
    )


def _devices(written: object) -> object:
    """Return what is reserved of devices; each level on the way may be left out."""
    for key in ("deploy", "resources", "reservations", "devices"):
        written = written.get(key) if isinstance(written, dict) else None
    return written


def _container(listed: _ListedContainer) -> ServiceContainer:
    return ServiceContainer(
        id=listed["ID"],
        name=listed["Name"],
        service=listed["Service"],
        ports={
            publisher["TargetPort"]: publisher["PublishedPort"]
            for publisher in listed["Publishers"] or ()
            if publisher["PublishedPort"]
        },
    )
