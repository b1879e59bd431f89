"""The status of a graph: the same in both versions, with other names for some fields."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.manifest.fields import entries
from dynamo_conformance.manifest.node import Entry, Mapping, Scalar, Sequence
from dynamo_conformance.operator.conversion.lost_fields import FieldLayout

if TYPE_CHECKING:
    from collections.abc import Callable

    from dynamo_conformance.manifest.node import Node

LAYOUT = FieldLayout()
_ROLLING = "rollingUpdate"
_NAME, _NAMES = "componentName", "componentNames"


def to_v1beta1(status: Mapping) -> Mapping:
    """Return a v1alpha1 status as v1beta1 has it."""
    status = _renamed(status, "services", "components", _to_component)
    return _with_rolling(status, "updatedServices", "updatedComponents")


def to_v1alpha1(status: Mapping) -> Mapping:
    """Return a v1beta1 status as v1alpha1 has it."""
    status = _renamed(status, "components", "services", _to_service)
    return _with_rolling(status, "updatedComponents", "updatedServices")


def _with_rolling(status: Mapping, old: str, new: str) -> Mapping:
    rolling = status.mapping(_ROLLING)
    return status if rolling is None else status.replaced(_ROLLING, _renamed(rolling, old, new))


def _renamed(
    mapping: Mapping, old: str, new: str, each: Callable[[Mapping], Mapping] | None = None
) -> Mapping:
    """Return `mapping` with a field under its other name, and the mappings in it as by `each`."""
    value = mapping.get(old)
    if value is None:
        return mapping
    if each is not None and isinstance(value, Mapping):
        items: dict[str, Node] = {
            entry.key: each(entry.value) if isinstance(entry.value, Mapping) else entry.value
            for entry in value
        }
        value = Mapping(entries(items), value.mark)
    renamed = {
        (new if entry.key == old else entry.key): Entry(new, value) if entry.key == old else entry
        for entry in mapping
    }
    return Mapping(renamed, mapping.mark)


def _to_component(service: Mapping) -> Mapping:
    """v1alpha1 names the newest workload by itself too; it is the last of all names."""
    name = service.get(_NAME)
    component = service.replaced(_NAME, None)
    if name is None or service.sequence(_NAMES) or name == Scalar(""):
        return component
    return component.replaced(_NAMES, Sequence((name,)))


def _to_service(component: Mapping) -> Mapping:
    names = component.sequence(_NAMES)
    return component.replaced(_NAME, names[-1] if names else Scalar(""))
