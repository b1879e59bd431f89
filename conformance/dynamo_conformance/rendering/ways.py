"""How an operator makes pods, as far as its releases differ.

The rows are in data/ways.json, each value with the first minor release that has it. What differs
and has no row is rendered as the newest operator does; docs/operators.md lists it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NotRequired, TypedDict, cast

from dynamo_conformance.api.operator_releases import OPERATORS, Operator, order

if TYPE_CHECKING:
    from collections.abc import Iterator

_DATA = Path(__file__).parent / "data" / "ways.json"


class _Values(TypedDict):
    graph_namespace: bool
    namespace_dots: bool
    discovery: Literal["etcd", "asked", "kubernetes"]
    bundled_etcd: bool
    bundled_nats: bool
    worker_hash: bool
    jq_probes: bool
    startup_failures: int
    probe_timeout: int
    ready_failures: int
    system_enabled: bool
    health_check: str
    pod_env: bool
    pod_uid: bool
    nixl: bool
    forward_pass: bool
    container_mode: bool
    planner_system_port: bool
    shared_memory: bool
    fs_group: bool
    grace: int
    discovery_labels: bool
    component_class: bool
    leader_address: str
    vllm_nodes: Literal["ray", "fitting-ray", "mp"]
    vllm_hybrid: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """The ways of one release; the defaults are those of the newest. Times are seconds.

    Attributes:
        graph_namespace: Whether the Dynamo namespace is the service's own, else `dynamo-GRAPH`.
        namespace_dots: Whether dots of the graph's name stay in the Dynamo namespace.
        discovery: Through what components find each other: `asked` is etcd unless the graph's
            annotation says kubernetes, `kubernetes` is that unless it says etcd.
        bundled_etcd: Whether the chart installs etcd by itself.
        bundled_nats: Whether the chart installs NATS by itself.
        worker_hash: Whether workers carry the hash of their generation.
        jq_probes: Whether a frontend is asked with curl and jq.
        startup_failures: How often a worker may fail to start, every ten seconds.
        probe_timeout: How long a worker may take to answer.
        ready_failures: How often a worker may not be ready.
        system_enabled: Whether workers get DYN_SYSTEM_ENABLED.
        health_check: The DYN_HEALTH_CHECK_ENABLED of workers; none when empty.
        pod_env: Whether pods know their component, name and namespace.
        pod_uid: Whether pods know their uid.
        nixl: Whether workers have NIXL's port and variables.
        forward_pass: Whether workers get a port for metrics of forward passes.
        container_mode: Whether a graph can ask for discovery by container.
        planner_system_port: Whether the planner has a port `system`.
        shared_memory: Whether components get shared memory that they did not ask for.
        fs_group: Whether pods get a group for their files.
        grace: How long a pod may take to end; 0 is what Kubernetes gives.
        discovery_labels: Whether pods are labelled for discovery.
        component_class: Whether workers are labelled for an endpoint picker.
        leader_address: How a command line names the leader of its replica.
        vllm_nodes: How vLLM spans nodes: `ray` always, `fitting-ray` where one node does not hold
            it, `mp` then.
        vllm_hybrid: Whether vLLM gets the flags of a hybrid load balancer and of its executor.
    """

    graph_namespace: bool = False
    namespace_dots: bool = False
    discovery: Literal["etcd", "asked", "kubernetes"] = "kubernetes"
    bundled_etcd: bool = False
    bundled_nats: bool = False
    worker_hash: bool = True
    jq_probes: bool = False
    startup_failures: int = 720
    probe_timeout: int = 4
    ready_failures: int = 3
    system_enabled: bool = True
    health_check: str = "false"
    pod_env: bool = True
    pod_uid: bool = True
    nixl: bool = True
    forward_pass: bool = True
    container_mode: bool = True
    planner_system_port: bool = True
    shared_memory: bool = True
    fs_group: bool = True
    grace: int = 60
    discovery_labels: bool = True
    component_class: bool = True
    leader_address: str = "$(LWS_LEADER_ADDRESS)"
    vllm_nodes: Literal["ray", "fitting-ray", "mp"] = "mp"
    vllm_hybrid: bool = True


NEWEST = Ways()
"""The ways of the newest operator; a test holds them against the data."""


class WayRow(TypedDict):
    """A row as the data file holds it: the values by the first release that has them."""

    way: str
    section: str
    topic: str
    since: dict[str, bool | int | str]
    unsure: NotRequired[list[str]]
    what: str


@cache
def rows() -> tuple[WayRow, ...]:
    """Return what is known of every way."""
    data: dict[str, list[WayRow]] = json.loads(_DATA.read_bytes())
    return tuple(data["ways"])


def ways(operator: str | None = None) -> Ways:
    """Return how an operator makes pods; the newest one when None.

    Raises:
        KeyError: Nothing is known of that version.
    """
    return NEWEST if operator is None else _of(OPERATORS[operator].name)


def uncertain(operator: Operator) -> tuple[str, ...]:
    """Return the ways of which it is not known whether that release has them yet."""
    return tuple(row["way"] for row in rows() if operator.name in row.get("unsure", ()))


@cache
def _of(name: str) -> Ways:
    return Ways(**cast("_Values", dict(_values(name))))


def _values(name: str) -> Iterator[tuple[str, bool | int | str]]:
    for row in rows():
        since = max((first for first in row["since"] if order(first) <= order(name)), key=order)
        yield row["way"], row["since"][since]
