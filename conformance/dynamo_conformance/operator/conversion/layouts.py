"""Specs, services and components in both versions: how they are laid out, and converted."""

from __future__ import annotations

from dynamo_conformance.convert.quantities import with_quantities_only
from dynamo_conformance.manifest.fields import entries
from dynamo_conformance.manifest.node import Entry, Mapping, Sequence
from dynamo_conformance.manifest.to_v1alpha1 import to_v1alpha1
from dynamo_conformance.manifest.v1alpha1 import to_v1beta1
from dynamo_conformance.operator.conversion.lost_fields import FieldLayout

SERVICES, COMPONENTS = "services", "components"
SIDECAR = "frontendSidecar"
EXTRA, MAIN = ("extraPodSpec",), ("extraPodSpec", "mainContainer")

_TEMPLATE = ("podTemplate",)
_TWO_PLACES = tuple(
    frozenset(((dedicated,), (*MAIN, own)))
    for dedicated, own in (
        ("envs", "env"),
        ("envFromSecret", "envFrom"),
        ("livenessProbe", "livenessProbe"),
        ("readinessProbe", "readinessProbe"),
        ("resources", "resources"),
        ("volumeMounts", "volumeMounts"),
    )
)
"""What a service can have in a field of its own or in its main container."""

SPEC = FieldLayout()
SERVICE = FieldLayout(
    opened=frozenset((EXTRA, MAIN)),
    together=(
        *_TWO_PLACES,
        frozenset((("componentType",), ("subComponentType",))),
        frozenset(((SIDECAR,), (*EXTRA, "containers"))),
    ),
    always=frozenset().union(*_TWO_PLACES),
)
COMPONENT = FieldLayout(
    opened=frozenset((_TEMPLATE, (*_TEMPLATE, "metadata"), (*_TEMPLATE, "spec"), ("experimental",)))
)


def upgraded(spec: Mapping) -> Mapping:
    """Return a v1alpha1 spec as v1beta1 has it."""
    root = to_v1beta1(with_quantities_only(_object(spec)))
    return root.mapping("spec") or Mapping()


def downgraded(spec: Mapping) -> Mapping:
    """Return a v1beta1 spec as v1alpha1 has it.

    A frontend's sidecar stays a container like others: which one it is, is a lost field.
    """
    components = spec.get(COMPONENTS)
    if isinstance(components, Sequence):
        bare = (
            component.replaced(SIDECAR, None) if isinstance(component, Mapping) else component
            for component in components
        )
        spec = spec.replaced(COMPONENTS, Sequence(tuple(bare)))
    return to_v1alpha1(_object(spec)).mapping("spec") or Mapping()


def component_of(name: str, service: Mapping) -> Mapping:
    """Return the v1beta1 component that a service becomes."""
    services = Mapping({name: Entry(name, service)})
    (component,) = upgraded(Mapping(entries({SERVICES: services}))).mappings(COMPONENTS)
    return component


def service_of(name: str, component: Mapping) -> Mapping:
    """Return the v1alpha1 service that a component becomes."""
    components = Sequence((component,))
    services = downgraded(Mapping(entries({COMPONENTS: components}))).mapping(SERVICES)
    return (services or Mapping()).mapping(name) or Mapping()


def _object(spec: Mapping) -> Mapping:
    return Mapping(entries({"spec": spec}))
