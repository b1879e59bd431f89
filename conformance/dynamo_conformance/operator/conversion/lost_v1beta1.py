"""What v1beta1 can express and v1alpha1 cannot: saved, and restored.

Among it is the order of the components, and which container is the frontend's sidecar.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.manifest.fields import entries
from dynamo_conformance.manifest.node import Mapping, Scalar, Sequence
from dynamo_conformance.operator.conversion.layouts import (
    COMPONENT,
    COMPONENTS,
    SERVICES,
    SIDECAR,
    SPEC,
    component_of,
    downgraded,
    service_of,
)
from dynamo_conformance.operator.conversion.lost_fields import (
    OtherVersion,
    lost_fields,
    restored_fields,
)

if TYPE_CHECKING:
    from dynamo_conformance.manifest.node import Node


def lost(spec: Mapping, returned: Mapping, *, with_order: bool) -> Mapping:
    """Return what of a v1beta1 spec is to be saved.

    Args:
        spec: The spec.
        returned: What comes back of it from v1alpha1, without what was saved.
        with_order: Whether the order of the components is saved though it is that of names.
    """
    mine, back = (mapping.replaced(COMPONENTS, None) for mapping in (spec, returned))
    fields = lost_fields(mine, back, SPEC)
    others = {component.string("name"): component for component in returned.mappings(COMPONENTS)}
    kept: list[Mapping] = []
    for component in spec.mappings(COMPONENTS):
        name = component.get("name")
        lost_part = lost_fields(component, others.get(_name(component)) or Mapping(), COMPONENT)
        named = entries({"name": name}) if name is not None else {}
        kept.append(Mapping({**named, **lost_part.entries}))
    names = [_name(component) for component in kept]
    if with_order or names != sorted(names) or any(len(component) > 1 for component in kept):
        listed: Node = Sequence(tuple(kept))
        return fields.replaced(COMPONENTS, listed) if kept else fields
    return fields


def restored(spec: Mapping, saved: Mapping, alpha: Mapping) -> Mapping:
    """Return a v1beta1 spec with what was saved, as far as the v1alpha1 spec agrees."""
    live, kept = spec.replaced(COMPONENTS, None), saved.replaced(COMPONENTS, None)
    other = OtherVersion(live=alpha.replaced(SERVICES, None), layout=SPEC, made_from=downgraded)
    graph = restored_fields(live, kept, SPEC, other)
    if COMPONENTS not in spec:
        return graph
    saved_each = {_name(component): component for component in saved.mappings(COMPONENTS)}
    components = [
        _restored(component, saved_each.get(_name(component), Mapping()))
        for component in spec.mappings(COMPONENTS)
    ]
    order = {name: index for index, name in enumerate(saved_each)}
    components.sort(key=lambda component: order.get(_name(component), len(order)))
    return graph.replaced(COMPONENTS, Sequence(tuple(components)))


def _restored(component: Mapping, saved: Mapping) -> Mapping:
    name = _name(component)

    def returned(made: Mapping) -> Mapping:
        return component_of(name, service_of(name, made))

    # v1alpha1 can express one thing in two ways, so what is compared is what v1beta1 makes of it.
    other = OtherVersion(live=component, layout=COMPONENT, made_from=returned)
    result = restored_fields(component, saved.replaced("name", None), COMPONENT, other)
    is_dangling = SIDECAR in saved and result.string(SIDECAR) not in _containers(result)
    return result.replaced(SIDECAR, component.get(SIDECAR)) if is_dangling else result


def _containers(component: Mapping) -> list[str | None]:
    template = component.mapping("podTemplate") or Mapping()
    spec = template.mapping("spec") or Mapping()
    return [container.string("name") for container in spec.mappings("containers")]


def _name(component: Mapping) -> str:
    name = component.get("name")
    return name.value if isinstance(name, Scalar) and isinstance(name.value, str) else ""
