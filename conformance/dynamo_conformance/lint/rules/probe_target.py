"""A probe that asks where nothing listens keeps a pod from becoming Ready, or ends it.

A worker of vLLM, SGLang, TensorRT-LLM or the mocker answers probes on its system port alone:
`DYN_SYSTEM_PORT`, which the operator sets to 9090 and names `system`. The HTTP server for clients
is the frontend's, on its own port (8000, named `http`). Both serve `/live` and `/health`, and
answer 404 to `/healthz`, `/ready` and the like. The operator's own probes and Services keep to 9090
and 8000, whatever port a component is given.

A pod with more containers, a port that the worker's own words or environment name, and a probe that
runs a command are not judged.

Fix: ask `/live` or `/health` of the port `system` (a frontend: `http`), or leave the probe out and
get the operator's own.

PASS:
    readinessProbe: {httpGet: {path: /health, port: system}}

FAIL:
    readinessProbe: {httpGet: {path: /health, port: 8000}}  # on a worker
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from dynamo_conformance.engines.commandline import programs
from dynamo_conformance.engines.role import Role
from dynamo_conformance.engines.serving import WORKER_ROLES
from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.rule import Problem
from dynamo_conformance.lint.rules.pod_probe import DEFAULT_PORTS, PROBES, STARTUP, has_runtime
from dynamo_conformance.lint.workload import Placed, given, runs_alone
from dynamo_conformance.manifest.fields import is_true, mark_of
from dynamo_conformance.manifest.graph import FRONTEND
from dynamo_conformance.manifest.quantity import parse_whole
from dynamo_conformance.manifest.suggest import did_you_mean
from dynamo_conformance.rendering.environment import NIXL_PORT, SYSTEM_PORT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.lint.engine_settings import EngineSettings
    from dynamo_conformance.lint.rule import Subject
    from dynamo_conformance.manifest.graph import Component, Container
    from dynamo_conformance.manifest.node import Mapping, Mark

SEVERITY = Severity.ERROR

_PATHS = ("/live", "/health")
_SERVED = {
    Role.FRONTEND: ("/metrics", "/openapi.json", "/docs", "/v1", "/busy_threshold", "/engine"),
}
"""What a frontend answers beside `/live` and `/health`."""

_OF_WORKERS = ("/metrics", "/metadata", "/engine", "/v1/loras")
_MOVED = ("DYN_HTTP_SVC_", "DYN_SYSTEM_HEALTH_PATH", "DYN_SYSTEM_LIVE_PATH")
"""Variables with which a server's paths are others."""

_ENGINES_OWN = frozenset({NIXL_PORT, 5557, 5600, 8998, 20380})
"""Ports on which an engine listens without being given them: telemetry, events, transfers."""

_PREPARES = frozenset(
    {
        ":", ".", "cd", "cp", "echo", "export", "ln", "mkdir", "set", "sleep", "source", "test",
        "trap", "true", "ulimit", "unset", "[", "[[",
    }
)  # fmt: skip
"""Programs of a script that serve nothing."""


class _Server(NamedTuple):
    """What answers probes in a component's main container.

    Attributes:
        what: Who it is, as a message names it.
        name: What the operator calls its port.
        port: The port it listens on.
        default: The port that the operator's probes and Services ask.
        mark: Where another port was written.
        paths: What it answers beside `/live` and `/health`; None when that is not known.
    """

    what: str
    name: str
    port: int
    default: int
    mark: Mark
    paths: tuple[str, ...] | None


def check(subject: Subject) -> Iterator[Problem]:
    """Yield each probe of a worker or frontend that nothing answers."""
    seen: set[Mark] = set()
    for settings in subject.settings:
        for problem in _of_part(settings):
            if problem.mark not in seen:  # A variable of the graph is one, however many read it.
                seen.add(problem.mark)
                yield problem


def _of_part(settings: EngineSettings) -> Iterator[Problem]:
    component = settings.part.component
    main = component.main
    server = _server(settings, main) if main is not None else None
    if main is None or server is None:
        return
    placed = Placed(main.node, component)
    problems = [
        *(
            problem
            for kind in PROBES
            if (probe := main.node.mapping(kind)) is not None
            for problem in _probe(placed, kind, probe, server)
        ),
        *(_operators_probes(placed, server) if settings.part.release.is_studied else ()),
    ]
    if problems and _is_alone(component, main):
        yield from problems


def _is_alone(component: Component, main: Container) -> bool:
    """Whether nothing but one Dynamo module can listen in the pod."""
    spec = component.pod_spec
    if spec is None or is_true(spec.get("hostNetwork")) or not runs_alone(component):
        return False
    started = programs(main.command + main.args)
    servers = [
        program for program in started if program[0].text.rpartition("/")[2] not in _PREPARES
    ]
    return len(servers) <= 1


def _server(settings: EngineSettings, main: Container) -> _Server | None:
    """Return the server whose port is known, or None."""
    part = settings.part
    moved = any(variable.name.startswith(_MOVED) for variable in main.env)
    # Of earlier releases it is not known what else they answer.
    moved = moved or not part.release.is_studied
    if part.role is Role.FRONTEND and not _serves_otherwise(settings):
        port = settings.number("http_port")
        if port is None:
            return None
        return _Server(
            what="the frontend",
            name="http",
            port=port,
            default=DEFAULT_PORTS[FRONTEND]["http"],
            mark=settings.mark("http_port"),
            paths=None if moved else _SERVED[Role.FRONTEND],
        )
    system = _system_port(settings, main) if part.role in WORKER_ROLES else None
    if system is None:
        return None
    port, mark = system
    return _Server(
        what="the worker",
        name="system",
        port=port,
        default=SYSTEM_PORT,
        mark=mark,
        paths=None if moved else _OF_WORKERS,
    )


def _serves_otherwise(settings: EngineSettings) -> bool:
    """Whether a frontend has another server than the one for clients, or other paths."""
    dests = ("interactive", "kserve_grpc_server", "frontend_route_extensions", "tls_cert_path")
    return any(settings.given(dest) for dest in dests)


def _system_port(settings: EngineSettings, main: Container) -> tuple[int, Mark] | None:
    """Return a worker's system port and where it is written, or None when it is not known."""
    name = "DYN_SYSTEM_PORT"
    if any(name in word.text for word in main.command + main.args):
        return None
    variable = settings.environment(name)
    if variable is not None:
        port = parse_whole((variable.value or "").strip())
        return (port, variable.mark) if port is not None and port > 0 else None
    if settings.part.ways.system_port.enabled_by is not None:
        return None  # Its operator sets both variables, and another one need not.
    component = settings.part.component
    return (SYSTEM_PORT, component.mark) if component.is_worker else None


def _probe(placed: Placed, kind: str, probe: Mapping, server: _Server) -> Iterator[Problem]:
    for handler in ("httpGet", "tcpSocket", "grpc"):
        asked = probe.mapping(handler)
        port = _asked_port(placed, asked) if asked is not None else None
        if asked is None or port is None or asked.string("host"):
            continue
        effect = "restarts the container" if kind != "readinessProbe" else "never succeeds"
        if port != server.port:
            if port in _ENGINES_OWN or port in _numbers(placed):
                continue
            listens = f"{server.what} listens on {server.port} alone"
            message = f"{kind} {effect}: nothing answers on port {port}, {listens}"
            yield Problem(mark_of(asked, "port"), f"{message}; {_advice(placed, kind, server)}")
        elif handler == "httpGet":
            yield from _path(kind, effect, asked, server)


def _advice(placed: Placed, kind: str, server: _Server) -> str:
    path = "/health" if kind == "readinessProbe" else "/live"
    usual = server.port == server.default and placed.component.type in DEFAULT_PORTS
    declared = {
        port.string("name"): port.integer("containerPort") for port in placed.node.mappings("ports")
    }
    named = declared.get(server.name) == server.port or (usual and not declared)
    return f"ask {path} on port {server.name if named else server.port}"


def _path(kind: str, effect: str, asked: Mapping, server: _Server) -> Iterator[Problem]:
    path = (asked.string("path") or "/").partition("?")[0]
    if server.paths is None or "$" in path or path in _PATHS:
        return
    if any(path == known or path.startswith(f"{known}/") for known in server.paths):
        return
    right = "/health" if kind == "readinessProbe" else "/live"
    advice = did_you_mean(path, _PATHS) or f"; ask {right}"
    message = f"{kind} {effect}: {server.what} answers 404 to {path}{advice}"
    yield Problem(mark_of(asked, "path"), message)


def _asked_port(placed: Placed, asked: Mapping) -> int | None:
    """Return the number of the port that a probe asks, or None when it is not known."""
    name = asked.string("port")
    if name is None:
        return asked.integer("port")
    declared = placed.node.mappings("ports")
    if declared:
        return next(
            (port.integer("containerPort") for port in declared if port.string("name") == name),
            None,
        )
    if has_runtime(placed):
        return None
    return DEFAULT_PORTS.get(placed.component.type or "", {}).get(name)


def _numbers(placed: Placed) -> frozenset[int]:
    """Return every number in the container's own words and environment."""
    main = placed.component.main
    if main is None:
        return frozenset()
    texts = [word.text for word in main.command + main.args]
    texts += [variable.value or "" for variable in main.env]
    return frozenset(
        int(match) for text in texts for match in re.findall(r"\d{1,5}", text, re.ASCII)
    )


def _operators_probes(placed: Placed, server: _Server) -> Iterator[Problem]:
    """Yield when the operator's own probes ask a port that the component does not listen on."""
    kind = placed.component.type or ""
    if server.port == server.default or kind not in DEFAULT_PORTS or has_runtime(placed):
        return
    wanted = [probe for probe in PROBES if kind != FRONTEND or probe != STARTUP]
    left = [probe for probe in wanted if given(placed.node, probe) is None]
    declared = placed.node.mappings("ports")
    if not left or (declared and server.default not in _named(declared, server.name)):
        return
    message = (
        f"{server.what} listens on {server.port}, and the operator's own {left[0]} asks port "
        f"{server.name}, which is {server.default}; leave {server.default}, or declare "
        f"{{name: {server.name}, containerPort: {server.port}}}"
    )
    yield Problem(server.mark, message)


def _named(declared: tuple[Mapping, ...], name: str) -> list[int | None]:
    return [port.integer("containerPort") for port in declared if port.string("name") == name]
