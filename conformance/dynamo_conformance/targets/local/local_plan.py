"""The plan: a graph's pods as processes of this machine, and everything that had to change.

Pure but for the ports it reserves: nothing is started and nothing is written here.
"""

from __future__ import annotations

import json
import os
import posixpath
import re
from dataclasses import dataclass, field, replace
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from dynamo_conformance.api.cluster_parts import Cluster
from dynamo_conformance.engines.serving import draft_sources, model_sources
from dynamo_conformance.lint.operator_choice import choose
from dynamo_conformance.manifest.config_maps import mounted_files
from dynamo_conformance.manifest.fields import is_true
from dynamo_conformance.manifest.graph import EPP, FRONTEND, MAIN, Container
from dynamo_conformance.manifest.variable_expansion import expand
from dynamo_conformance.mock_engine.custom_worker_model import PATHS_VARIABLE
from dynamo_conformance.rendering.environment import NIXL_PORT
from dynamo_conformance.rendering.kubelet import Sources, Variable, expanded, look_up, resolved
from dynamo_conformance.rendering.pod import render, starts_by_mpi
from dynamo_conformance.rendering.relocation import (
    SIDE_CHANNEL,
    flag_value,
    hands_blocks_over,
    http_port,
    with_event_endpoint,
)
from dynamo_conformance.targets import CPU, MOCK, REAL
from dynamo_conformance.targets.interface import Change, DeployFailure, Worker
from dynamo_conformance.targets.local.component_process import ProcessStart
from dynamo_conformance.targets.local.gpus import VISIBLE, GpuPlacement, needed
from dynamo_conformance.targets.local.rewrite import (
    PortMap,
    port_changes,
    rewrite_planes,
    rewrite_ports,
)
from dynamo_conformance.targets.local.run_paths import RunPaths, below
from dynamo_conformance.targets.local.third_party import program, third_party

if TYPE_CHECKING:
    from dynamo_conformance.manifest.config_maps import ConfigMaps
    from dynamo_conformance.manifest.graph import Graph
    from dynamo_conformance.manifest.node import Mapping
    from dynamo_conformance.rendering.pod import PodTemplate, Workload
    from dynamo_conformance.runtimes.surroundings import Surroundings
    from dynamo_conformance.targets.local.port_reservations import Ports

NAMESPACE = "local"
"""What stands for the Kubernetes namespace in the names that the operator derives from it."""

HERE = "127.0.0.1"
"""The address of every pod."""

HOST = "127.0.0.2"
"""The address of the node: of the loopback range too, as a node is never called like its pods."""

ROUTER = ("python3", "-m", "dynamo.frontend", "--router-mode", "kv", "--http-port", "8000")
"""What answers clients in place of a gateway with its endpoint picker, which is this router."""

LOOPBACK = "127."
_LONGEST_NAME = 100
SHARED_MEMORY = "/dev/shm"  # noqa: S108 - a mount point of the pod, not a file of ours


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """What surrounds the processes of one deployment.

    Attributes:
        run: The deployment's own folder; everything it writes is below it.
        base: The environment that every process gets first (PATH, the mock engine, ...).
        secrets: Values for secret keys, from the caller's environment.
        held: Variables that are `base`'s own, whatever the manifest sets.
        engine: `mock`, `cpu` or `real`.
        is_confined: Whether the kernel keeps processes from writing outside of `run`.
        gpus: The GPUs for the processes; None when they need none.
        elsewhere: By component, what is around those that another release runs.
        runtime: What the runtime is told where that differs from the installed release's.
    """

    run: Path
    base: dict[str, str]
    secrets: dict[str, str] = field(default_factory=dict)
    held: tuple[str, ...] = ()
    engine: str = MOCK
    is_confined: bool = False
    gpus: GpuPlacement | None = None
    elsewhere: dict[str, Surroundings] = field(default_factory=dict)
    runtime: dict[str, str] = field(default_factory=dict)

    @property
    def discovery(self) -> dict[str, str]:
        """Return what stands for the cluster's discovery: a folder instead of the API server."""
        return {
            "DYN_DISCOVERY_BACKEND": "file",
            "DYN_FILE_KV": str(self.run / "discovery"),
            "DYN_REQUEST_PLANE": "tcp",
            "DYN_EVENT_PLANE": "zmq",
            **self.runtime,
        }

    def of(self, component: str) -> RunSettings:
        """Return what surrounds the processes of one component."""
        around = self.elsewhere.get(component)
        if around is None:
            return self
        return replace(self, base=self.base | dict(around.base), runtime=dict(around.runtime))


@dataclass(slots=True, kw_only=True)
class LocalPlan:
    """What will be started; `plan` adds one replica after another.

    Attributes:
        config_maps: The ConfigMaps of the manifest's file.
        sources: The words that models are loaded from.
        drafts: Those that draft heads are loaded from.
        starts: One per process, in the order of the manifest.
        url: Where the frontend will answer, or None when the graph has none.
        workers: Where each worker's system port will answer.
        changes: Everything that differs from the manifest, in words.
        folders: Folders that stand for mounted volumes, to be made.
        files: Files of mounted ConfigMaps with their contents, to be written.
        hubs: Folders that the processes take for the model hub's cache.
        models: Folders that stand for the paths of models.
        copies: Files of this machine that the processes read, and where they read them.
        volumes: The folder of each volume.
    """

    config_maps: ConfigMaps = field(default_factory=dict)
    sources: tuple[str, ...] = ()
    drafts: tuple[str, ...] = ()
    starts: list[ProcessStart] = field(default_factory=list)
    url: str | None = None
    workers: list[Worker] = field(default_factory=list)
    changes: dict[Change, None] = field(default_factory=dict)
    folders: dict[Path, None] = field(default_factory=dict)
    files: dict[Path, str | bytes] = field(default_factory=dict)
    hubs: dict[Path, None] = field(default_factory=dict)
    models: dict[Path, None] = field(default_factory=dict)
    copies: dict[Path, Path] = field(default_factory=dict)
    volumes: dict[tuple[str, str], Path] = field(default_factory=dict)

    @property
    def hub_ids(self) -> tuple[str, ...]:
        """The words that models are loaded from and that are no paths."""
        return tuple(source for source in self.sources if source and not source.startswith("/"))

    @property
    def digest(self) -> str:
        """The digest of what it starts, in hex; the order of variables makes no difference."""
        starts = [replace(start, env=dict(sorted(start.env.items()))) for start in self.starts]
        outcome = (
            *(starts, self.url, self.workers, self.changes, self.folders, self.files),
            *(self.hubs, self.hub_ids, self.drafts, self.models, self.copies),
        )
        return sha256(repr(outcome).encode()).hexdigest()

    def note(self, where: str, *changes: str) -> None:
        """Note what differs from the manifest."""
        self.changes |= {Change(where, what): None for what in changes}

    def volume(self, name: str, volume: Mapping | None, pod: str, run: Path) -> Path:
        """Return the folder of a volume: the same for pods that share it, and for no others."""
        kind, of = _identity(name, volume, pod)
        if (kind, of) not in self.volumes:
            folder = below(run / "volumes", name)
            taken = sum(
                path.name.partition("~")[0] == folder.name for path in self.volumes.values()
            )
            self.volumes[kind, of] = folder.with_name(f"{folder.name}~{taken}") if taken else folder
        return self.volumes[kind, of]


def _identity(name: str, volume: Mapping | None, pod: str) -> tuple[str, str]:
    """Return what makes two volumes one: a claim, a ConfigMap, a folder of the node, or the pod."""
    for kind, key in (("persistentVolumeClaim", "claimName"), ("hostPath", "path")):
        source = volume.mapping(kind) if volume is not None else None
        if source is not None:
            return kind, source.string(key) or name
    config_map = volume.mapping("configMap") if volume is not None else None
    if config_map is not None:
        return "configMap", json.dumps(config_map.plain(), sort_keys=True)
    return pod, name


def plan(
    graph: Graph, *, settings: RunSettings, ports: Ports, port: int | None = None
) -> LocalPlan:
    """Return the processes that `graph` becomes on this machine.

    Args:
        graph: The graph.
        settings: What surrounds the processes.
        ports: Where listen ports are reserved; held as long as the deployment lives.
        port: The port on which the (first) frontend must listen; None takes the published
            port, or a free one when that is taken.

    Raises:
        ReconcileFailure: The operator itself would end in state failed.
        PortsExhaustedError: `port` is in use.
        DeployFailure: There are too few GPUs.
    """
    known = resolved(graph)
    draft = LocalPlan(
        config_maps=graph.config_maps,
        sources=model_sources(known),
        drafts=draft_sources(known) if settings.engine == CPU else (),
    )
    workloads = render(
        graph, namespace=NAMESPACE, cluster=Cluster(lws=True), operator=choose(graph).operator
    )
    others = third_party(workloads)
    for candidate in workloads:
        if candidate.component.name in others:
            draft.note(
                candidate.component.name, f"runs no Dynamo, but {program(candidate)}: left out"
            )
    ordered = sorted(workloads, key=lambda workload: not _answers(workload))
    chosen = [candidate for candidate in ordered if candidate.component.name not in others]
    if settings.gpus is not None:
        settings.gpus.check((candidate.component.name, needed(candidate)) for candidate in chosen)
    for workload in chosen:
        for replica in range(workload.replicas):
            own = settings.of(workload.component.name)
            _replica(draft, workload, replica, settings=own, ports=ports, wanted=port)
    return draft


def _replica(
    draft: LocalPlan,
    workload: Workload,
    replica: int,
    *,
    settings: RunSettings,
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
        first_frontend = _answers(workload) and draft.url is None
        if first_frontend and wanted is not None:
            own.known[_published_port(template)] = ports.take_exactly(wanted)
        if workload.component.type == EPP:
            what = f"no gateway is here to ask an endpoint picker: {' '.join(ROUTER[1:5])} instead"
            draft.note(name, what)
        pod = _Pod(name=name, template=template, node=node, words=_words(workload, template))
        start = _start(draft, pod, settings=settings, own=own, group=group)
        draft.starts.append(start)
        for change in port_changes(name, own, *((group,) if is_leader else ())):
            draft.changes[change] = None
        if first_frontend:
            host = _host(flag_value(start.argv, "http-host") or start.env.get("DYN_HTTP_HOST"))
            draft.url = f"http://{host}:{http_port(start.argv, start.env)}"
        elif workload.component.is_worker and (is_leader or not _is_headless(start.argv)):
            port = start.env.get("DYN_SYSTEM_PORT")
            if port is not None:
                host = _host(start.env.get("DYN_SYSTEM_HOST"))
                draft.workers.append(Worker(name, f"http://{host}:{port}"))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pod:
    """One pod: the name of its process here, and what it is started with.

    Attributes:
        template: What the pod is made from.
        node: Which pod of its group it is.
    """

    name: str
    template: PodTemplate
    node: int
    words: tuple[str, ...]

    @property
    def main(self) -> Container:
        """The container that runs here."""
        return _main(self.template)

    def sources(self, config_maps: ConfigMaps, secrets: dict[str, str]) -> Sources:
        """Return where its variables come from."""
        uses_host = is_true(self.template.spec.get("hostNetwork"))
        host = HERE if uses_host else HOST
        label = re.sub(r"[^a-z0-9.-]", "-", self.name.lower())
        fields = {
            "metadata.name": label,
            "metadata.namespace": NAMESPACE,
            "metadata.uid": f"local-{label}",
            "spec.nodeName": "localhost",
            "spec.serviceAccountName": self.template.spec.string("serviceAccountName") or "default",
            "status.podIP": HERE,
            "status.podIPs": HERE,
            "status.hostIP": host,
            "status.hostIPs": host,
        }
        template = self.template
        for kind, entries in (("labels", template.labels), ("annotations", template.annotations)):
            fields |= {f"metadata.{kind}['{key}']": value for key, value in entries.items()}
        return Sources(config_maps=config_maps, secrets=secrets, fields=fields)


def _answers(workload: Workload) -> bool:
    """Whether clients ask a component: directly, or through a gateway."""
    return workload.component.type in (FRONTEND, EPP)


def _host(wanted: str | None) -> str:
    """Return the address at which a server is reached that has to listen at `wanted`."""
    return wanted if wanted and wanted.startswith(LOOPBACK) else HERE


def _words(workload: Workload, template: PodTemplate) -> tuple[str, ...]:
    """Return the words of a pod's command: the author's own where the operator's call mpirun."""
    if workload.component.type == EPP:
        return ROUTER
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
    """Return the name of a process, which is that of its log file too."""
    name = re.sub(r"[^\w.-]|^\.", "_", workload.component.name)[:_LONGEST_NAME]
    if workload.replicas > 1 or replica:
        name += f"-{replica}"
    return f"{name}.{node}" if workload.size > 1 else name


def _start(
    draft: LocalPlan, pod: _Pod, *, settings: RunSettings, own: PortMap, group: PortMap
) -> ProcessStart:
    name, main = pod.name, pod.main
    words, look = pod.words, look_up(main, pod.sources(draft.config_maps, settings.secrets))
    words, planes = rewrite_planes(name, with_event_endpoint(words))
    draft.note(name, *look.changes)
    draft.changes |= dict.fromkeys(planes)
    first = (Variable("LWS_LEADER_ADDRESS", HERE), Variable("LWS_WORKER_INDEX", str(pod.node)))
    written = (*first, *_side_channel(words, look.variables, settings), *look.variables)
    moved, published = [], words
    for variable in written:
        words, value = rewrite_ports(
            published, {variable.name: variable.value}, own=own, group=group
        )
        moved.append(replace(variable, value=value[variable.name]))
    raw = expanded(moved)
    argv = tuple(expand(word, raw) for word in words)
    paths = RunPaths(
        run=settings.run,
        root=settings.run / "root",
        mounts=_mounts(draft, pod, raw, settings),
        all_paths=settings.engine != REAL,
        models=_model_paths(raw, draft.sources),
    )
    folder = _folder(main, argv, paths, settings)
    if settings.engine != REAL:
        used = (path for path in paths.models if any(path in word for word in argv))
        draft.models |= dict.fromkeys(paths.at(path) for path in used)
    argv = paths.words(argv, folder=main.node.string("workingDir") or "/workspace")
    env = {key: paths.variable(key, value) for key, value in raw.items()}
    full = _environment(draft, name, env, settings)
    if settings.gpus is not None:
        visible = settings.gpus.take(main, chosen=full.get(VISIBLE) if VISIBLE in env else None)
        if visible is not None:
            full[VISIBLE] = visible
            draft.note(name, f"GPUs of this machine: {visible or 'none'}")
    _keep(draft, name, paths, full)
    draft.note(name, *(f"container {other} is not run here" for other in _others(pod.template)))
    if any("\0" in text for text in (*argv, *full.values())):
        raise DeployFailure(f"component {name} would have a NUL character in a word or a variable")
    return ProcessStart(name=name, argv=argv, env=full, cwd=folder)


def _side_channel(
    words: tuple[str, ...], variables: tuple[Variable, ...], settings: RunSettings
) -> tuple[Variable, ...]:
    """Return the port on which a real vLLM worker hands KV blocks over, unless it has one."""
    if settings.engine == MOCK or not hands_blocks_over(words):
        return ()
    if any(variable.name == SIDE_CHANNEL for variable in variables):
        return ()
    return (Variable(SIDE_CHANNEL, str(NIXL_PORT)),)


def _model_paths(env: dict[str, str], sources: tuple[str, ...]) -> frozenset[str]:
    """Return the paths among the words that models are loaded from."""
    return frozenset(
        source for source in (expand(word, env) for word in sources) if source.startswith("/")
    )


def _environment(
    draft: LocalPlan, name: str, env: dict[str, str], settings: RunSettings
) -> dict[str, str]:
    """Return a process's complete environment: what is around it, its own, what holds here."""
    kept = dict(env)
    is_place = kept.get("HF_HOME", "/").startswith("/")
    for key in settings.held if is_place else (*settings.held, "HF_HOME"):
        if key in kept:
            value = kept.pop(key)
            if value != settings.base.get(key):
                draft.note(name, f"{key}={value} -> {settings.base.get(key) or 'left out'}")
    full = {**settings.base, **kept, **settings.discovery}
    for key, here in settings.discovery.items():
        # The operator's own choice is the cluster; only what an author chose is worth a word.
        if env.get(key, here) not in (here, "kubernetes"):
            draft.note(name, f"{key}={env[key]} -> {here}")
    for key in ("PATH", "PYTHONPATH"):
        if key in env and key in settings.base:
            full[key] = settings.base[key] + os.pathsep + env[key]
    return full


def _keep(draft: LocalPlan, name: str, paths: RunPaths, env: dict[str, str]) -> None:
    """Note what has to be made for a process, and what was moved."""
    draft.folders |= paths.folders
    draft.copies |= paths.copies
    draft.note(name, *(f"path {path} -> {here}" for path, here in paths.moved.items()))
    here = {str(folder): path for path, folder in paths.moved.items()}
    here |= {folder: path for path, folder in paths.mounts.items()}
    if here and paths.all_paths:
        env[PATHS_VARIABLE] = json.dumps(here)
    home = env.get("HF_HOME")
    if home is not None and Path(home).is_relative_to(paths.run):
        draft.hubs[Path(home)] = None


def _main(template: PodTemplate) -> Container:
    containers = [Container(node) for node in template.spec.mappings("containers")]
    return next((container for container in containers if container.name == MAIN), containers[0])


def _others(template: PodTemplate) -> list[str]:
    named = [
        node.string("name") or "?"
        for kind in ("initContainers", "containers")
        for node in template.spec.mappings(kind)
    ]
    return [name for name in named if name != MAIN]


def _folder(main: Container, argv: tuple[str, ...], paths: RunPaths, settings: RunSettings) -> Path:
    """Return where a process is started: what stands for its folder, or where its program is."""
    wanted = main.node.string("workingDir")
    if not wanted:
        return settings.run
    here = paths.at(wanted)
    paths.folders[here] = None
    is_ours = here.is_relative_to(paths.root)
    if is_ours and settings.is_confined and _holds_program(Path(wanted), argv):
        paths.moved.pop(wanted, None)
        return Path(wanted)
    return here


def _holds_program(folder: Path, argv: tuple[str, ...]) -> bool:
    """Whether the program of a command line is found by its relative name in a folder."""
    names = [word.replace(".", "/") if before == "-m" else word for before, word in pairwise(argv)]
    wanted = (*argv[:1], *names[:1], *(name for name in names[1:2] if argv[1] == "-m"))
    ends = ("", ".py", "/__main__.py")
    return any(
        (folder / f"{item}{end}").is_file()
        for item in wanted
        for end in ends
        if not item.startswith(("/", "-"))
    )


def _mounts(
    draft: LocalPlan, pod: _Pod, env: dict[str, str], settings: RunSettings
) -> dict[str, str]:
    """Return where each mounted path is found here: below the run's own folder, one per volume."""
    volumes = {
        volume_spec.string("name"): volume_spec
        for volume_spec in pod.template.spec.mappings("volumes")
    }
    mounts: dict[str, str] = {}
    for mount in pod.main.node.mappings("volumeMounts"):
        path, volume = mount.string("mountPath"), mount.string("name")
        if not path or not volume or path == SHARED_MEMORY:
            continue
        path = posixpath.normpath(f"/{path.lstrip('/')}")
        source = volumes.get(volume)
        base = draft.volume(volume, source, pod.name, settings.run)
        sub = mount.string("subPath") or expand(mount.string("subPathExpr") or "", env)
        here = below(base, sub) if sub else base
        files = mounted_files(source, draft.config_maps) if source is not None else None
        if files is None:
            draft.folders[here] = None
        else:
            draft.folders[base] = None
            draft.files |= {below(base, file): content for file, content in files.items()}
        mounts[path] = str(here)
        draft.note(pod.name, f"mount {path} -> {here}")
    return mounts
