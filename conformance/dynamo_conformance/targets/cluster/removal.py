"""A removal that goes on by itself and can be awaited."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.targets.target import DeployFailure

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

REMOVAL_SECONDS = 180.0
MARGIN_SECONDS = 10.0


class Removal:
    """Something that is being removed from a cluster.

    Attributes:
        what: What it is, in words.
    """

    def __init__(self, what: str, future: Future[str]) -> None:
        self.what = what
        self._future = future

    @property
    def is_done(self) -> bool:
        """Whether it has come to an end, good or bad."""
        return self._future.done()

    def when_done(self, callback: Callable[[], None]) -> None:
        """Have `callback` called when it has come to an end, good or bad."""
        self._future.add_done_callback(lambda _future: callback())

    def wait(self, seconds: float = REMOVAL_SECONDS) -> None:
        """Return when nothing of it is left.

        Raises:
            DeployFailure: It is still there: says what keeps it.
        """
        try:
            rest = self._future.result(timeout=seconds + MARGIN_SECONDS)
        except TimeoutError:
            rest = f"not gone after {seconds:.0f} s"
        if rest:
            raise DeployFailure(f"{self.what} is left behind: {rest}", cause="remove it by hand")
