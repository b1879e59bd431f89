"""NATS and etcd are there only when somebody installs them.

Requests travel over TCP, events over ZMQ, and components find each other through Kubernetes, unless
a graph says otherwise. With `--request-plane nats`, `--event-plane nats` or a discovery backend of
etcd each component looks for a server at start, waits for it, and ends. The operator's chart
installs etcd by itself until 0.9 and NATS until 1.3; since then `global.nats.install` and
`global.etcd.install` do, and it tells graphs of one only when it knows one.

Fix: leave the setting out; or write NATS_SERVER (ETCD_ENDPOINTS) into the graph's env, or say that
the cluster has one with `--cluster-has nats` (`etcd`).

PASS:
    args: [--request-plane, tcp]

FAIL:
    args: [--request-plane, nats]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.rule import Problem
from dynamo_conformance.lint.servers import ETCD, NATS, by_annotation, talks_to

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.lint.rule import Subject

SEVERITY = Severity.WARNING

_SETTINGS = {
    NATS: ("global.nats.install", "NATS_SERVER"),
    ETCD: ("global.etcd.install", "ETCD_ENDPOINTS"),
}
_ARTICLE = {NATS: "a", ETCD: "an"}


def check(subject: Subject) -> Iterator[Problem]:
    """Yield the first place that asks for a server of which nothing is known."""
    reported: set[str] = set()
    asked = [*by_annotation(subject.graph)]
    asked += [used for settings in subject.studied_settings for used in talks_to(settings)]
    for server in asked:
        if server.address or server.kind in reported or _has(subject, server.kind):
            continue
        reported.add(server.kind)
        install, variable = _SETTINGS[server.kind]
        message = (
            f"this needs {_ARTICLE[server.kind]} {server.kind}, which the operator's chart "
            f"installs only with {install}; leave it out, or write {variable} into the graph's env"
        )
        yield Problem(server.mark, message)


def _has(subject: Subject, kind: str) -> bool:
    """Whether there is one: the cluster's, or the one that older charts install by themselves."""
    cluster, ways = subject.cluster, subject.ways
    if cluster is None and (ways.bundled_nats if kind == NATS else ways.bundled_etcd):
        return True
    return cluster is not None and (cluster.nats if kind == NATS else cluster.etcd)
