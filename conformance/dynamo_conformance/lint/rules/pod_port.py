"""A port that Kubernetes refuses leaves a Deployment that is never made.

Numbers are 1 to 65535, protocols TCP, UDP or SCTP, and a name is at most 15 lower case letters,
digits and single inner dashes, with a letter among them. The schema of the graph asks for none of
this: the graph is admitted, and its Deployment is then refused.

Fix: write the port as the message says.

PASS:
    ports:
      - name: http
        containerPort: 8000
        protocol: TCP

FAIL:
    ports:
      - name: HTTP
        containerPort: 80000
        protocol: tcp
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.name_faults import port_fault
from dynamo_conformance.lint.rule import Problem
from dynamo_conformance.lint.workload import Placed, all_containers, containers, unknown_word
from dynamo_conformance.manifest.fields import is_true, mark_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.lint.rule import Subject
    from dynamo_conformance.manifest.graph import Component
    from dynamo_conformance.manifest.node import Mapping

SEVERITY = Severity.ERROR

PROTOCOLS = ("TCP", "UDP", "SCTP")
_LARGEST = 65535


def check(subject: Subject) -> Iterator[Problem]:
    """Yield each port that the API server refuses."""
    for placed in all_containers(subject):
        for port in placed.node.mappings("ports"):
            yield from _numbers(port)
            yield from unknown_word(port, "protocol", PROTOCOLS)
            yield from _name(port)
        yield from _names(placed)
    for component in subject.graph.components:
        yield from _host_ports(component)


def _numbers(port: Mapping) -> Iterator[Problem]:
    number, host = port.integer("containerPort"), port.integer("hostPort")
    if number is not None and not 1 <= number <= _LARGEST:
        yield _outside(port, "containerPort", number)
    # Go cannot tell a hostPort of 0 from none.
    if host is not None and host != 0 and not 1 <= host <= _LARGEST:
        yield _outside(port, "hostPort", host)


def _outside(port: Mapping, key: str, number: int) -> Problem:
    message = f"{key}: {number} is no port; write one from 1 to {_LARGEST}"
    return Problem(mark_of(port, key), message)


def _name(port: Mapping) -> Iterator[Problem]:
    name = port.string("name")
    fault = port_fault(name) if name else None
    if fault is not None:
        message = f'"{name}" is no name for a port; Kubernetes wants {fault}'
        yield Problem(mark_of(port, "name"), message)


def _names(placed: Placed) -> Iterator[Problem]:
    seen: set[str] = set()
    for port in placed.node.mappings("ports"):
        name = port.string("name")
        if name and name in seen:
            message = f'container "{placed.name}" has two ports called "{name}"; rename one'
            yield Problem(mark_of(port, "name"), message)
        seen.add(name or "")


def _host_ports(component: Component) -> Iterator[Problem]:
    shared = component.pod_spec.get("hostNetwork") if component.pod_spec is not None else None
    in_host = is_true(shared)
    taken: set[tuple[str, str, int]] = set()
    for placed in containers(component):
        for port in placed.node.mappings("ports"):
            host = port.integer("hostPort")
            if not host or placed.is_init:
                continue
            key = (port.string("protocol") or "TCP", port.string("hostIP") or "", host)
            if key in taken:
                message = f"hostPort {host} is taken by another port of this pod; choose another"
                yield Problem(mark_of(port, "hostPort"), message)
            elif in_host and host != port.integer("containerPort"):
                message = "a pod with hostNetwork has hostPort equal to containerPort; leave it out"
                yield Problem(mark_of(port, "hostPort"), message)
            taken.add(key)
