"""The kinds of objects that the controller reads and writes, and what it does with each."""

from __future__ import annotations

from dynamo_conformance.kube.resources import (
    ADAPTERS,
    CLAIMS,
    CONFIG_MAPS,
    DEPLOYMENTS,
    LEADER_WORKER_SETS,
    PODS,
    ROLE_BINDINGS,
    ROLES,
    SECRETS,
    SERVICE_ACCOUNTS,
    SERVICES,
    Resource,
    graphs,
)
from dynamo_conformance.manifest.document import V1BETA1

GRAPHS = graphs(V1BETA1)
EVENTS = Resource("events.k8s.io/v1", "events", "Event")

WATCHED = (
    DEPLOYMENTS, LEADER_WORKER_SETS, SERVICES, CONFIG_MAPS, SERVICE_ACCOUNTS, ROLES, ROLE_BINDINGS,
    CLAIMS, ADAPTERS,
)  # fmt: skip
"""What the controller makes and then keeps an eye on."""

MADE_ONCE = (CLAIMS.kind, SECRETS.kind, ADAPTERS.kind)
"""What is made when it is missing and then left to others: claims hold data, secrets keys, and an
adapter's number is its user's."""

KEPT = (CLAIMS.kind, SECRETS.kind)
"""What is never deleted because nobody wants it any more: only with its graph, or by people."""

BY_KIND = {resource.kind: resource for resource in (*WATCHED, SECRETS, PODS, GRAPHS)}
