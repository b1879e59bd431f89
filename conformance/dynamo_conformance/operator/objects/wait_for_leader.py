"""Wait until the leader of a group accepts connections: what followers run before their engine.

This file is put into a ConfigMap as it is and runs with the python3 of the followers' image, so it
uses nothing but the standard library.
"""

from __future__ import annotations

import os
import socket
import sys
import time

DEADLINE = 7200.0
"""Seconds: as long as the startup probe gives the leader itself."""

POLL = 1.0
REPORT = 30.0
CONNECT = 5.0


def answers(host: str, port: int) -> str | None:
    """Return None when `host` accepts a connection, else what is in the way."""
    try:
        with socket.create_connection((host, port), timeout=CONNECT):
            return None
    except OSError as error:
        return str(error) or type(error).__name__


def wait(host: str, port: int, *, deadline: float = DEADLINE, poll: float = POLL) -> bool:
    """Return whether `host` accepted a connection before `deadline` seconds were over."""
    started = time.monotonic()
    reported = started
    say(f"waiting for {host}:{port}")
    while (obstacle := answers(host, port)) is not None:
        now = time.monotonic()
        if now - started >= deadline:
            say(f"{host}:{port} did not answer within {deadline:.0f} s: {obstacle}")
            return False
        if now - reported >= REPORT:
            reported = now
            say(f"still waiting for {host}:{port} after {now - started:.0f} s: {obstacle}")
        time.sleep(poll)
    say(f"{host}:{port} answers after {time.monotonic() - started:.0f} s")
    return True


def say(text: str) -> None:
    """Write one line to the log at once."""
    sys.stdout.write(f"wait-for-leader: {text}\n")
    sys.stdout.flush()


def main() -> int:
    """Wait for LEADER_HOST:LEADER_PORT."""
    try:
        host, port = os.environ["LEADER_HOST"], int(os.environ["LEADER_PORT"])
    except (KeyError, ValueError) as error:
        say(f"LEADER_HOST and LEADER_PORT must say where the leader is: {error!r}")
        return 2
    return 0 if wait(host, port) else 1


if __name__ == "__main__":
    sys.exit(main())
