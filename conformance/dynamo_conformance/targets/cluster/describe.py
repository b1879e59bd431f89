"""What a cluster is, in a few words: its Kubernetes, and whose operator it has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.kube.errors import ApiError
from dynamo_conformance.operator.installation.crds import DEFINITION, presence

if TYPE_CHECKING:
    from dynamo_conformance.kube.connection import Connection
    from dynamo_conformance.manifest.node import Plain

_DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def describe(connection: Connection) -> str:
    """Return what a cluster is; nothing of what its API does not tell."""
    version = _asked(connection, "/version").get("gitVersion")
    definition = _asked(connection, f"{_DEFINITIONS}/{DEFINITION}")
    told = (
        f"Kubernetes {version}" if version else "",
        f"{presence(definition)} operator" if definition else "",
    )
    return ", ".join(one for one in told if one)


def _asked(connection: Connection, path: str) -> dict[str, Plain]:
    try:
        return connection.run(connection.client.json("GET", path))
    except ApiError:
        return {}
