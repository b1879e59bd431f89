"""Listen ports that do not collide, between processes, graphs and runs.

A reservation is a name in Linux' abstract socket space, which the kernel drops with its holder: no
lock file can be left behind, and two runs on one machine see each other.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

FIRST, LAST = 20_100, 32_700
"""Below the kernel's usual range for outgoing connections, so that none takes a port away."""


class PortsExhaustedError(OSError):
    """No free port is left in the range, or the one that was asked for is taken."""


class Ports:
    """Ports held for one deployment; closing gives them back."""

    def __init__(self) -> None:
        self._held: dict[int, socket.socket] = {}

    def take(self, preferred: int, *, span: int = 1) -> int:
        """Reserve `span` consecutive ports and return the first: `preferred` when it is free."""
        if 0 < preferred <= LAST * 2 and self._hold(preferred, span):
            return preferred
        for first in range(FIRST, LAST - span, max(span, 1)):
            if self._hold(first, span):
                return first
        raise PortsExhaustedError(f"no {span} consecutive free ports between {FIRST} and {LAST}")

    def take_exactly(self, port: int) -> int:
        """Reserve this port and no other.

        Raises:
            PortsExhaustedError: Something listens there, or another run holds it.
        """
        if not self._hold(port, 1):
            raise PortsExhaustedError(f"port {port} is in use")
        return port

    def close(self) -> None:
        """Give all ports back."""
        for lock in self._held.values():
            lock.close()
        self._held.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _hold(self, first: int, span: int) -> bool:
        taken: dict[int, socket.socket] = {}
        for port in range(first, first + span):
            lock = None if port in self._held else _lock(port)
            if lock is None:
                for other in taken.values():
                    other.close()
                return False
            taken[port] = lock
        self._held.update(taken)
        return True


class ComparedPorts(Ports):
    """Ports of a plan that is only compared with others: all are free, and none is reserved."""

    def __init__(self) -> None:
        super().__init__()
        self._given: set[int] = set()

    def _hold(self, first: int, span: int) -> bool:
        ports = range(first, first + span)
        if not self._given.isdisjoint(ports):
            return False
        self._given.update(ports)
        return True


def _lock(port: int) -> socket.socket | None:
    """Return the lock on a port that nobody uses, or None."""
    lock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        lock.bind(f"\0dynamo-conformance-port-{port}")
    except OSError:
        lock.close()
        return None
    if is_free(port):
        return lock
    lock.close()
    return None


def is_free(port: int) -> bool:
    """Whether a server could listen on `port` now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("0.0.0.0", port))  # noqa: S104 - where components listen
        except OSError:
            return False
    return True
