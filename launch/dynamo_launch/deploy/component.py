"""One component of a graph, made from what the files say of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.manifest.graph import MAIN
from dynamo_launch.deploy.environment import secrets, variables
from dynamo_launch.deploy.health import probes
from dynamo_launch.deploy.ports import ports
from dynamo_launch.deploy.resources import resources
from dynamo_launch.deploy.role import TYPES, role
from dynamo_launch.deploy.start import start
from dynamo_launch.deploy.storage import storage
from dynamo_launch.deploy.trace import constant, listed, mapped, mapping
from dynamo_launch.errors import UsageError

if TYPE_CHECKING:
    from dynamo_conformance.manifest.node import Mapping, Node
    from dynamo_launch.deploy.draft import Draft
    from dynamo_launch.deploy.start import Start
    from dynamo_launch.deploy.storage import Storage


def component(draft: Draft) -> Mapping | None:
    """Return a component in v1beta1 shape, or None when it cannot be started."""
    try:
        started = start(draft)
    except UsageError as error:
        draft.complaints.add(error, file=draft.name.file, mark=draft.name.mark)
        return None
    played = role(draft)
    kind = TYPES.get(played[0]) if played is not None else None
    stored = storage(draft)
    main = _main(draft, kind, started, stored)
    spec: dict[str, Node] = {"containers": listed((main,))}
    if stored.volumes:
        spec["volumes"] = listed(stored.volumes)
    template = mapping(spec=mapped(spec))
    return mapping(
        name=_name(draft),
        type=draft.trace.text(kind, played[1]) if kind is not None and played is not None else None,
        replicas=draft.copied("replicas"),
        multinode=_nodes(draft),
        sharedMemorySize=_shared_memory(draft),
        runtimeVersionOverride=draft.copied("runtime_version"),
        podTemplate=template,
    )


def _main(draft: Draft, kind: str | None, started: Start, stored: Storage) -> Mapping:
    fields: dict[str, Node | None] = {
        "name": constant(MAIN),
        "image": draft.copied("image"),
        "workingDir": draft.copied("working_dir"),
        "command": listed(started.command) if started.command else None,
        "args": listed(started.args) if started.args else None,
        "env": variables(draft, stored.home),
        "envFrom": secrets(draft),
        "ports": ports(draft, kind, started),
        **probes(draft, kind),
        "resources": resources(draft),
        "volumeMounts": listed(stored.mounts) if stored.mounts else None,
    }
    return mapped({name: node for name, node in fields.items() if node is not None})


def _name(draft: Draft) -> Node:
    """Return the component's name as Kubernetes takes it."""
    name = draft.described.name.text
    valid = name.replace("_", "-")
    if valid != name:
        text = f'Kubernetes takes no underscore in "{name}", so its graph says "{valid}"'
        draft.warn(draft.name, f"{text}; write {valid}")
    return draft.trace.text(valid, draft.name)


def _nodes(draft: Draft) -> Node | None:
    nodes = draft.written("nodes")
    if nodes is None or nodes.whole == 1:
        return None
    return mapping(nodeCount=draft.trace.number(nodes.whole, nodes.origin))


def _shared_memory(draft: Draft) -> Node | None:
    size = draft.written("shared_memory")
    return draft.trace.text(size.text, size.origin) if size is not None else None
