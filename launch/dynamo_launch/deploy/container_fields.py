"""The fields of a component's container: its environment, ports, resources and probes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dynamo_conformance.manifest.graph import FRONTEND, GPU, IPC_LOCK, WORKER_TYPES, is_rdma
from dynamo_conformance.manifest.node import Scalar
from dynamo_conformance.manifest.quantity import parse_quantity
from dynamo_conformance.rendering.environment import (
    HTTP_PORT,
    NIXL_PORT,
    PLANNER,
    PLANNER_PORT,
    SYSTEM_PORT,
)
from dynamo_launch.deploy.pod_storage import HF_HOME
from dynamo_launch.deploy.source_map import constant, listed, mapped, mapping

if TYPE_CHECKING:
    from dynamo_conformance.manifest.node import Mapping, Node, Sequence
    from dynamo_launch.config.graph_config import ConfigValue
    from dynamo_launch.deploy.component_input import ComponentInput
    from dynamo_launch.deploy.start_command import StartCommand


def variables(given: ComponentInput, home: Node | None) -> Sequence | None:
    """Return a container's environment, or None when there is none.

    Args:
        given: The component.
        home: Where the model hub's files are, unless a variable says so itself.
    """
    written = given.value("environment")
    fields = list(written.fields()) if written is not None else []
    entries = [
        mapping(name=given.source_map.text(field.key, field.origin), value=constant(field.text))
        for field in fields
    ]
    if home is not None and all(field.key != HF_HOME for field in fields):
        entries.insert(0, mapping(name=constant(HF_HOME), value=home))
    return listed(entries) if entries else None


HTTP: Final = "http"
_WORKER_PORTS: Final = {"system": SYSTEM_PORT, "nixl": NIXL_PORT}
_OPERATOR_PORTS: Final = {
    FRONTEND: {HTTP: HTTP_PORT},
    PLANNER: {"metrics": PLANNER_PORT, "system": SYSTEM_PORT},
    **dict.fromkeys(WORKER_TYPES, _WORKER_PORTS),
}
"""What the operator gives each type; a list of one's own replaces it, so it repeats them."""
SHARED = ("cpu", "memory")
LIMITS = "limits"
DEVICE = "gpu"
_PROBES: Final = {
    "live": ("livenessProbe", "/live"),
    "ready": ("readinessProbe", "/health"),
    "start": ("startupProbe", "/live"),
}
_PROBE_TIMES: Final = {
    "delay": "initialDelaySeconds",
    "period": "periodSeconds",
    "timeout": "timeoutSeconds",
    "failures": "failureThreshold",
}
_PROBE_PORTS: Final = {
    FRONTEND: "http",
    "planner": "system",
    **dict.fromkeys(WORKER_TYPES, "system"),
}
"""Where each type of component answers."""


def secrets(given: ComponentInput) -> Sequence | None:
    """Return the secrets whose keys become variables, or None when there are none."""
    written = given.value("secret_env")
    names = list(written.items()) if written is not None else []
    sources = {}
    for secret in names:
        if secret.text in sources:
            given.error(secret.origin, f'secret "{secret.text}" is named twice; leave one out')
        name = given.text(secret)
        sources[secret.text] = mapping(secretRef=mapping(name=name))
    return listed(sources.values()) if sources else None


def ports(
    given: ComponentInput, component_type: str | None, start: StartCommand
) -> Sequence | None:
    """Return a container's ports, or None when those that the operator gives are right."""
    own = _OPERATOR_PORTS.get(component_type or "", {})
    numbers: dict[str, Node] = {name: constant(number) for name, number in own.items()}
    _write_ports(given, numbers, own)
    if start.port is not None:
        _match_frontend_port(given, numbers, start)
    if {name: node.plain() for name, node in numbers.items()} == own:
        return None
    return listed(
        mapping(name=constant(name), containerPort=number, protocol=constant("TCP"))
        for name, number in numbers.items()
    )


def _write_ports(given: ComponentInput, numbers: dict[str, Node], own: dict[str, int]) -> None:
    written = given.value("ports")
    for field in written.fields() if written is not None else ():
        if field.key in own and field.key != HTTP and field.whole != own[field.key]:
            text = f"port {field.key} is the operator's own, {own[field.key]}; leave it out"
            given.error(field.origin, text)
        same = next(
            (
                name
                for name, node in numbers.items()
                if name != field.key and node.plain() == field.whole
            ),
            None,
        )
        if same is not None:
            text = f"port {field.whole} is already that of {same}; choose another one"
            given.error(field.origin, text)
        numbers[field.key] = given.number(field)


def _match_frontend_port(
    given: ComponentInput, numbers: dict[str, Node], start: StartCommand
) -> None:
    """Let the port of a frontend be the one on which it listens."""
    assert start.port is not None  # noqa: S101 - narrows for the type checker
    number, place = start.port
    written = given.value("ports")
    http = written.inner(HTTP) if written is not None else None
    if http is None:
        if numbers.get(HTTP, constant(HTTP_PORT)).plain() != number:
            numbers[HTTP] = given.source_map.number(number, place)
    elif http.whole != number:
        text = f"the frontend listens on {number}; write options: {{port: {http.whole}}} too"
        given.error(http.origin, text)


def resources(given: ComponentInput) -> Mapping | None:
    """Return the resources of a container, or None when nothing is written.

    Cores are asked for and not limited, memory both unless limits says more, devices limited.
    """
    written = given.value("resources")
    if written is None:
        return None
    fields = {field.key: field for field in written.fields()}
    above = {field.key: field for field in fields[LIMITS].fields()} if LIMITS in fields else {}
    requests: dict[str, Node] = {key: given.text(fields[key]) for key in SHARED if key in fields}
    limits: dict[str, Node] = {
        key: given.text(field) for key, field in _limited(fields, above).items()
    }
    for key, field in fields.items():
        if key not in (*SHARED, LIMITS) and field.text.strip("0"):
            limits[GPU if key == DEVICE else key] = given.text(field)
    _check_limits(given, fields, above)
    return mapping(
        requests=mapped(requests) if requests else None, limits=mapped(limits) if limits else None
    )


def security(given: ComponentInput) -> Mapping | None:
    """Return how a container with RDMA devices runs: as root, who may lock what they reach."""
    written = given.value("resources")
    fields = written.fields() if written is not None else ()
    if not any(is_rdma(field.key) and field.text.strip("0") for field in fields):
        return None
    return mapping(runAsUser=constant(0), capabilities=mapping(add=listed((constant(IPC_LOCK),))))


def _limited(
    fields: dict[str, ConfigValue], above: dict[str, ConfigValue]
) -> dict[str, ConfigValue]:
    """Return cpu and memory as far as they are limited."""
    limits = dict(above)
    if "memory" in fields:
        limits.setdefault("memory", fields["memory"])
    return {key: limits[key] for key in SHARED if key in limits}


def _check_limits(
    given: ComponentInput, fields: dict[str, ConfigValue], above: dict[str, ConfigValue]
) -> None:
    """Add an error for a limit below what is asked for."""
    for key, limit in above.items():
        least = parse_quantity(fields[key].text) if key in fields else None
        most = parse_quantity(limit.text)
        if least is not None and most is not None and most < least:
            text = f"{key} is limited to {limit.text}, less than the {fields[key].text} asked for"
            given.error(limit.origin, f"{text}; write {fields[key].text} or more")


def probes(given: ComponentInput, component_type: str | None) -> dict[str, Node]:
    """Return the probes that are written, by their names in a container."""
    written = given.value("health")
    if written is None:
        return {}
    nodes: dict[str, Node] = {}
    for field in written.fields():
        if field.key not in _PROBES:
            continue
        name, path = _PROBES[field.key]
        port = _probe_port(given, field, component_type)
        if port is not None:
            path_field = field.inner("path")
            get = mapping(path=given.text(path_field) if path_field else constant(path), port=port)
            nodes[name] = mapped({"httpGet": get, **_probe_times(given, field)})
    return nodes


def _probe_port(
    given: ComponentInput, probe: ConfigValue, component_type: str | None
) -> Node | None:
    port = probe.inner("port")
    if port is not None and isinstance(port.node, Scalar):
        return given.copied(port)
    if component_type in _PROBE_PORTS:
        return constant(_PROBE_PORTS[component_type])
    text = f"{probe.key} does not say where to ask; write port:, or give the component a role"
    given.error(probe.origin, text)
    return None


def _probe_times(given: ComponentInput, probe: ConfigValue) -> dict[str, Node]:
    return {
        name: given.number(time)
        for key, name in _PROBE_TIMES.items()
        if (time := probe.inner(key)) is not None
    }
