"""Which process a namespace belongs to, and whether that process still runs."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from dynamo_conformance.kube.labels import ALIVE_UNTIL, HOST, PROCESS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ALIVE_SECONDS = 180.0
"""How long a namespace is its run's without a sign of life."""

SLACK_SECONDS = 60.0
"""How far the clocks of two machines may be apart."""


@dataclass(frozen=True, slots=True)
class OwnerProcess:
    """A process, unlike all others: ids are reused, start times are not."""

    host: str
    id: int
    started: str

    @classmethod
    def this(cls) -> OwnerProcess:
        """Return the process that runs this."""
        return cls(this_host(), os.getpid(), start_time(os.getpid()) or "")

    def annotations(self, now: datetime) -> dict[str, str]:
        """Return what a namespace of this process carries from now on."""
        return {
            HOST: self.host,
            PROCESS: f"{self.id} {self.started}",
            **alive(now),
        }


def alive(now: datetime) -> dict[str, str]:
    """Return the annotation that is a sign of life."""
    until = now + timedelta(seconds=ALIVE_SECONDS)
    return {ALIVE_UNTIL: until.astimezone(UTC).isoformat(timespec="seconds")}


def is_orphan(
    annotations: Mapping[str, str],
    now: datetime,
    *,
    host: str,
    started: Callable[[int], str | None],
) -> bool:
    """Whether the run that a namespace belongs to has ended.

    Args:
        annotations: The namespace's.
        now: The time by the cluster's clock.
        host: This machine.
        started: Returns when a process of this machine was started; None when there is none, an
            empty text when that cannot be seen.
    """
    process_id, _, start = annotations.get(PROCESS, "").partition(" ")
    if annotations.get(HOST) == host and process_id.isdigit():
        seen = started(int(process_id))
        if seen != "":
            return seen != start
    until = _time(annotations.get(ALIVE_UNTIL, ""))
    return until is None or until + timedelta(seconds=SLACK_SECONDS) < now


def this_host() -> str:
    """Return what distinguishes this machine from others, and from itself after a restart.

    Two containers may have one name, and one process id means two processes in them.
    """
    boot, space = "", ""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        space = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        pass  # Not Linux: the name must do.
    return " ".join(part for part in (socket.gethostname(), boot, space) if part)


def start_time(process_id: int) -> str | None:
    """Return when a process was started, in the kernel's count.

    None when there is no such process, an empty text when that cannot be seen.
    """
    try:
        text = Path(f"/proc/{process_id}/stat").read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None
    except OSError:
        return ""
    # The program's name stands in brackets and may hold anything, brackets and blanks included.
    fields = text.rpartition(")")[2].split()
    state, started = fields[0], fields[19]
    return None if state == "Z" else started


def _time(text: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)
