"""What is laid over a compose file, and where its frontend and workers are found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.targets.compose import deployment, docker_compose
from dynamo_conformance.targets.compose.docker_compose import (
    ComposeError,
    ComposeProject,
    ComposeService,
    ServiceContainer,
    check,
)
from dynamo_conformance.targets.interface import DeployFailure

if TYPE_CHECKING:
    from pathlib import Path

RESERVED = {"resources": {"reservations": {"devices": [{"device_ids": ["0"]}]}}}

NO_DEVICES = "deploy: {resources: {reservations: {devices: !reset []}}}"


def service(name: str, *, gpus: bool = False, ports: tuple[int, ...] = ()) -> ComposeService:
    return ComposeService(
        name=name,
        image="engine:1",
        is_frontend=name == "frontend",
        wants_gpus=gpus,
        ports=ports,
        system_port=9090,
    )


def container(name: str, **ports: int) -> ServiceContainer:
    at = {int(port.removeprefix("at")): here for port, here in ports.items()}
    return ServiceContainer(id="12", name=f"p-{name}-1", service=name, ports=at)


@pytest.mark.parametrize(
    ("written", "found"),
    [
        (
            {"image": "x:1", "command": ["python3", "-m", "dynamo.frontend"], "ports": []},
            ComposeService(
                name="one", image="x:1", is_frontend=True, wants_gpus=False, ports=(),
                system_port=None,
            ),
        ),
        (
            {
                "image": "x:1",
                "command": ["python3", "-m", "dynamo.vllm"],
                "environment": {"DYN_SYSTEM_PORT": "9090", "HF_TOKEN": None},
                "ports": [{"target": 9090, "published": "1"}],
                "deploy": RESERVED,
            },
            ComposeService(
                name="one", image="x:1", is_frontend=False, wants_gpus=True, ports=(9090,),
                system_port=9090,
            ),
        ),
        (
            {"image": "x:1", "command": None, "environment": {}, "deploy": {"resources": {}}},
            ComposeService(
                name="one", image="x:1", is_frontend=False, wants_gpus=False, ports=(),
                system_port=None,
            ),
        ),
    ],
)  # fmt: skip
def test_a_service_as_compose_tells_it(
    written: docker_compose._WrittenService, found: ComposeService
) -> None:
    assert docker_compose._service("one", written) == found


def test_only_ports_of_this_machine_count() -> None:
    listed: docker_compose._ListedContainer = {
        "ID": "12",
        "Name": "p-worker-1",
        "Service": "worker",
        "Publishers": [
            {"TargetPort": 9090, "PublishedPort": 31000},
            {"TargetPort": 8000, "PublishedPort": 0},
        ],
    }
    assert docker_compose._container(listed).ports == {9090: 31000}
    assert docker_compose._container({**listed, "Publishers": None}).ports == {}


def test_what_is_laid_over_the_file() -> None:
    services = (service("frontend"), service("worker", gpus=True))
    text, changes = deployment._beside(services, gpus=False)
    assert text.splitlines() == [
        "services:",
        '  "frontend": {}',
        f'  "worker": {{{NO_DEVICES}, ports: ["127.0.0.1::9090"]}}',
    ]
    assert [str(change) for change in changes] == [
        "worker: no GPU is asked for",
        "worker: port 9090 is published, to ask the worker about itself",
    ]


def test_gpus_that_are_there_are_used_and_published_ports_stay() -> None:
    text, changes = deployment._beside((service("worker", gpus=True, ports=(9090,)),), gpus=True)
    assert (text, changes) == ('services:\n  "worker": {}\n', ())


def test_where_it_answers() -> None:
    services = (service("frontend", ports=(8000,)), service("worker"))
    containers = (container("worker", at9090=31000), container("frontend", at8000=8123))
    assert deployment._url(services, containers) == "http://127.0.0.1:8123"
    (worker,) = deployment._workers(services, containers)
    assert (worker.name, worker.system_url) == ("p-worker-1", "http://127.0.0.1:31000")
    with pytest.raises(DeployFailure, match="no service publishes a port of a frontend"):
        deployment._url(services, containers[:1])


def test_no_docker(tmp_path: Path) -> None:
    nowhere = {"PATH": str(tmp_path)}
    with pytest.raises(ComposeError, match=r"^install Docker Compose 2\.24 or later: docker: No"):
        check(nowhere)


def test_docker_that_does_not_answer(tmp_path: Path) -> None:
    plant(tmp_path, 'if [ "$1" = compose ]; then exit 0; fi\necho no daemon >&2\nexit 1\n')
    with pytest.raises(ComposeError, match=r"^start the container engine: no daemon$"):
        check({"PATH": f"{tmp_path}:/usr/bin:/bin"})


def test_only_the_end_of_what_compose_says_is_told(tmp_path: Path) -> None:
    plant(tmp_path, "seq 1 40 >&2\necho nothing\nexit 14\n")
    compose = ComposeProject(
        project="p", files=(tmp_path,), env={"PATH": f"{tmp_path}:/usr/bin:/bin"}
    )
    with pytest.raises(ComposeError) as caught:
        compose.up()
    assert str(caught.value).splitlines() == [str(item) for item in range(29, 41)]


def plant(folder: Path, script: str) -> None:
    """Put a program in the place of Docker's."""
    path = folder / "docker"
    path.write_text(f"#!/bin/sh\n{script}", encoding="utf-8")
    path.chmod(0o755)
