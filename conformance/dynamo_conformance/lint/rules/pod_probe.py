"""A probe that Kubernetes refuses, or that can never ask, keeps pods from becoming Ready.

A probe asks in exactly one way: exec, httpGet, tcpSocket or grpc. What is written in `main`
replaces the operator's probe as a whole, so a probe that only changes `periodSeconds` has no way
left, and the Deployment is refused. In v1alpha1 a service's own probe and that of `mainContainer`
are merged field by field, so it may ask in the ways of both.

A named port must be one of the container's own: the kubelet throws away the result of a probe
whose port it cannot find, and the pod waits for ever. A list of `ports` in `main` replaces the
operator's, which its default probes go by.

Fix: write the whole probe, and name a port that the container declares.

PASS:
    ports: [{name: system, containerPort: 9090}]
    readinessProbe: {httpGet: {path: /health, port: system}, periodSeconds: 10}

FAIL:
    readinessProbe: {periodSeconds: 10}
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.name_faults import port_fault
from dynamo_conformance.lint.rule import Problem
from dynamo_conformance.lint.workload import (
    RUNTIME,
    Placed,
    all_containers,
    containers,
    given,
    unknown_word,
)
from dynamo_conformance.manifest.fields import mark_of
from dynamo_conformance.manifest.graph import FRONTEND, WORKER_TYPES
from dynamo_conformance.manifest.suggest import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.lint.rule import Subject
    from dynamo_conformance.manifest.node import Mapping

SEVERITY = Severity.ERROR

LIVENESS, READINESS, STARTUP = PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_HANDLERS = ("exec", "httpGet", "tcpSocket", "grpc")
_TIMES = (
    "initialDelaySeconds", "periodSeconds", "timeoutSeconds", "successThreshold",
    "failureThreshold",
)  # fmt: skip
_GRACE = "terminationGracePeriodSeconds"
_SCHEMES = ("HTTP", "HTTPS")
_LARGEST = 65535
_PLANNER = "planner"

DEFAULT_PORTS = {
    FRONTEND: {"http": 8000},
    **{kind: {"system": 9090, "nixl": 19090} for kind in WORKER_TYPES},
    _PLANNER: {"metrics": 9085, "system": 9090},
}
"""The ports that the operator gives `main` when it lists none, by type."""


def check(subject: Subject) -> Iterator[Problem]:
    """Yield what is wrong with each probe."""
    for placed in all_containers(subject):
        for kind in PROBES:
            probe = placed.node.mapping(kind)
            if probe is not None:
                yield from _probe(placed, kind, probe)
        yield from _default_probes(placed)


def _probe(placed: Placed, kind: str, probe: Mapping) -> Iterator[Problem]:
    restart = placed.node.string("restartPolicy")
    if placed.is_init and not restart:
        message = f"an init container without restartPolicy Always has no {kind}; take it out"
        yield Problem(probe.mark, message)
        return
    yield from _handler(placed, kind, probe)
    yield from _times(kind, probe)
    for handler in ("httpGet", "tcpSocket"):
        asked = probe.mapping(handler)
        if asked is not None:
            yield from _port(placed, kind, asked)
            yield from unknown_word(asked, "scheme", _SCHEMES)
    asked = probe.mapping("grpc")
    if asked is not None:
        yield from _number(asked)


def _handler(placed: Placed, kind: str, probe: Mapping) -> Iterator[Problem]:
    written = [
        entry.key
        for entry in probe
        if entry.key in _HANDLERS and given(probe, entry.key) is not None
    ]
    if len(written) > 1:
        named = ", ".join(
            f"{handler} in line {probe.key_mark(handler).line}" for handler in written
        )
        message = f"{kind} asks in {len(written)} ways ({named}); keep one"
        yield Problem(probe.key_mark(written[1]), message)
    # Whether an empty probe replaces the operator's own is not known.
    elif not written and not (placed.has_defaults and not len(probe)):
        why = ": it replaces the operator's probe as a whole" if placed.has_defaults else ""
        message = f"{kind} does not say how to ask{why}; add one of {', '.join(_HANDLERS)}"
        yield Problem(probe.mark, message)
    command = probe.mapping("exec")
    if command is not None and not command.sequence("command"):
        yield Problem(command.mark, f"{kind} runs no command; write exec.command")


def _times(kind: str, probe: Mapping) -> Iterator[Problem]:
    for key in _TIMES:
        number = probe.integer(key)
        # The API server puts its default in the place of a 0.
        if number is not None and number < 0:
            message = f"{key}: {number} is below zero; write how many you mean"
            yield Problem(mark_of(probe, key), message)
    wanted = probe.integer("successThreshold")
    if kind != READINESS and wanted is not None and wanted > 1:
        message = f"successThreshold of a {kind} must be 1, not {wanted}; only readiness counts up"
        yield Problem(mark_of(probe, "successThreshold"), message)
    grace = probe.integer(_GRACE)
    if grace is None:
        return
    if kind == READINESS:
        message = f"a readinessProbe stops nothing; take {_GRACE} out"
        yield Problem(mark_of(probe, _GRACE), message)
    elif grace < 1:
        yield Problem(mark_of(probe, _GRACE), f"{_GRACE} of a probe must be 1 or more, not {grace}")


def _port(placed: Placed, kind: str, asked: Mapping) -> Iterator[Problem]:
    name = asked.string("port")
    if name is None:
        yield from _number(asked)
        return
    if "$" in name:
        return
    fault = port_fault(name)
    if name.isdecimal():
        yield Problem(mark_of(asked, "port"), f'port "{name}" in quotes is a name; write {name}')
    elif fault is not None:
        message = f'"{name}" is no name for a port; Kubernetes wants {fault}'
        yield Problem(mark_of(asked, "port"), message)
    else:
        yield from _named(placed, kind, asked, name)


def _named(placed: Placed, kind: str, asked: Mapping, name: str) -> Iterator[Problem]:
    known = _ports(placed)
    if known is None or name in known:
        return
    effect = "checks nothing" if kind == LIVENESS else "never succeeds"
    advice = did_you_mean(name, known) or "; declare it in the container's ports, or give a number"
    message = f'{kind} {effect}: container "{placed.name}" has no port called "{name}"{advice}'
    yield Problem(mark_of(asked, "port"), message)


def _number(asked: Mapping) -> Iterator[Problem]:
    number = asked.integer("port")
    if number is not None and not 1 <= number <= _LARGEST:
        message = f"port: {number} is no port; write one from 1 to {_LARGEST}"
        yield Problem(mark_of(asked, "port"), message)


def _ports(placed: Placed) -> tuple[str, ...] | None:
    """Return the names of a container's ports, or None when they are not known here."""
    declared = placed.node.mappings("ports")
    names = tuple(name for port in declared if (name := port.string("name")))
    if declared or not placed.has_defaults:
        return names
    if has_runtime(placed):
        return None
    if placed.is_frontend_sidecar:
        return tuple(DEFAULT_PORTS[FRONTEND])
    defaults = DEFAULT_PORTS.get(placed.component.type or "")
    if defaults is None and placed.component.type:
        return None
    return tuple(defaults or ())


def has_runtime(placed: Placed) -> bool:
    """Whether the operator gives its ports to an init container in place of `main`."""
    return any(
        container.is_init and container.name == RUNTIME
        for container in containers(placed.component)
    )


def _default_probes(placed: Placed) -> Iterator[Problem]:
    """Yield when a list of ports takes away the one that the operator's own probes ask."""
    kind = placed.component.type
    declared = placed.node.mappings("ports")
    if not placed.is_main or not declared or kind not in DEFAULT_PORTS or has_runtime(placed):
        return
    wanted = "http" if kind == FRONTEND else "system"
    names = [port.string("name") for port in declared]
    probes = (READINESS,) if kind == FRONTEND else (READINESS, STARTUP)
    left = [probe for probe in probes if given(placed.node, probe) is None]
    if left and wanted not in names:
        number = DEFAULT_PORTS[kind][wanted]
        message = (
            f'these ports replace the operator\'s, and its {left[0]} asks port "{wanted}": pods '
            f"never become Ready; add {{name: {wanted}, containerPort: {number}}}"
        )
        yield Problem(mark_of(placed.node, "ports"), message)
