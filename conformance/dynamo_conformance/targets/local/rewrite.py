"""What the local target changes in a command line or environment beside paths: ports and planes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from dynamo_conformance.rendering.relocation import flag_value, with_flags, with_ports
from dynamo_conformance.targets.interface import Change

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dynamo_conformance.targets.local.port_reservations import Ports

PLANES: Final = {
    "request-plane": ("tcp", ("nats",)),
    "event-plane": ("zmq", ("nats",)),
    "discovery-backend": ("file", ("kubernetes", "etcd", "mem")),
    "store-kv": ("file", ("etcd", "mem")),
}
"""Flags of Dynamo's runtime: what holds here, and which values need a server or a cluster.

Discovery was called `--store-kv` from 0.7 to 0.9.
"""


@dataclass(slots=True)
class PortMap:
    """Published port to local port, for one process or one multinode group."""

    ports: Ports
    known: dict[int, int] = field(default_factory=dict)

    def local(self, published: int, *, span: int = 1) -> int:
        """Return the local port for a published one; the same one each time."""
        if published not in self.known:
            self.known[published] = self.ports.take(published, span=span)
        return self.known[published]


def rewrite_ports(
    words: tuple[str, ...], env: Mapping[str, str], *, own: PortMap, group: PortMap
) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return words and environment with listen ports that are free here."""
    return with_ports(
        words,
        env,
        own=lambda port, span: str(own.local(port, span=span)),
        group=lambda port: str(group.local(port)),
    )


def port_changes(where: str, *maps: PortMap) -> tuple[Change, ...]:
    """Return the ports that differ from the published ones, as changes."""
    return tuple(
        Change(where, f"port {published} -> {local}")
        for port_map in maps
        for published, local in port_map.known.items()
        if published != local
    )


def rewrite_planes(
    where: str, words: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[Change, ...]]:
    """Return words whose flags of the runtime need no server, and what was changed.

    A value that no runtime knows stays, and is refused by the component itself.
    """
    changed: dict[str, str] = {}
    changes = []
    for flag, (here, others) in PLANES.items():
        value = flag_value(words, flag)
        if value is not None and (value in others or "$" in value):
            changed[flag] = here
            changes.append(Change(where, f"--{flag} {value} -> {here}"))
    return with_flags(words, changed), tuple(changes)
