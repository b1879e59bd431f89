"""A component's process outside of Kubernetes: what the operator and the kubelet would start.

What comes with the cluster is left out: the pod's name and the discovery through the API server.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from dynamo_conformance.manifest.graph import FRONTEND, WORKER_TYPES, Container, EnvVar
from dynamo_conformance.manifest.node import Mapping, Scalar, find
from dynamo_conformance.manifest.quantity import parse_quantity
from dynamo_conformance.rendering.backend import component_backend
from dynamo_conformance.rendering.defaults import main_container
from dynamo_conformance.rendering.engine_launch import rewritten
from dynamo_conformance.rendering.environment import HTTP_PORT, SYSTEM_PORT
from dynamo_conformance.rendering.pod_context import PodContext, Position
from dynamo_conformance.rendering.relocation import http_port
from dynamo_launch.deploy.shell_text import expanded, literal

if TYPE_CHECKING:
    from collections.abc import Iterable
    from decimal import Decimal

    from dynamo_conformance.manifest.graph import Component, Graph
    from dynamo_launch.deploy.shell_text import ShellText

LEADER_ADDRESS: Final = "LWS_LEADER_ADDRESS"
NODE_INDEX: Final = "LWS_WORKER_INDEX"
"""What the command lines of components over several nodes refer to."""

OWN_ADDRESS: Final = "status.podIP"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """A folder that outlives the process.

    Attributes:
        path: Where the process has it.
        claim: The name of the volume, or None when it is a folder of the machine.
        folder: The folder of the machine, or None when it is a volume.
        read_only: Whether the process only reads it.
    """

    path: str
    claim: str | None
    folder: str | None
    read_only: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadinessProbe:
    """How to check whether a process is ready; all times are seconds."""

    port: int
    path: str
    period: int
    timeout: int
    failures: int
    start: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentProcess:
    """A process of a component.

    Attributes:
        component: The component.
        words: Its command line; on the first node, when there are several.
        follower: The command line on the other nodes, or None.
        env: Its environment, without secrets and without where the others are.
        addressed: Variables that hold the address of the machine it runs on.
        secrets: The names of secrets whose keys are in its environment too.
        mounts: Its folders.
        cpu: How many cores it asks for, or None.
        memory: How many bytes it may take, or None.
        gpus: How many GPUs it is given.
        port: Where a frontend answers, or None.
        probe: How to ask whether it is ready, or None.
    """

    component: Component
    words: tuple[ShellText, ...]
    follower: tuple[ShellText, ...] | None
    env: dict[str, ShellText]
    addressed: tuple[str, ...]
    secrets: tuple[str, ...]
    mounts: tuple[Mount, ...]
    cpu: Decimal | None
    memory: int | None
    gpus: int
    port: int | None
    probe: ReadinessProbe | None

    @property
    def is_worker(self) -> bool:
        """Whether it has a system port, for its health and counters."""
        return self.component.type in WORKER_TYPES


def component_process(
    graph: Graph, component: Component, *, later: dict[str, ShellText] | None = None
) -> ComponentProcess:
    """Return the process that a component of the graph runs as.

    Args:
        graph: The graph.
        component: One of its components.
        later: Variables whose values are only known when it runs, and what to write for them.
    """
    context = PodContext(
        graph=graph,
        component=component,
        namespace=graph.name,
        worker_hash="",
        backend=component_backend(component, written=graph.backend_framework),
        annotations={},
    )
    written = component.main.node if component.main is not None else None
    base = main_container(context, written=written)
    own = written.get("env") if written is not None else None
    base = base.replaced("env", own)
    spanning = component.node_count > 1
    first = Container(rewritten(base, context, Position.LEADER if spanning else Position.ALONE))
    env = _environment(graph, component, first.env)
    known = {**(later or {}), **env}
    words = _words(first, known)
    port = _http_port(words, env) if component.type == FRONTEND else None
    if port is not None:
        env["DYN_HTTP_PORT"] = literal(str(port))
    return ComponentProcess(
        component=component,
        words=words,
        follower=_words(Container(rewritten(base, context, Position.FOLLOWER)), known)
        if spanning
        else None,
        env=env,
        addressed=tuple(variable.name for variable in first.env if _is_address(variable)),
        secrets=_secrets(base),
        mounts=_mounts(component, base),
        cpu=_amount(base, "cpu", sides=("requests", "limits")),
        memory=_bytes(_amount(base, "memory", sides=("limits", "requests"))),
        gpus=first.gpus,
        port=port,
        probe=_probe(base),
    )


def _environment(graph: Graph, component: Component, own: Iterable[EnvVar]) -> dict[str, ShellText]:
    """Return the variables with their values, each expanded by those before it in the alphabet."""
    values = {"DYN_NAMESPACE": graph.name}
    if component.type == FRONTEND:
        values["DYN_HTTP_PORT"] = str(HTTP_PORT)
    if component.type in WORKER_TYPES:
        values["DYN_SYSTEM_PORT"] = str(SYSTEM_PORT)
    for variable in (*graph.env, *own):
        if variable.value is not None:
            values[variable.name] = variable.value
    env: dict[str, ShellText] = {}
    for name in sorted(values):
        env[name] = expanded(values[name], env)
    return env


def _words(container: Container, env: dict[str, ShellText]) -> tuple[ShellText, ...]:
    return tuple(expanded(word.text, env) for word in (*container.command, *container.args))


def _http_port(words: Iterable[ShellText], env: dict[str, ShellText]) -> int:
    return http_port(
        tuple(word.plain for word in words), {name: value.plain for name, value in env.items()}
    )


def _is_address(variable: EnvVar) -> bool:
    path = find(variable.source or Mapping(), ("fieldRef", "fieldPath"))
    return isinstance(path, Scalar) and path.value == OWN_ADDRESS


def _secrets(container: Mapping) -> tuple[str, ...]:
    names = (find(source, ("secretRef", "name")) for source in container.mappings("envFrom"))
    return tuple(
        name.value for name in names if isinstance(name, Scalar) and isinstance(name.value, str)
    )


def _mounts(component: Component, container: Mapping) -> tuple[Mount, ...]:
    spec = component.pod_spec or Mapping()
    volumes = {volume.string("name"): volume for volume in spec.mappings("volumes")}
    mounts = []
    for mount in container.mappings("volumeMounts"):
        volume = volumes.get(mount.string("name"), Mapping())
        claim = volume.mapping("persistentVolumeClaim") or Mapping()
        folder = volume.mapping("hostPath") or Mapping()
        mounts.append(
            Mount(
                path=mount.string("mountPath") or "",
                claim=claim.string("claimName"),
                folder=folder.string("path"),
                read_only="readOnly" in mount,
            )
        )
    return tuple(mounts)


def _amount(container: Mapping, name: str, *, sides: tuple[str, ...]) -> Decimal | None:
    resources = container.mapping("resources") or Mapping()
    for side in sides:
        value = (resources.mapping(side) or Mapping()).get(name)
        if isinstance(value, Scalar):
            return parse_quantity(value.text)
    return None


def _bytes(amount: Decimal | None) -> int | None:
    return int(amount) if amount is not None else None


def _probe(container: Mapping) -> ReadinessProbe | None:
    """Return how the kubelet would find out that a container is ready."""
    ready = container.mapping("readinessProbe")
    get = ready.mapping("httpGet") if ready is not None else None
    port = _port(container, get) if get is not None else None
    if ready is None or get is None or port is None:
        return None
    start = container.mapping("startupProbe") or Mapping()
    delay = ready.integer("initialDelaySeconds") or 0
    return ReadinessProbe(
        port=port,
        path=get.string("path") or "/",
        period=ready.integer("periodSeconds") or 10,
        timeout=ready.integer("timeoutSeconds") or 1,
        failures=ready.integer("failureThreshold") or 3,
        start=max(
            delay, (start.integer("periodSeconds") or 10) * (start.integer("failureThreshold") or 0)
        ),
    )


def _port(container: Mapping, get: Mapping) -> int | None:
    named = {
        port.string("name"): port.integer("containerPort") for port in container.mappings("ports")
    }
    name = get.string("port")
    return get.integer("port") if name is None else named.get(name)
