"""Resources that are quantities: the operator's conversion leaves others behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.manifest.node import Mapping, Scalar
from dynamo_conformance.manifest.quantity import parse_quantity

if TYPE_CHECKING:
    from dynamo_conformance.manifest.node import Entry, Node


def with_quantities_only(root: Mapping) -> Mapping:
    """Return a v1alpha1 object without resources that are no quantities, as the operator does."""
    spec = root.mapping("spec") or Mapping()
    services = spec.mapping("services")
    if services is None:
        return root
    for service in services:
        body = service.value
        resources = body.mapping("resources") if isinstance(body, Mapping) else None
        if isinstance(body, Mapping) and resources is not None:
            for side in ("limits", "requests"):
                if (items := resources.mapping(side)) is not None:
                    resources = resources.replaced(side, _quantities(items))
            services = services.replaced(service.key, body.replaced("resources", resources))
    return root.replaced("spec", spec.replaced("services", services))


def _quantities(items: Mapping) -> Mapping:
    kept: dict[str, Entry] = {}
    for entry in items:
        if entry.key == "custom" and isinstance(entry.value, Mapping):
            items = items.replaced("custom", _quantities(entry.value))
            kept["custom"] = items.entries["custom"]
        elif entry.key == "gpuType" or not _is_bad_quantity(entry.value):
            kept[entry.key] = entry
    return Mapping(kept, items.mark)


def _is_bad_quantity(value: Node) -> bool:
    if not isinstance(value, Scalar) or value.value is None:
        return True
    return parse_quantity(value.value if isinstance(value.value, str) else value.text) is None
