"""One component of a graph: from its config to its node in the v1beta1 manifest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.manifest.graph import MAIN
from dynamo_launch.deploy.component_role import TYPES, role
from dynamo_launch.deploy.container_fields import (
    ports,
    probes,
    resources,
    secrets,
    security,
    variables,
)
from dynamo_launch.deploy.pod_storage import storage
from dynamo_launch.deploy.source_map import constant, listed, mapping
from dynamo_launch.deploy.start_command import start
from dynamo_launch.errors import UsageError

if TYPE_CHECKING:
    from dynamo_conformance.manifest.node import Mapping, Node
    from dynamo_launch.deploy.component_input import ComponentInput
    from dynamo_launch.deploy.pod_storage import PodStorage
    from dynamo_launch.deploy.start_command import StartCommand


def graph_component(given: ComponentInput) -> Mapping | None:
    """Return a component in v1beta1 shape, or None when it cannot be started."""
    try:
        command = start(given)
    except UsageError as error:
        given.errors.add(error, at=given.name)
        return None
    its_role = role(given)
    kind = TYPES.get(its_role[0]) if its_role is not None else None
    stored = storage(given)
    main = _main(given, kind, command, stored)
    volumes = listed(stored.volumes) if stored.volumes else None
    size = given.value("shared_memory")
    return mapping(
        name=_name(given),
        type=given.source_map.text(kind, its_role[1]) if kind and its_role is not None else None,
        replicas=given.copied(given.value("replicas")),
        multinode=_nodes(given),
        sharedMemorySize=given.text(size) if size is not None else None,
        runtimeVersionOverride=given.copied(given.value("runtime_version")),
        podTemplate=mapping(spec=mapping(containers=listed((main,)), volumes=volumes)),
    )


def _main(
    given: ComponentInput, kind: str | None, command: StartCommand, stored: PodStorage
) -> Mapping:
    return mapping(
        name=constant(MAIN),
        image=given.copied(given.value("image")),
        workingDir=given.copied(given.value("working_dir")),
        command=listed(command.command) if command.command else None,
        args=listed(command.args) if command.args else None,
        env=variables(given, stored.home),
        envFrom=secrets(given),
        ports=ports(given, kind, command),
        **probes(given, kind),
        resources=resources(given),
        volumeMounts=listed(stored.mounts) if stored.mounts else None,
        securityContext=security(given),
    )


def _name(given: ComponentInput) -> Node:
    """Return the component's name as Kubernetes takes it."""
    name = given.config.name.text
    valid = name.replace("_", "-")
    if valid != name:
        text = f'Kubernetes takes no underscore in "{name}", so its graph says "{valid}"'
        given.warn(given.name, f"{text}; write {valid}")
    return given.source_map.text(valid, given.name)


def _nodes(given: ComponentInput) -> Node | None:
    nodes = given.value("nodes")
    if nodes is None or nodes.whole == 1:
        return None
    return mapping(nodeCount=given.number(nodes))
