"""The container each type of component starts from: command, ports, probes, environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.manifest.graph import EPP, FRONTEND, MAIN, WORKER_TYPES
from dynamo_conformance.manifest.node import from_plain
from dynamo_conformance.rendering import environment
from dynamo_conformance.rendering.node_merge import made, mapping, overlaid, sequence, words
from dynamo_conformance.rendering.pod_context import Position

if TYPE_CHECKING:
    from dynamo_conformance.manifest.node import Mapping, Node, Plain
    from dynamo_conformance.rendering.pod_context import PodContext
    from dynamo_conformance.rendering.ways import Ways

SHELL = ("/bin/sh", "-c")
_JQ = 'curl -s http://localhost:${DYNAMO_PORT}/health | jq -e ".status == \\"healthy\\""'
_STARTUP_TIMEOUT = 5
PROBES = ("livenessProbe", "readinessProbe", "startupProbe")


def main_container(context: PodContext, *, written: Mapping | None) -> Mapping:
    """Return the component's `main`: its type's defaults, the author's values above them."""
    spec = context.graph.root.mapping("spec")
    graph_env = spec.sequence("env") if spec is not None else ()
    return _container(context, context.component.type, written=written, below=graph_env)


def frontend_sidecar(
    context: PodContext, *, written: Mapping, mounts: tuple[Mapping, ...]
) -> Mapping:
    """Return a container that serves as a frontend beside `main`.

    Args:
        context: The component it belongs to.
        written: The container as the author wrote it.
        mounts: What `main` mounts; the sidecar gets what it does not mount by itself.
    """
    container = _container(context, FRONTEND, written=written, below=())
    own = container.mappings("volumeMounts")
    known = {mount.string("name") for mount in own}
    added = tuple(mount for mount in mounts if mount.string("name") not in known)
    return container.replaced("volumeMounts", sequence((*own, *added))) if added else container


def without_probes(container: Mapping, position: Position) -> Mapping:
    """Return a follower without probes: the replica is as healthy as its leader."""
    if position is Position.FOLLOWER:
        for probe in PROBES:
            container = container.replaced(probe, None)
    return container


def _container(
    context: PodContext,
    component_type: str | None,
    *,
    written: Mapping | None,
    below: tuple[Node, ...],
) -> Mapping:
    own = written.sequence("env") if written is not None else ()
    env = environment.merged(environment.injected(context, component_type), below, own)
    base = _base(component_type, context.ways)
    container = overlaid(base, written) if written is not None else base
    return container.replaced("env", sequence(env))


def _base(component_type: str | None, ways: Ways) -> Mapping:
    """Return the defaults of a type, without environment."""
    system = _port("system", environment.SYSTEM_PORT)
    if component_type == FRONTEND:
        return _frontend(ways)
    if component_type in WORKER_TYPES:
        nixl = (_port("nixl", environment.NIXL_PORT),) if ways.nixl else ()
        return _with_system_port(ways, system, *nixl)
    if component_type == environment.PLANNER:
        metrics = _port("metrics", environment.PLANNER_PORT)
        if ways.planner_system_port:
            return _with_system_port(ways, metrics, system)
        return mapping({**_entry(SHELL), "ports": sequence((metrics,))})
    if component_type == EPP:
        return _picker()
    return mapping(_entry(SHELL))


def _frontend(ways: Ways) -> Mapping:
    fields = _entry(("python3",))
    fields["args"] = words(("-m", "dynamo.frontend"))
    fields["ports"] = sequence((_port("http", environment.HTTP_PORT),))
    if ways.jq_probes:
        times: dict[str, int] = {"delay": 60, "period": 60, "timeout": 30, "failures": 10}
        alive = _probe("/health", "http", **times)
        asked: dict[str, Plain] = {"command": ["/bin/sh", "-c", _JQ]}
        fields["livenessProbe"] = alive
        fields["readinessProbe"] = alive.replaced("httpGet", None).replaced("exec", made(**asked))
        return mapping(fields)
    fields["livenessProbe"] = _probe("/live", "http", delay=15, period=10, timeout=1, failures=3)
    fields["readinessProbe"] = _probe("/health", "http", delay=10, period=10, timeout=3, failures=3)
    return mapping(fields)


def _picker() -> Mapping:
    """Return the endpoint picker of runtime 1.5.0 and later, which the image itself starts."""
    ports = (("grpc", 9002), ("grpc-health", 9003), ("metrics", 9090))
    asked: dict[str, Plain] = {"grpc": {"port": 9003, "service": "inference-extension"}}
    alive = made(**asked, initialDelaySeconds=5, periodSeconds=10)
    return mapping(
        {
            "name": from_plain(MAIN),
            "ports": sequence(tuple(_port(name, number) for name, number in ports)),
            "livenessProbe": alive,
            "readinessProbe": alive,
            "startupProbe": made(**asked, periodSeconds=10, failureThreshold=180),
            "volumeMounts": sequence(
                (made(name="hf-cache", mountPath=f"{environment.PICKER_HOME}/.cache"),)
            ),
        }
    )


def _with_system_port(ways: Ways, *ports: Mapping) -> Mapping:
    """Return a container that answers probes on its port `system`."""
    fields = _entry(SHELL)
    fields["ports"] = sequence(ports)
    fields["livenessProbe"] = _probe(
        "/live", "system", period=5, timeout=ways.probe_timeout, failures=1
    )
    fields["readinessProbe"] = _probe(
        "/health", "system", period=10, timeout=ways.probe_timeout, failures=ways.ready_failures
    )
    fields["startupProbe"] = _probe(
        "/live",
        "system",
        period=10,
        timeout=max(ways.probe_timeout, _STARTUP_TIMEOUT),
        failures=ways.startup_failures,
    )
    return mapping(fields)


def _entry(command: tuple[str, ...]) -> dict[str, Node]:
    return {"name": from_plain(MAIN), "command": words(command)}


def _port(name: str, number: int) -> Mapping:
    return made(containerPort=number, name=name, protocol="TCP")


def _probe(
    path: str, port: str, *, period: int, timeout: int, failures: int, delay: int = 0
) -> Mapping:
    """Return an HTTP probe; all times are seconds."""
    get: dict[str, Plain] = {"path": path, "port": port}
    fields: dict[str, Plain] = {"initialDelaySeconds": delay} if delay else {}
    fields.update(periodSeconds=period, timeoutSeconds=timeout, failureThreshold=failures)
    return made(httpGet=get, **fields)
