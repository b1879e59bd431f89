"""A compose file: every component a service, on one machine with Docker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dynamo_conformance.manifest.node import find
from dynamo_launch.deploy.component_process import component_process
from dynamo_launch.deploy.output import File
from dynamo_launch.deploy.outputs import output_checks
from dynamo_launch.deploy.outputs.compose_service import DISCOVERY, services, written
from dynamo_launch.deploy.outputs.output_checks import Unused, env_file, secret_steps
from dynamo_launch.deploy.outputs.yaml_comments import commented, heading
from dynamo_launch.deploy.source_map import constant, mapped, mapping

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dynamo_conformance.manifest.node import Node
    from dynamo_launch.config.config_error import ConfigErrors
    from dynamo_launch.deploy.component_process import ComponentProcess
    from dynamo_launch.deploy.output import Order

UNUSED: Final = (
    Unused("runtime_version", "only the operator asks for it"),
    Unused(r"health\.live", "Docker restarts a container that ended, not one that is unhealthy"),
    Unused(r"health\.start\.(?:path|port|delay|timeout)", "Docker asks as health.ready says"),
    Unused(r"resources\.[^.]*/.*", "only GPUs are given to a container"),
    Unused(r"ports\.(?!http$).*", "containers of one network reach every port of each other"),
)

NAME: Final = "compose.yaml"


class Compose:
    """The output for Docker Compose v2."""

    summary = "Docker Compose: every component a service of one machine."

    def check(self, order: Order, errors: ConfigErrors) -> None:
        """Add an error for what needs several machines."""
        output_checks.check_images(order, errors)
        output_checks.check_startable(order, errors)
        output_checks.check_one_machine(order, errors, instead="--target k8s or --target slurm")
        if not errors.fatal:
            output_checks.warn_of_unused(order, UNUSED, errors, target="compose")

    def files(self, order: Order) -> tuple[File, ...]:
        """Return the one file."""
        processes = [
            component_process(order.graph, component) for component in order.graph.components
        ]
        composed = tuple(services(processes))
        root = mapping(
            name=find(order.graph.root, ("metadata", "name")),
            services=mapped({service.name: written(service, composed) for service in composed}),
            volumes=mapped(dict(_volumes(processes))),
        )
        head = (*heading(order), "", *_needs(order))
        return (File(name=NAME, text=commented(root, order.source_map, head=head)),)

    def kept(self, order: Order) -> tuple[str, ...]:
        """Return the files that hold the secrets."""
        return output_checks.env_files(order)

    def next_steps(self, order: Order, folder: str) -> tuple[str, ...]:
        """Return how to make the files of secrets, and how to start it all."""
        return (
            *secret_steps(order, folder),
            f"docker compose -f {folder}/{NAME} up --wait",
        )


def _needs(order: Order) -> Iterator[str]:
    yield "DYN_HTTP_PORT, for several frontends DYN_HTTP_PORTS, moves the endpoint to other ports."
    for name in output_checks.secrets(order):
        yield f"{env_file(name)}, beside this file, holds the keys of secret {name} as NAME=VALUE."


def _volumes(processes: Iterable[ComponentProcess]) -> Iterator[tuple[str, Node]]:
    """Yield the volumes: one in memory that is empty at each start, and those of claims."""
    options = {"type": "tmpfs", "device": "tmpfs", "o": "mode=1777"}
    yield DISCOVERY, mapping(driver_opts=mapped({k: constant(v) for k, v in options.items()}))
    claims = {
        mount.claim for process in processes for mount in process.mounts if mount.claim is not None
    }
    for claim in sorted(claims):
        yield claim, mapping(name=constant(claim))
