"""The permissions that a run needs, and why: preflight asks for exactly these."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dynamo_conformance.kube import resources as kinds
from dynamo_conformance.kube.resources import graphs
from dynamo_conformance.manifest.document import V1BETA1

if TYPE_CHECKING:
    from dynamo_conformance.kube.client import Client
    from dynamo_conformance.kube.resources import Resource
    from dynamo_conformance.manifest.node import Plain


@dataclass(frozen=True, slots=True, kw_only=True)
class Permission:
    """What a run does to one kind of object.

    Attributes:
        group: The API group; empty for the core group.
        resource: The kind in its plural, with its subresource if there is one.
        verbs: What is done.
        why: What for.
        cluster: Whether the kind lives outside of namespaces.
    """

    group: str
    resource: str
    verbs: tuple[str, ...]
    why: str
    cluster: bool = False


READ = ("get", "list", "watch")


def _grant(
    resource: Resource,
    *verbs: str,
    why: str,
    sub: str = "",
    cluster: bool = False,
) -> Permission:
    return Permission(
        group=resource.group,
        resource=f"{resource.plural}/{sub}" if sub else resource.plural,
        verbs=verbs,
        why=why,
        cluster=cluster,
    )


OWN_NAMESPACES = (
    _grant(
        kinds.NAMESPACES, "create", "get", "list", "patch", "delete", cluster=True,
        why="one namespace for each example, its sign of life, and what killed runs left",
    ),
)  # fmt: skip
"""Only needed when each example gets a namespace of its own."""

GIVEN_NAMESPACE = (
    _grant(graphs(V1BETA1), "delete", why="taking back the graph from a namespace that stays"),
)
"""Only needed when a namespace is named that is there already."""

READING = (
    _grant(graphs(V1BETA1), *READ, why="the graph, and its status"),
    _grant(kinds.PODS, *READ, why="what the pods do, and why one does not"),
    _grant(kinds.PODS, "get", sub="log", why="the last words of a container"),
    _grant(
        kinds.PODS, "get", "create", sub="portforward", why="requests to the frontend and workers"
    ),
    _grant(kinds.EVENTS, "list", "watch", why="what happens to pods and claims"),
    _grant(kinds.CLAIMS, "list", "watch", why="whether claims get their volumes"),
    _grant(kinds.ENDPOINT_SLICES, "list", "watch", why="which pods a Service sends requests to"),
)
"""All that asking a graph needs that is there already, in its namespace."""

DEPLOYING = (_grant(graphs(V1BETA1), "create", "patch", why="kubectl apply"),)
"""What a run that deploys needs beside."""

ALWAYS = (*READING, *DEPLOYING)
"""A run that deploys cannot do without these, in every namespace it uses."""

BETTER = (
    _grant(kinds.PODS, "deletecollection", why="an end in seconds, not minutes"),
    _grant(kinds.SERVICE_ACCOUNTS, "get", "list", why="waiting until pods can be made"),
    _grant(kinds.CONFIG_MAPS, "get", "list", why="the same, and the folder of a failed example"),
    _grant(kinds.REPLICA_SETS, "list", why="what admission changed in the pods"),
    _grant(kinds.STATEFUL_SETS, "list", why="what admission changed in the pods of several nodes"),
    _grant(
        kinds.DEPLOYMENTS, "list", why="whether the operator runs; the folder of a failed example"
    ),
    _grant(kinds.LEASES, "list", why="whether the operator still works"),
    _grant(kinds.LEADER_WORKER_SETS, "list", why="the folder of a failed example"),
    _grant(kinds.SERVICES, "list", why="the folder of a failed example"),
    _grant(kinds.COMPONENTS, "list", why="the folder of a failed example"),
    _grant(kinds.WORKERS, "list", why="the folder of a failed example"),
    _grant(kinds.SECRETS, "get", "list", why="finding a missing Secret; names for the folder"),
    _grant(kinds.CLAIMS, "get", why="finding a missing claim before anything is applied"),
    _grant(
        kinds.NODES, "list", why="finding missing GPUs before anything is applied", cluster=True
    ),
    _grant(kinds.STORAGE_CLASSES, "list", why="finding a missing storage class", cluster=True),
    _grant(kinds.PRIORITY_CLASSES, "get", why="finding a missing priority class", cluster=True),
    _grant(kinds.RUNTIME_CLASSES, "get", why="finding a missing runtime class", cluster=True),
)
"""Without these a run reports less, or later."""


def needed(*, given_namespace: bool) -> tuple[Permission, ...]:
    """Return what a run cannot do without.

    Args:
        given_namespace: Whether it uses a namespace that is there already.
    """
    namespaces = GIVEN_NAMESPACE if given_namespace else OWN_NAMESPACES
    return (*namespaces, *ALWAYS)


async def missing(
    client: Client, wanted: tuple[Permission, ...], *, namespace: str | None
) -> tuple[tuple[Permission, str], ...]:
    """Return the permissions that we do not have, with the first verb that is refused.

    Args:
        client: The cluster's API.
        wanted: What to ask for.
        namespace: The namespace to use; None asks for every namespace.
    """
    questions = [(permission, verb) for permission in wanted for verb in permission.verbs]
    allowed = await asyncio.gather(
        *(_may(client, permission, verb, namespace=namespace) for permission, verb in questions)
    )
    refused: dict[Permission, str] = {}
    for (permission, verb), may in zip(questions, allowed, strict=True):
        if not may:
            refused.setdefault(permission, verb)
    return tuple(refused.items())


async def _may(client: Client, permission: Permission, verb: str, *, namespace: str | None) -> bool:
    resource, _, sub = permission.resource.partition("/")
    attributes: dict[str, Plain] = {"verb": verb, "group": permission.group, "resource": resource}
    if sub:
        attributes["subresource"] = sub
    if namespace is not None and not permission.cluster:
        attributes["namespace"] = namespace
    body: dict[str, Plain] = {
        "apiVersion": kinds.ACCESS_REVIEWS.api_version,
        "kind": kinds.ACCESS_REVIEWS.kind,
        "spec": {"resourceAttributes": attributes},
    }
    answer = await client.json("POST", kinds.ACCESS_REVIEWS.path(), body=body)
    status = answer.get("status")
    return isinstance(status, dict) and status.get("allowed") is True
