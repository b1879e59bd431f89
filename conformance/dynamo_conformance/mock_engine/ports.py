"""Ports a worker is about to open: seen to be free before anything is registered."""

from __future__ import annotations

import errno
import socket

from dynamo_conformance.mock_engine.refusal import StartFault


def check_free(ports: range, *, purpose: str) -> None:
    """Make sure that nobody listens on the ports yet.

    The mocker itself only logs that it could not open one and serves without.

    Args:
        ports: The ports, on all addresses of this machine.
        purpose: What they are for, with the flag that sets them.

    Raises:
        StartFault: when a port is taken or does not exist.
    """
    for port in ports:
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(("0.0.0.0", port))  # noqa: S104 -- the engine opens all addresses too
        except OverflowError as fault:
            raise StartFault(
                f"port {port} ({purpose}) does not exist: 65535 is the last"
            ) from fault
        except OSError as fault:
            if fault.errno == errno.EADDRINUSE:
                raise StartFault(
                    f"port {port} ({purpose}) is in use by another process on this machine"
                ) from fault
            raise StartFault(
                f"port {port} ({purpose}) cannot be opened: {fault.strerror}"
            ) from fault
