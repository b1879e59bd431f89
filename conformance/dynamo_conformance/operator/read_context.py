"""What the objects of a graph depend on that is not in the graph, asked of the API server."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from typing import TYPE_CHECKING

from dynamo_conformance.api.cluster_parts import Cluster
from dynamo_conformance.kube.resources import CLAIMS, SECRETS, table
from dynamo_conformance.operator.objects import volume_claims
from dynamo_conformance.operator.objects.graph_objects import RenderContext
from dynamo_conformance.operator.objects.multinode import new_key
from dynamo_conformance.rendering.names import SSH_SECRET
from dynamo_conformance.rendering.pull_secrets import PullSecret, auth_host

if TYPE_CHECKING:
    from dynamo_conformance.kube.resources import KubeObject, Owner
    from dynamo_conformance.manifest.graph import Graph
    from dynamo_conformance.manifest.node import Plain
    from dynamo_conformance.operator.cluster_api import ClusterApi
    from dynamo_conformance.operator.objects.multinode import SshKey


_DOCKER_CONFIG = ".dockerconfigjson"
_DOCKER_TYPE = "type=kubernetes.io/dockerconfigjson"


async def read_context(
    api: ClusterApi, graph: Graph, *, namespace: str, owner: Owner
) -> RenderContext:
    """Return the context of a graph; all requests run at once."""
    cluster, secrets, existing, key = await asyncio.gather(
        _cluster(api), _pull_secrets(api, namespace), _claims(api, graph, namespace),
        _ssh_key(api, graph, namespace),
    )  # fmt: skip
    return RenderContext(
        namespace=namespace,
        owner=owner,
        cluster=cluster,
        ssh_key=key,
        claims=existing,
        pull_secrets=secrets,
    )


async def _cluster(api: ClusterApi) -> Cluster:
    return features(await api.get("/apis") or {})


async def _claims(api: ClusterApi, graph: Graph, namespace: str) -> frozenset[str]:
    names = [claim.name for claim in volume_claims.listed(graph)]
    claims = await asyncio.gather(*(api.get(CLAIMS.path(namespace, name)) for name in names))
    return frozenset(name for name, claim in zip(names, claims, strict=True) if claim is not None)


async def _ssh_key(api: ClusterApi, graph: Graph, namespace: str) -> SshKey | None:
    """Return a new key pair where groups of nodes need one and the namespace has none."""
    if all(component.node_count == 1 for component in graph.components):
        return None
    secret = await api.get(SECRETS.path(namespace, SSH_SECRET))
    return new_key() if secret is None else None


async def _pull_secrets(api: ClusterApi, namespace: str) -> tuple[PullSecret, ...]:
    secrets = await api.items(SECRETS, namespace, fieldSelector=_DOCKER_TYPE)
    return tuple(PullSecret(name=secret.name, hosts=pull_hosts(secret)) for secret in secrets)


def pull_hosts(secret: KubeObject) -> frozenset[str]:
    """Return the registries that a secret opens; none when it cannot be read."""
    data = table(secret.get("data")).get(_DOCKER_CONFIG)
    try:
        config = json.loads(base64.b64decode(data if isinstance(data, str) else "", validate=True))
    except (ValueError, binascii.Error):
        return frozenset()
    return frozenset(auth_host(address) for address in table(table(config).get("auths")))


GROVE = "grove.io"
LWS = "leaderworkerset.x-k8s.io"
VOLCANO = "scheduling.volcano.sh"
INFERENCE = "inference.networking.k8s.io"


def features(groups: dict[str, Plain]) -> Cluster:
    """Return what a cluster has.

    Args:
        groups: Its answer to `GET /apis`.
    """
    listed = groups.get("groups")
    names = {table(group).get("name") for group in (listed if isinstance(listed, list) else ())}
    return Cluster(
        # The operator takes groups of nodes only where it could also schedule them as gangs.
        lws={LWS, VOLCANO} <= names,
        grove=GROVE in names,
        inference_extension=INFERENCE in names,
    )
