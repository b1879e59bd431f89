"""What one process of a component is given: requests and limits of its container."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.manifest.graph import GPU
from dynamo_conformance.manifest.quantity import parse_quantity
from dynamo_launch.deploy.trace import mapped, mapping

if TYPE_CHECKING:
    from dynamo_conformance.manifest.node import Mapping, Node
    from dynamo_launch.deploy.draft import Draft, Written

SHARED = ("cpu", "memory")
LIMITS = "limits"
DEVICE = "gpu"


def resources(draft: Draft) -> Mapping | None:
    """Return the resources of a container, or None when nothing is written.

    Cores are asked for and not limited, memory both unless limits says more, devices limited.
    """
    written = draft.written("resources")
    if written is None:
        return None
    fields = {one.key: one for one in written.fields()}
    above = {one.key: one for one in fields[LIMITS].fields()} if LIMITS in fields else {}
    requests = {key: _quantity(draft, fields[key]) for key in SHARED if key in fields}
    limits = {key: _quantity(draft, one) for key, one in _limited(fields, above).items()}
    for key, one in fields.items():
        if key not in (*SHARED, LIMITS) and one.text.strip("0"):
            limits[GPU if key == DEVICE else key] = _quantity(draft, one)
    _check(draft, fields, above)
    return mapping(
        requests=mapped(requests) if requests else None, limits=mapped(limits) if limits else None
    )


def _limited(fields: dict[str, Written], above: dict[str, Written]) -> dict[str, Written]:
    """Return cpu and memory as far as they are limited."""
    found = dict(above)
    if "memory" in fields:
        found.setdefault("memory", fields["memory"])
    return {key: found[key] for key in SHARED if key in found}


def _quantity(draft: Draft, written: Written) -> Node:
    return draft.trace.text(written.text, written.origin)


def _check(draft: Draft, fields: dict[str, Written], above: dict[str, Written]) -> None:
    """Complain of a limit below what is asked for."""
    for key, limit in above.items():
        least = parse_quantity(fields[key].text) if key in fields else None
        most = parse_quantity(limit.text)
        if least is not None and most is not None and most < least:
            text = f"{key} is limited to {limit.text}, less than the {fields[key].text} asked for"
            draft.error(limit.origin, f"{text}; write {fields[key].text} or more")
