"""The plan: a graph's pods as processes of this machine, and everything that had to change.

Pure but for the ports it reserves: nothing is started and nothing is written here.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from conformance.api.cluster import Cluster
from conformance.manifest.config_maps import mounted_files
from conformance.manifest.graph import FRONTEND, MAIN, Container
from conformance.rendering.expand import expand
from conformance.rendering.pod import render, starts_by_mpi
from conformance.rendering.relocation import http_port, rewrite_paths
from conformance.targets.local.process import Start
from conformance.targets.local.rewrite import PortMap, port_changes, rewrite_ports
from conformance.targets.target import Change, Worker

if TYPE_CHECKING:
    from conformance.manifest.config_maps import ConfigMaps
    from conformance.manifest.graph import Graph
    from conformance.manifest.node import Mapping
    from conformance.rendering.pod import PodTemplate, Workload
    from conformance.targets.local.ports import Ports

NAMESPACE = "local"
"""What stands for the Kubernetes namespace in the names that the operator derives from it."""

HERE = "127.0.0.1"
SHARED_MEMORY = "/dev/shm"  # noqa: S108 - a mount point of the pod, not a file of ours


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What surrounds the processes of one deployment.

    Attributes:
        run: The deployment's own folder; everything it writes is below it.
        base: The environment that every process gets first (PATH, the mock engine, ...).
        secrets: Values for secret keys, from the caller's environment.
        config_maps: The ConfigMaps that the graph's file brings along.
    """

    run: Path
    base: dict[str, str]
    secrets: dict[str, str] = field(default_factory=dict)
    config_maps: ConfigMaps = field(default_factory=dict)

    @property
    def discovery(self) -> dict[str, str]:
        """Return what stands for the cluster's discovery: a folder instead of the API server."""
        return {
            "DYN_DISCOVERY_BACKEND": "file",
            "DYN_FILE_KV": str(self.run / "discovery"),
            "DYN_REQUEST_PLANE": "tcp",
            "DYN_EVENT_PLANE": "zmq",
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What will be started.

    Attributes:
        starts: One per process, in the order of the manifest.
        url: Where the frontend will answer, or None when the graph has none.
        workers: Where each worker's system port will answer.
        changes: Everything that differs from the manifest, in words.
        folders: Folders that stand for mounted volumes, to be made.
        files: Files of mounted ConfigMaps with their texts, to be written.
        hubs: Folders that the processes take for the model hub's cache.
    """

    starts: tuple[Start, ...]
    url: str | None
    workers: tuple[Worker, ...]
    changes: tuple[Change, ...]
    folders: tuple[Path, ...]
    files: dict[Path, str]
    hubs: tuple[Path, ...]


@dataclass(slots=True)
class _Draft:
    starts: list[Start] = field(default_factory=list)
    url: str | None = None
    workers: list[Worker] = field(default_factory=list)
    changes: dict[Change, None] = field(default_factory=dict)
    folders: dict[Path, None] = field(default_factory=dict)
    files: dict[Path, str] = field(default_factory=dict)
    hubs: dict[Path, None] = field(default_factory=dict)


def plan(graph: Graph, *, world: World, ports: Ports, port: int | None = None) -> Plan:
    """Return the processes that `graph` becomes on this machine.

    Args:
        graph: The graph.
        world: What surrounds the processes.
        ports: Where listen ports are reserved; held as long as the deployment lives.
        port: The port on which the (first) frontend must listen; None takes the published
            one, or a free one when that is taken.

    Raises:
        ReconcileFailure: The operator itself would end in state failed.
        PortsExhaustedError: `port` is in use.
    """
    draft = _Draft()
    workloads = render(graph, namespace=NAMESPACE, cluster=Cluster(lws=True))
    ordered = sorted(workloads, key=lambda one: one.component.type != FRONTEND)
    for workload in ordered:
        for replica in range(workload.replicas):
            _replica(draft, workload, replica, world=world, ports=ports, wanted=port)
    return Plan(
        starts=tuple(draft.starts),
        url=draft.url,
        workers=tuple(draft.workers),
        changes=tuple(draft.changes),
        folders=tuple(draft.folders),
        files=draft.files,
        hubs=tuple(draft.hubs),
    )


def _replica(
    draft: _Draft,
    workload: Workload,
    replica: int,
    *,
    world: World,
    ports: Ports,
    wanted: int | None,
) -> None:
    """Add the processes of one replica: one, or one per node."""
    group = PortMap(ports)
    nodes = workload.size
    if starts_by_mpi(workload):
        nodes = 1
        what = "mpirun over ssh starts the other nodes' ranks, not done here: node 0 is all of them"
        draft.changes[Change(_process_name(workload, replica, 0), what)] = None
    for node in range(nodes):
        is_leader = node == 0
        template = workload.leader if is_leader or workload.follower is None else workload.follower
        name = _process_name(workload, replica, node)
        own = PortMap(ports)
        first_frontend = workload.component.type == FRONTEND and draft.url is None
        if first_frontend and wanted is not None:
            own.known[_published_port(template)] = ports.take_exactly(wanted)
        start, env = _start(
            draft,
            name,
            template,
            node,
            world=world,
            own=own,
            group=group,
            words=_words(workload, template),
        )
        draft.starts.append(start)
        for change in port_changes(name, own, *((group,) if is_leader else ())):
            draft.changes[change] = None
        if first_frontend:
            draft.url = f"http://{HERE}:{http_port(start.argv, env)}"
        elif workload.component.is_worker and (is_leader or not _is_headless(start.argv)):
            port = env.get("DYN_SYSTEM_PORT")
            if port is not None:
                draft.workers.append(Worker(name, f"http://{HERE}:{port}"))


def _words(workload: Workload, template: PodTemplate) -> tuple[str, ...]:
    """Return the words of a pod's command: the author's own where the operator's call mpirun."""
    main = workload.component.main if starts_by_mpi(workload) else None
    main = main or _main(template)
    return tuple(word.text for word in (*main.command, *main.args))


def _published_port(template: PodTemplate) -> int:
    """Return the port that a frontend's manifest (or the operator) gives it."""
    main = _main(template)
    words = tuple(word.text for word in (*main.command, *main.args))
    return http_port(words, {var.name: var.value for var in main.env if var.value is not None})


def _is_headless(argv: tuple[str, ...]) -> bool:
    """Whether a follower only lends its GPUs: it has a rank in the leader's engine, not its own.

    Followers of a data parallel group are full workers instead, and serve their ranks themselves.
    """
    return any("--node-rank" in word for word in argv)


def _process_name(workload: Workload, replica: int, node: int) -> str:
    name = workload.component.name
    if workload.replicas > 1 or replica:
        name += f"-{replica}"
    return f"{name}.{node}" if workload.size > 1 else name


def _start(
    draft: _Draft,
    name: str,
    template: PodTemplate,
    node: int,
    *,
    world: World,
    own: PortMap,
    group: PortMap,
    words: tuple[str, ...],
) -> tuple[Start, dict[str, str]]:
    main = _main(template)
    mounts = _mounts(draft, name, template.spec, main, world)
    written = _environment(draft, name, main, node, world)
    words, written = rewrite_ports(words, written, own=own, group=group)
    env: dict[str, str] = {}
    for key, value in written.items():
        env[key] = rewrite_paths(expand(value, env), mounts)
    argv = tuple(rewrite_paths(expand(word, env), mounts) for word in words)
    full = {**world.base, **env, **world.discovery}
    for key, here in world.discovery.items():
        # The operator's own choice is the cluster; only what an author chose is worth a word.
        if env.get(key, here) not in (here, "kubernetes"):
            draft.changes[Change(name, f"{key}={env[key]} -> {here}")] = None
    if "PYTHONPATH" in env and "PYTHONPATH" in world.base:
        full["PYTHONPATH"] = world.base["PYTHONPATH"] + os.pathsep + env["PYTHONPATH"]
    if (home := full.get("HF_HOME")) is not None:
        draft.hubs[Path(home)] = None
    for container in _others(template):
        draft.changes[Change(name, f"container {container} is not run here")] = None
    return Start(name=name, argv=argv, env=full, cwd=_folder(main, world, mounts)), full


def _main(template: PodTemplate) -> Container:
    containers = [Container(node) for node in template.spec.mappings("containers")]
    return next((one for one in containers if one.name == MAIN), containers[0])


def _others(template: PodTemplate) -> list[str]:
    named = [
        node.string("name") or "?"
        for kind in ("initContainers", "containers")
        for node in template.spec.mappings(kind)
    ]
    return [name for name in named if name != MAIN]


def _folder(main: Container, world: World, mounts: dict[str, str]) -> Path:
    """Return where a process is started: in a mounted folder if that was wanted."""
    wanted = main.node.string("workingDir")
    if not wanted:
        return world.run
    here = rewrite_paths(wanted, mounts)
    return Path(here) if here != wanted or Path(wanted).is_dir() else world.run


def _mounts(
    draft: _Draft, name: str, spec: Mapping, main: Container, world: World
) -> dict[str, str]:
    """Return where each mounted path is found here: below the run's own folder, one per volume."""
    volumes = {volume.string("name"): volume for volume in spec.mappings("volumes")}
    found: dict[str, str] = {}
    for mount in main.node.mappings("volumeMounts"):
        path, volume = mount.string("mountPath"), mount.string("name")
        if not path or not volume or path == SHARED_MEMORY:
            continue
        base = world.run / "volumes" / volume
        sub = mount.string("subPath")
        here = base / sub if sub is not None else base
        source = volumes.get(volume)
        texts = mounted_files(source, world.config_maps) if source is not None else None
        if texts is None:
            draft.folders[here] = None
        else:
            draft.folders[base] = None
            draft.files.update({base / file: text for file, text in texts.items()})
        found[path] = str(here)
        draft.changes[Change(name, f"mount {path} -> {here}")] = None
    return found


def _environment(
    draft: _Draft, name: str, main: Container, node: int, world: World
) -> dict[str, str]:
    """Return the container's variables; secrets and fields of the pod are looked up here."""
    env = {"LWS_LEADER_ADDRESS": HERE, "LWS_WORKER_INDEX": str(node)}
    for source in main.node.mappings("envFrom"):
        for kind in ("secretRef", "configMapRef"):
            if (reference := source.mapping(kind)) is not None:
                env.update(world.secrets)
                what = f"{kind.removesuffix('Ref')} {reference.string('name') or '?'}"
                here = ", ".join(sorted(world.secrets))
                instead = f"its keys {here} come from this shell" if here else "left out"
                change = Change(name, f"{what} is of the cluster: {instead}")
                draft.changes[change] = None
    for var in main.env:
        if var.source is None:
            env[var.name] = var.value or ""
            continue
        value = _looked_up(var.source, name, world)
        if value is not None:
            env[var.name] = value
        elif not _is_field(var.source):
            draft.changes[Change(name, f"{var.name} has no value here and is left out")] = None
    return env


def _looked_up(source: Mapping, name: str, world: World) -> str | None:
    """Return the value of a `valueFrom`, or None when nothing here can give it."""
    if (secret := source.mapping("secretKeyRef")) is not None:
        return world.secrets.get(secret.string("key") or "")
    reference = source.mapping("fieldRef")
    field_path = reference.string("fieldPath") if reference is not None else None
    values = {
        "metadata.name": name.lower(),
        "metadata.namespace": NAMESPACE,
        "metadata.uid": f"local-{name.lower()}",
        "status.podIP": HERE,
        "status.hostIP": HERE,
        "spec.nodeName": "localhost",
    }
    return values.get(field_path or "")


def _is_field(source: Mapping) -> bool:
    return source.mapping("fieldRef") is not None
