"""What the local target changes in a command line or environment: listen ports and mount paths."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from conformance.rendering.relocation import with_ports
from conformance.targets.target import Change

if TYPE_CHECKING:
    from collections.abc import Mapping

    from conformance.targets.local.ports import Ports


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
        for one in maps
        for published, local in one.known.items()
        if published != local
    )
