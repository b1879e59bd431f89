"""The mutating webhook: the defaults that the operator gives a graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.api import crd
from dynamo_conformance.manifest.document import V1BETA1
from dynamo_conformance.manifest.fields import is_null
from dynamo_conformance.manifest.node import Mapping, Scalar, Sequence
from dynamo_conformance.operator.webhook.go_encoding import reencoded, undecodable
from dynamo_conformance.operator.webhook.review import (
    BAD_REQUEST,
    CREATE,
    AdmissionRefusal,
    admission_request,
    admitted,
    refused,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.api.schema import Schema
    from dynamo_conformance.manifest.node import Node, Path, Plain
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
            request.uid,
            AdmissionRefusal(code=BAD_REQUEST, reason="BadRequest", message="; ".join(wrong)),
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
    changed = tuple(_one_replica(component) for component in components)
    return spec.replaced("components", Sequence(changed, components.mark))


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


def patch(old: Node, new: Node, path: Path = ()) -> Iterator[Answer]:
    """Yield the operations that make `new` of `old`; lists of another length are replaced."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for entry in old:
            if entry.key not in new:
                yield {"op": "remove", "path": _pointer((*path, entry.key))}
        for entry in new:
            here, before = (*path, entry.key), old.get(entry.key)
            if before is None:
                yield {"op": "add", "path": _pointer(here), "value": entry.value.plain()}
            else:
                yield from patch(before, entry.value, here)
    elif isinstance(old, Sequence) and isinstance(new, Sequence) and len(old) == len(new):
        for index, (before, after) in enumerate(zip(old, new, strict=True)):
            yield from patch(before, after, (*path, index))
    elif repr(old.plain()) != repr(new.plain()):  # 1 and True are equal, and not the same.
        yield {"op": "replace", "path": _pointer(path), "value": new.plain()}


def _pointer(path: Path) -> str:
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in path)
