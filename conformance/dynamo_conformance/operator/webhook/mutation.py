"""The mutating webhook: the defaults that the operator gives a graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.api import crd
from dynamo_conformance.manifest.document import V1BETA1
from dynamo_conformance.manifest.fields import is_null
from dynamo_conformance.manifest.node import Mapping, Scalar, Sequence
from dynamo_conformance.operator.webhook.patch import patch
from dynamo_conformance.operator.webhook.reencoding import reencoded, undecodable
from dynamo_conformance.operator.webhook.review import (
    BAD_REQUEST,
    CREATE,
    Refusal,
    admission_request,
    admitted,
    refused,
)

if TYPE_CHECKING:
    from dynamo_conformance.api.schema import Schema
    from dynamo_conformance.manifest.node import Node, Plain
    from dynamo_conformance.operator.webhook.review import AdmissionRequest, Answer

ORIGIN_VERSION = "nvidia.com/dynamo-operator-origin-version"
WORKLOAD_PROVIDER = "nvidia.com/workload-provider"
COMPONENT = "component"
"""The one way in which the reference operator runs graphs."""


def mutate(review: Plain) -> Answer:
    """Return the answer to an AdmissionReview of a graph that is created or changed.

    Raises:
        ReviewError: It is none.
    """
    request = admission_request(review)
    schema = crd.load().versions[V1BETA1]
    if wrong := undecodable(request.root, schema):
        return refused(
            request.uid, Refusal(code=BAD_REQUEST, reason="BadRequest", message="; ".join(wrong))
        )
    return admitted(request, patch=tuple(patch(request.root, _defaulted(request, schema))))


def _defaulted(request: AdmissionRequest, schema: Schema) -> Mapping:
    root = request.root
    if (spec := root.mapping("spec")) is not None:
        written = reencoded(_with_replicas(spec), schema.properties["spec"])
        root = root.replaced("spec", written)
    if request.operation == CREATE:
        root = _stamped(root, crd.load().operator.version.partition("-")[0])
    return root


def _with_replicas(spec: Mapping) -> Mapping:
    components = spec.get("components")
    if not isinstance(components, Sequence):
        return spec
    found = tuple(_one_replica(one) for one in components)
    return spec.replaced("components", Sequence(found, components.mark))


def _one_replica(component: Node) -> Node:
    if not isinstance(component, Mapping):
        return component
    replicas = component.get("replicas")
    if replicas is not None and not is_null(replicas):
        return component
    return component.replaced("replicas", Scalar(1, text="1"))


def _stamped(root: Mapping, version: str) -> Mapping:
    """Return an object that is created with the annotations that it keeps for life."""
    metadata = root.mapping("metadata") or Mapping()
    annotations = metadata.mapping("annotations") or Mapping()
    if ORIGIN_VERSION not in annotations:
        annotations = annotations.replaced(ORIGIN_VERSION, Scalar(version, text=version))
    provider = Scalar(COMPONENT, text=COMPONENT)
    annotations = annotations.replaced(WORKLOAD_PROVIDER, provider)
    return root.replaced("metadata", metadata.replaced("annotations", annotations))
