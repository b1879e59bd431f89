"""The definitions that the reference operator serves: the real ones, as dated data."""

from __future__ import annotations

import json
from enum import StrEnum
from importlib.resources import files
from typing import TYPE_CHECKING

from dynamo_conformance.api.crd_history import PLURAL
from dynamo_conformance.api.operator_releases import RECORDED_OPERATOR
from dynamo_conformance.kube.labels import OPERATOR, OPERATOR_NAME, OPERATOR_NAMESPACE, PART
from dynamo_conformance.kube.resources import KubeObject, table
from dynamo_conformance.manifest.document import GROUP

if TYPE_CHECKING:
    from dynamo_conformance.manifest.node import Plain


OTHERS = (
    "dynamographdeploymentscalingadapters",
    "dynamomodels",
    "dynamoworkermetadatas",
)
"""What is needed beside the graphs' own. The reference operator leaves the layer of
DynamoComponentDeployments out, and so their definition."""

CONVERT = "/convert"
SERVICE_PORT = 443


def definitions(*, bundle: str) -> tuple[KubeObject, ...]:
    """Return all definitions; those with a conversion webhook lead to ours.

    Args:
        bundle: The certificate that the API server must trust, in base64.
    """
    raw = (
        _read("dynamo_conformance.api", PLURAL),
        *(_read("dynamo_conformance.operator", plural) for plural in OTHERS),
    )
    return tuple(KubeObject(_ours(_led_here(definition, bundle))) for definition in raw)


def _led_here(definition: dict[str, Plain], bundle: str) -> dict[str, Plain]:
    """Return a definition whose conversion webhook, if it has one, is ours."""
    spec = table(definition["spec"])
    webhook = table(table(spec.get("conversion")).get("webhook"))
    if webhook:
        client = table(webhook["clientConfig"])
        client["caBundle"] = bundle
        client["service"] = {
            "name": OPERATOR_NAME,
            "namespace": OPERATOR_NAMESPACE,
            "path": CONVERT,
            "port": SERVICE_PORT,
        }
    return definition


def _read(room: str, plural: str) -> dict[str, Plain]:
    path = files(room) / "data" / f"{plural}-{RECORDED_OPERATOR}.json"
    data: dict[str, Plain] = json.loads(path.read_bytes())
    return table(data["crd"])


def _ours(definition: dict[str, Plain]) -> dict[str, Plain]:
    metadata = table(definition["metadata"])
    labels = {**table(metadata.get("labels")), PART: OPERATOR}
    return {**definition, "metadata": {**metadata, "labels": labels}}


DEFINITION = f"{PLURAL}.{GROUP}"


class InstalledOperator(StrEnum):
    """Whose graphs are."""

    NONE = "none"
    REFERENCE = "reference"
    REAL = "real"


def presence(definition: dict[str, Plain] | None) -> InstalledOperator:
    """Return which operator a cluster has.

    Everything of ours carries our label, and the definition of ours leads to our webhooks. One of
    which either is not true was installed by somebody else, or taken over, and must not be
    disturbed, whether or not their operator runs at the moment.

    Args:
        definition: The CustomResourceDefinition of graphs, or None when there is none.
    """
    if definition is None:
        return InstalledOperator.NONE
    labels = table(table(definition.get("metadata")).get("labels"))
    conversion = table(table(definition.get("spec")).get("conversion"))
    client = table(table(conversion.get("webhook")).get("clientConfig"))
    namespace = table(client.get("service")).get("namespace")
    is_ours = labels.get(PART) == OPERATOR and namespace == OPERATOR_NAMESPACE
    return InstalledOperator.REFERENCE if is_ours else InstalledOperator.REAL
