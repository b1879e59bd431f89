"""The listeners of one pod need ports of their own.

All containers of a pod share one network, so the second that listens on a port ends at start. The
operator sets some ports itself: 9090 for a worker's system server, 20380 for vLLM's forward pass
metrics, 8000 for a frontend. And the runtime reads `DYN_SYSTEM_PORT` as a signed number of 16 bits:
above 32767 the worker ends at start.

Fix: give one of the two listeners another port.

PASS:
    args: [..., --kv-events-config, '{"enable_kv_cache_events":true,"endpoint":"tcp://*:20080"}']

FAIL:
    args: [..., --kv-events-config, '{"enable_kv_cache_events":true,"endpoint":"tcp://*:9090"}']
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dynamo_conformance.engines.flag import parse_json
from dynamo_conformance.engines.parsing import unexpanded
from dynamo_conformance.engines.role import Role
from dynamo_conformance.engines.serving import publishes_kv_events
from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.rule import Problem
from dynamo_conformance.manifest.graph import FRONTEND, MAIN
from dynamo_conformance.manifest.quantity import parse_whole
from dynamo_conformance.rendering.engine_launch import SGLANG_INIT_PORT
from dynamo_conformance.rendering.environment import (
    FORWARD_PASS_PORT,
    HTTP_PORT,
    NIXL_PORT,
    SYSTEM_PORT,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.engines.role import Part
    from dynamo_conformance.lint.engine_settings import EngineSettings
    from dynamo_conformance.lint.rule import Subject
    from dynamo_conformance.manifest.graph import Container, EnvVar
    from dynamo_conformance.manifest.node import Mark

SEVERITY = Severity.ERROR

_SYSTEM = "DYN_SYSTEM_PORT"
_EVENTS = "kv_events_config"
_SIDE_CHANNEL_PORT = 5600
_EVENTS_ENDPOINT = "tcp://*:5557"
_LARGEST_SYSTEM_PORT = 32767
_BOUND = re.compile(r"tcp://(?:\*|\[::\]):(\d+)", re.ASCII)
_TRUE = frozenset({"y", "yes", "1", "on", "true", "enable"})
_SERVING = (Role.AGG, Role.PREFILL, Role.DECODE)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Listener:
    """Who takes a port.

    Attributes:
        port: The port.
        what: Who it is, as a message names it.
        mark: Where the port is written, or None for a default.
        container: The container it runs in.
        declared: Whether a container only says that it listens there.
    """

    port: int
    what: str
    mark: Mark | None
    container: str
    declared: bool = False


def check(subject: Subject) -> Iterator[Problem]:
    """Yield each listener whose port is taken, and system ports that the runtime cannot read."""
    yield from _large_system_ports(subject)
    for settings in subject.settings:
        part = settings.part
        taken: dict[int, _Listener] = {}
        for listener in _listeners(settings):
            first = taken.setdefault(listener.port, listener)
            if first is not listener and not _same(first, listener):
                yield _collision(part, first, listener)


def _large_system_ports(subject: Subject) -> Iterator[Problem]:
    """Yield each value of DYN_SYSTEM_PORT that ends the worker that reads it."""
    readers = [
        settings
        for settings in subject.studied_settings
        if settings.part.command and settings.part.role is not Role.FRONTEND
    ]
    variables: dict[Mark, EnvVar] = {}
    for settings in readers:
        variable = settings.environment(_SYSTEM)
        if variable is not None and (_port(variable) or 0) > _LARGEST_SYSTEM_PORT:
            variables[variable.mark] = variable
    for mark, variable in variables.items():
        message = (
            f"{_SYSTEM} {variable.value} is more than the runtime can read, and the worker ends at "
            f"start; choose a port up to {_LARGEST_SYSTEM_PORT}"
        )
        yield Problem(mark, message)


def _same(first: _Listener, second: _Listener) -> bool:
    """Whether a container only declares where it listens itself."""
    return first.container == second.container and (first.declared or second.declared)


def _collision(part: Part, first: _Listener, second: _Listener) -> Problem:
    certain = not first.declared and not second.declared
    message = (
        f'component "{part.component.name}": {first.what} and {second.what} both listen on port '
        f"{second.port} of the pod; give one of them another port"
    )
    mark = second.mark or first.mark or part.component.mark
    return Problem(mark, message, severity=None if certain else Severity.WARNING)


def _listeners(settings: EngineSettings) -> Iterator[_Listener]:
    """Yield every listener of the pod whose port is known, those that surely listen first."""
    component = settings.part.component
    yield from _of_operator(settings)
    if settings.module == "dynamo.vllm" and settings.part.role in _SERVING:
        yield from _of_vllm(settings)
    is_studied = settings.part.release.is_studied
    if settings.module == "dynamo.sglang" and settings.part.role in _SERVING and is_studied:
        yield from _of_sglang(settings)
    sidecar = component.node.string("frontendSidecar")
    for container in component.containers:
        if container.name == sidecar and container.name != MAIN and not _moves_http(container):
            what = f'the frontend in container "{container.name}"'
            yield _Listener(port=HTTP_PORT, what=what, mark=None, container=container.name)
    for container in component.containers:
        yield from _declared(container)


def _of_operator(settings: EngineSettings) -> Iterator[_Listener]:
    """Yield the listeners whose ports the operator sets."""
    component = settings.part.component
    if component.is_worker:
        yield from _variable(settings, _SYSTEM, SYSTEM_PORT, "the system server")
        switch = settings.environment("NIXL_TELEMETRY_ENABLE")
        if switch is not None and (switch.value or "").lower() in _TRUE:
            name = "NIXL_TELEMETRY_PROMETHEUS_PORT"
            yield from _variable(settings, name, NIXL_PORT, "NIXL telemetry")
    if settings.part.role is Role.FRONTEND and component.type == FRONTEND:
        port = settings.number("http_port")
        if port is not None:
            mark = settings.mark("http_port") if settings.given("http_port") else None
            yield _main(port, "the HTTP server", mark)


def _of_vllm(settings: EngineSettings) -> Iterator[_Listener]:
    yield from _events(settings)
    # A connector inside another one needs the side channel, too.
    if "NixlConnector" in (settings.text("kv_transfer_config") or ""):
        name = "VLLM_NIXL_SIDE_CHANNEL_PORT"
        yield from _variable(settings, name, _SIDE_CHANNEL_PORT, "the NIXL side channel")
    if settings.part.component.is_worker and settings.part.ways.forward_pass_metrics:
        name = "DYN_FORWARDPASS_METRIC_PORT"
        yield from _variable(settings, name, FORWARD_PASS_PORT, "forward pass metrics")


def _of_sglang(settings: EngineSettings) -> Iterator[_Listener]:
    yield from _events(settings)
    meets_elsewhere = settings.given("dist_init_addr") or settings.hidden
    if settings.part.component.node_count > 1 and not meets_elsewhere:
        yield _main(SGLANG_INIT_PORT, "the meeting point of the nodes", None)
    # Without the flag Dynamo takes a port that is free.
    wanted = {"nccl_port": "NCCL"}
    if settings.part.role is Role.PREFILL:
        wanted["disaggregation_bootstrap_port"] = "the bootstrap server"
    for dest, what in wanted.items():
        port = settings.number(dest) if settings.given(dest) else None
        if port is not None:
            yield _main(port, what, settings.mark(dest))


def _events(settings: EngineSettings) -> Iterator[_Listener]:
    """Yield the sockets on which an engine publishes KV events; it may also connect instead."""
    text = settings.text(_EVENTS)
    if text is None or not publishes_kv_events(settings.part):
        return
    config = parse_json(text)
    assert isinstance(config, dict)  # noqa: S101 - a worker that publishes has said so in one
    sockets = {
        "KV events": config.get("endpoint", _EVENTS_ENDPOINT),
        "the replay of KV events": config.get("replay_endpoint"),
    }
    for what, endpoint in sockets.items():
        bound = _BOUND.fullmatch(endpoint) if isinstance(endpoint, str) else None
        port = parse_whole(bound[1]) if bound is not None else None
        if port is not None:
            yield _main(port, what, settings.mark(_EVENTS))


def _variable(settings: EngineSettings, name: str, default: int, what: str) -> Iterator[_Listener]:
    variable = settings.environment(name)
    port = default if variable is None else _port(variable)
    if port:
        yield _main(port, what, variable.mark if variable is not None else None)


def _port(variable: EnvVar) -> int | None:
    return parse_whole((variable.value or "").strip())


def _main(port: int, what: str, mark: Mark | None) -> _Listener:
    return _Listener(port=port, what=what, mark=mark, container=MAIN)


def _declared(container: Container) -> Iterator[_Listener]:
    for node in container.node.mappings("ports"):
        port = node.integer("containerPort")
        if port is not None and node.string("protocol") in (None, "TCP"):
            yield _Listener(
                port=port,
                what=f'container "{container.name}"',
                mark=node.mark,
                container=container.name,
                declared=True,
            )


def _moves_http(container: Container) -> bool:
    """Whether a frontend beside `main` is told another port."""
    words = container.command + container.args
    by_flag = any("--http-port" in word.text or unexpanded(word.text) for word in words)
    return by_flag or any(
        variable.name in ("DYN_HTTP_PORT", "DYNAMO_PORT") for variable in container.env
    )
