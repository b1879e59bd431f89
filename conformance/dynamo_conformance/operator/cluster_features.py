"""What a cluster has beside the operator, told by the API groups it serves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.api.cluster import Cluster
from dynamo_conformance.kube.resources import table

if TYPE_CHECKING:
    from dynamo_conformance.manifest.node import Plain

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
    names = {table(one).get("name") for one in (listed if isinstance(listed, list) else ())}
    return Cluster(
        # The operator takes groups of nodes only where it could also schedule them as gangs.
        lws={LWS, VOLCANO} <= names,
        grove=GROVE in names,
        inference_extension=INFERENCE in names,
    )
