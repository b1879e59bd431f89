"""The volume claims that a v1alpha1 graph lists: made for it, or asked to be there already."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dynamo_conformance.kube.resources import kube_object
from dynamo_conformance.manifest.fields import is_true
from dynamo_conformance.manifest.node import Scalar
from dynamo_conformance.rendering import v1alpha1_extras
from dynamo_conformance.rendering.reconcile_failure import NOT_RECONCILED, ReconcileFailure

if TYPE_CHECKING:
    from collections.abc import Collection

    from dynamo_conformance.kube.resources import KubeObject, Owner
    from dynamo_conformance.manifest.graph import Graph
    from dynamo_conformance.manifest.node import Mapping, Plain


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One entry of `spec.pvcs`.

    Attributes:
        name: The name of the claim.
        create: Whether the operator makes it.
        spec: What it is made with.
    """

    name: str
    create: bool
    spec: dict[str, Plain]


def listed(graph: Graph) -> tuple[Claim, ...]:
    """Return the claims that a graph lists; one without a name is passed over."""
    return tuple(
        Claim(name=name, create=is_true(node.get("create")), spec=_spec(node))
        for node in v1alpha1_extras.pvcs(graph)
        if (name := node.string("name"))
    )


def missing(
    graph: Graph, *, namespace: str, owner: Owner, existing: Collection[str]
) -> tuple[KubeObject, ...]:
    """Return the claims that are to be made for a graph.

    Args:
        graph: The graph.
        namespace: The namespace it is in.
        owner: The graph as its API server knows it.
        existing: The names of the claims that are there already; they are left as they are.

    Raises:
        ReconcileFailure: A claim is not there, and is not to be made.
    """
    made = []
    for claim in listed(graph):
        if claim.name in existing:
            continue
        if not claim.create:
            message = (
                f'legacy top-level PVC "{claim.name}" does not exist and create is not enabled: '
                f'persistentvolumeclaims "{claim.name}" not found'
            )
            raise ReconcileFailure(NOT_RECONCILED, message)
        made.append(
            kube_object(
                "v1",
                "PersistentVolumeClaim",
                claim.name,
                namespace=namespace,
                owner=owner,
                spec=claim.spec,
            )
        )
    return tuple(made)


def _spec(node: Mapping) -> dict[str, Plain]:
    spec: dict[str, Plain] = {"accessModes": [node.string("volumeAccessMode") or ""]}
    size = node.get("size")
    if isinstance(size, Scalar):
        # A number without quotes is a size too.
        spec["resources"] = {"requests": {"storage": _text(size)}}
    if storage_class := node.string("storageClass"):
        spec["storageClassName"] = storage_class
    return spec


def _text(size: Scalar) -> str:
    return size.value if isinstance(size.value, str) else size.text
