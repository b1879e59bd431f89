"""Where a Service sends requests: the pods behind it, and on which ports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dynamo_conformance.kube.resources import as_mapping
from dynamo_conformance.manifest.node import Mapping, Scalar

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dynamo_conformance.manifest.node import Plain

SERVICE = "kubernetes.io/service-name"


@dataclass(frozen=True, slots=True)
class Backend:
    """A port of a pod."""

    pod: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """One EndpointSlice.

    Attributes:
        service: The Service it belongs to.
        ports: The pods' ports, by name.
        ready: The pods that get requests.
    """

    service: str
    ports: dict[str, int]
    ready: tuple[str, ...]


def read_slice(value: dict[str, Plain]) -> Slice:
    """Return an EndpointSlice as the API gives it."""
    root = as_mapping(value)
    labels = (root.mapping("metadata") or Mapping()).mapping("labels") or Mapping()
    return Slice(
        service=labels.string(SERVICE) or "",
        ports={
            port.string("name") or "": number
            for port in root.mappings("ports")
            if (number := port.integer("port")) is not None
        },
        ready=tuple(
            pod for endpoint in root.mappings("endpoints") if (pod := _ready_pod(endpoint))
        ),
    )


def backends(slices: Iterable[Slice], *, service: str, port: str) -> tuple[Backend, ...]:
    """Return where a port of a Service leads to at the moment.

    Args:
        slices: The slices of the namespace.
        service: The Service.
        port: The name of its port; a Service with one port only may call it as it likes.
    """
    known: dict[Backend, None] = {}
    for each in slices:
        if each.service != service:
            continue
        alone = next(iter(each.ports.values())) if len(each.ports) == 1 else None
        number = each.ports.get(port, alone)
        if number is not None:
            known.update(dict.fromkeys(Backend(pod, number) for pod in each.ready))
    return tuple(known)


def _ready_pod(endpoint: Mapping) -> str:
    conditions = endpoint.mapping("conditions") or Mapping()
    ready = conditions.get("ready")
    target = endpoint.mapping("targetRef") or Mapping()
    # Unknown counts as ready, as the API has it.
    if isinstance(ready, Scalar) and ready.value is False:
        return ""
    return (target.string("name") or "") if target.string("kind") == "Pod" else ""
