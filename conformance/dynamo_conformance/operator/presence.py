"""Which operator a cluster has: none, the reference operator, or a real one."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from dynamo_conformance.api.crd import PLURAL
from dynamo_conformance.kube.labels import OPERATOR, OPERATOR_NAMESPACE, PART
from dynamo_conformance.kube.resources import table
from dynamo_conformance.manifest.document import GROUP

if TYPE_CHECKING:
    from dynamo_conformance.manifest.node import Plain

DEFINITION = f"{PLURAL}.{GROUP}"


class Presence(StrEnum):
    """Whose graphs are."""

    NONE = "none"
    REFERENCE = "reference"
    REAL = "real"


def presence(definition: dict[str, Plain] | None) -> Presence:
    """Return which operator a cluster has.

    Everything of ours carries our label, and the definition of ours leads to our webhooks. One of
    which either is not true was installed by somebody else, or taken over: they are not to be
    disturbed, whether or not their operator runs at the moment.

    Args:
        definition: The CustomResourceDefinition of graphs, or None when there is none.
    """
    if definition is None:
        return Presence.NONE
    labels = table(table(definition.get("metadata")).get("labels"))
    conversion = table(table(definition.get("spec")).get("conversion"))
    client = table(table(conversion.get("webhook")).get("clientConfig"))
    namespace = table(client.get("service")).get("namespace")
    is_ours = labels.get(PART) == OPERATOR and namespace == OPERATOR_NAMESPACE
    return Presence.REFERENCE if is_ours else Presence.REAL
