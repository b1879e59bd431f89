"""What v1alpha1 can express and v1beta1 cannot: saved, and restored.

Among it is which of two places something was written in: v1alpha1 has fields of a service for what
its main container can have too, and v1beta1 only has the container.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.manifest.fields import entries, is_null
from dynamo_conformance.manifest.node import Entry, Mapping
from dynamo_conformance.operator.conversion.layouts import (
    COMPONENT,
    COMPONENTS,
    EXTRA,
    MAIN,
    SERVICE,
    SERVICES,
    SPEC,
    component_of,
    upgraded,
)
from dynamo_conformance.operator.conversion.lost_fields import (
    OtherVersion,
    lost_fields,
    restored_fields,
)

if TYPE_CHECKING:
    from dynamo_conformance.manifest.node import Node


def lost(spec: Mapping, returned: Mapping) -> Mapping:
    """Return what of a v1alpha1 spec is to be saved.

    Args:
        spec: The spec.
        returned: What comes back of it from v1beta1, without what was saved.
    """
    mine, back = spec.replaced(SERVICES, None), returned.replaced(SERVICES, None)
    fields = lost_fields(mine, back, SPEC)
    others = returned.mapping(SERVICES) or Mapping()
    kept: dict[str, Node] = {}
    for entry in spec.mapping(SERVICES) or ():
        if isinstance(entry.value, Mapping):
            service = _of_service(entry.value, others.mapping(entry.key) or Mapping())
            if len(service):
                kept[entry.key] = service
        elif is_null(entry.value):
            kept[entry.key] = entry.value
    return fields.replaced(SERVICES, Mapping(entries(kept))) if kept else fields


def restored(spec: Mapping, saved: Mapping, beta: Mapping) -> Mapping:
    """Return a v1alpha1 spec with what was saved, as far as the v1beta1 spec agrees."""
    graph = _of_graph(spec, saved, beta)
    components = {component.string("name"): component for component in beta.mappings(COMPONENTS)}
    saved_each = saved.mapping(SERVICES) or Mapping()
    services = {service.key: service for service in saved_each if is_null(service.value)}
    for entry in spec.mapping(SERVICES) or ():
        kept, live = saved_each.mapping(entry.key), components.get(entry.key)
        if kept is not None and live is not None and isinstance(entry.value, Mapping):
            value = _restored(entry.key, entry.value, kept, live)
            entry = Entry(entry.key, value)  # noqa: PLW2901 - the same service, restored
        services[entry.key] = entry
    is_listed = SERVICES in spec or services
    return graph.replaced(SERVICES, Mapping(services)) if is_listed else graph


def _of_service(service: Mapping, returned: Mapping) -> Mapping:
    fields = lost_fields(service, returned, SERVICE)
    main = _main(service)
    if main is None or not len(fields) or _main(fields) is not None:
        return fields
    # That it had a main container is saved, as it may have been all in the service's fields.
    extra = fields.mapping(EXTRA[0]) or Mapping()
    return fields.replaced(EXTRA[0], extra.replaced(MAIN[1], Mapping()))


def _of_graph(spec: Mapping, saved: Mapping, beta: Mapping) -> Mapping:
    live, kept = spec.replaced(SERVICES, None), saved.replaced(SERVICES, None)
    other = OtherVersion(live=beta.replaced(COMPONENTS, None), layout=SPEC, made_from=upgraded)
    return restored_fields(live, kept, SPEC, other)


def _restored(name: str, service: Mapping, saved: Mapping, live: Mapping) -> Mapping:
    def made_from(made: Mapping) -> Mapping:
        return component_of(name, made)

    other = OtherVersion(live=live, layout=COMPONENT, made_from=made_from)
    result = restored_fields(service, saved, SERVICE, other)
    main = _main(result)
    if main is None or len(main) or _main(saved) is not None:
        return result
    # An empty main container is what a service without one comes back with.
    extra = (result.mapping(EXTRA[0]) or Mapping()).replaced(MAIN[1], None)
    is_written = len(extra) or EXTRA[0] in saved
    bare = result.replaced(EXTRA[0], extra if is_written else None)
    left, allowed = (other.misfits(SERVICE.flat(version)).items() for version in (bare, result))
    return bare if left <= allowed else result


def _main(service: Mapping) -> Mapping | None:
    extra = service.mapping(EXTRA[0])
    return extra.mapping(MAIN[1]) if extra is not None else None
