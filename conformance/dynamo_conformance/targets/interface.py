"""What every target gives: a deployment with an endpoint, or a failure that explains itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from dynamo_conformance.manifest.masking import masked
from dynamo_conformance.manifest.terminal_safe import shown

if TYPE_CHECKING:
    from pathlib import Path


class DeployFailure(Exception):  # noqa: N818 - an outcome, not a fault
    """A graph that does not come up, or stopped serving.

    Attributes:
        what: What happened, in one sentence.
        cause: The likely cause and what to do, or an empty string.
        log: The last lines that the failing component wrote.
    """

    def __init__(self, what: str, *, cause: str = "", log: tuple[str, ...] = ()) -> None:
        what, cause, log = masked(what), masked(cause), tuple(shown(masked(line)) for line in log)
        lines = [what]
        if cause:
            lines.append(f"likely cause: {cause}")
        if log:
            lines += ["last log lines:", *(f"  {line}" for line in log)]
        super().__init__("\n".join(lines))
        self.what = what
        self.cause = cause
        self.log = log


class TargetUnavailableError(Exception):
    """The target cannot be used on this machine; one line says what to install or start."""


@dataclass(frozen=True, slots=True)
class Worker:
    """One running worker process: its name, and where it answers /metrics and /health."""

    name: str
    system_url: str


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that a target had to change in what the manifest says, and why; no secret."""

    where: str
    what: str

    def __post_init__(self) -> None:
        """Mask secrets: changes are printed, and kept in reports."""
        object.__setattr__(self, "what", masked(self.what))

    def __str__(self) -> str:
        """Return the change as one line."""
        return f"{self.where}: {self.what}"


@dataclass(frozen=True, slots=True)
class Unready:
    """What of a graph is not ready yet, as far as its target knows.

    Attributes:
        state: How far it has come, in a line.
        log: The last lines that the first of it wrote.
    """

    state: str = ""
    log: tuple[str, ...] = ()


class Hand(Protocol):
    """What can be done to the workers of a graph that serves."""

    def signal(self, worker: Worker, number: int) -> None:
        """Send a signal to a worker, as its node would: what kills it kills all of it."""

    def restore(self) -> None:
        """Start again what has ended.

        Raises:
            DeployFailure: It cannot be started, or has ended again.
        """


class Deployment(Protocol):
    """A graph that was started."""

    @property
    def url(self) -> str:
        """The frontend's address, such as `http://127.0.0.1:8000`."""

    @property
    def workers(self) -> tuple[Worker, ...]:
        """The workers, in the order in which they were started."""

    @property
    def changes(self) -> tuple[Change, ...]:
        """Everything that differs from the manifest."""

    @property
    def logs(self) -> Path:
        """The folder that holds one log file per process."""

    @property
    def settled_for(self) -> float | None:
        """Seconds since everything reported ready; little more is to be waited for then.

        None while something does not, and where processes do not report it.
        """

    def check(self) -> None:
        """Raise when a component has died.

        Raises:
            DeployFailure: With the component's last words.
        """


def ignore(*_report: object) -> None:
    """Take a report, a line or a folder of logs, and do nothing with it."""
