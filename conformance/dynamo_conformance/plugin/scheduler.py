"""Several graphs at once: each is a job with checks, and there is room for so many at a time.

Jobs start as soon as there is room for them, those with the most pods first: at the end, small ones
fill what is left. Whoever asks for the result of a check waits until it has been carried out.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, Self

from dynamo_conformance.probes.exchange import Unjudged
from dynamo_conformance.targets.cluster.node_fit import Capacity
from dynamo_conformance.targets.interface import DeployFailure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import TracebackType

    from dynamo_conformance.plugin.items import Judged
    from dynamo_conformance.targets.cluster.node_fit import ClusterNode, Placement, PodRequests

POLL_SECONDS = 0.2
"""How often a waiting caller looks up, so that Ctrl-C reaches it."""

END_SECONDS = 300.0
"""How long the end of a schedule waits for jobs to clean up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """How much goes on at once.

    Attributes:
        pods: How many pods there are at most; what they hold is memory. On this machine, where
            nothing but cores is counted, a graph counts as one.
        starting: How many of them belong to jobs that have not passed their first check yet;
            what they take is computing, much more than later.
        nodes: What has room for what they ask for; none when nobody knows.
    """

    pods: int
    starting: int
    nodes: tuple[ClusterNode, ...] = ()


def nothing() -> None:
    """Do nothing while a check is waited for."""


class AbandonedError(Exception):
    """The run was ended before the check was carried out."""


class Stop:
    """Whether the run is to end, for everything that works for it."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._callbacks: list[Callable[[], None]] = []
        self._kills: list[Callable[[], None]] = []

    @property
    def wanted(self) -> bool:
        """Whether the run is to end."""
        return self._event.is_set()

    def set(self) -> None:
        """End the run."""
        with self._lock:
            self._event.set()
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()

    @contextmanager
    def cutting(self, callback: Callable[[], None]) -> Iterator[None]:
        """Have `callback` called if the run is to end meanwhile, to cut short what is waited for.

        Raises:
            AbandonedError: The run is to end already.
        """
        with self._lock:
            self.check()
            self._callbacks.append(callback)
        try:
            yield
        finally:
            with self._lock:
                if callback in self._callbacks:
                    self._callbacks.remove(callback)

    def on_kill(self, callback: Callable[[], None]) -> None:
        """Have `callback` called when somebody cannot wait for the end of the run."""
        self._kills.append(callback)

    def kill(self) -> bool:
        """Kill what runs; whether there is anything that can be killed."""
        kills = list(self._kills)
        for callback in kills:
            callback()
        return bool(kills)

    def check(self) -> None:
        """Raise when the run is to end.

        Raises:
            AbandonedError: It is.
        """
        if self.wanted:
            raise AbandonedError("the run was ended")


@dataclass(slots=True, eq=False)
class Job:
    """One graph: what it takes, and what the run learns about it.

    Attributes:
        name: Its name in messages.
        pods: How much room it needs.
        checks: The checks in their order.
        work: Brings the graph up, carries out the checks, and cleans up. It gets a function that
            records each check: its name, and what it raised, or the result of a probe, or None.
        needs: What its pods ask for.
        cleans_up: Whether the end of a run waits for it: what it began must be removed.
        on_wait: Is called when somebody waits for a check.
        results: How each check ended.
        took: Seconds from the start of the work to the end of each check.
    """

    name: str
    pods: int
    checks: tuple[str, ...]
    work: Callable[[Callable[[str, BaseException | Judged | None], None]], None]
    needs: tuple[PodRequests, ...] = ()
    cleans_up: bool = True
    on_wait: Callable[[], None] = nothing
    results: dict[str, Future[Judged | None]] = field(default_factory=dict)
    took: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for check in self.checks:
            self.results[check] = Future()

    def wait(self, check: str, *, meanwhile: Callable[[], None] = nothing) -> Judged | None:
        """Return when the check has been carried out, with the result of a probe.

        Args:
            check: Which one.
            meanwhile: Is called now and then as long as it has not.

        Raises:
            BaseException: What the check raised.
        """
        future = self.results[check]
        self.on_wait()
        while True:
            meanwhile()
            try:
                return future.result(timeout=POLL_SECONDS)
            except TimeoutError:
                if future.done():
                    return future.result()

    def run(self) -> None:
        """Do the work; the first check that was not reached raises why."""
        began = time.monotonic()

        def record(check: str, ended: BaseException | Judged | None) -> None:
            self.took[check] = time.monotonic() - began
            self._record(check, ended)

        left: BaseException = DeployFailure("not carried out: the example ended before it")
        try:
            self.work(record)
        except BaseException as error:  # noqa: BLE001 - raised where somebody waits for the check
            left = error
        for check in self.checks:
            if self._record(check, left) and not isinstance(left, AbandonedError):
                left = Unjudged(f"`{check}` failed")

    def abandon(self, why: BaseException) -> None:
        """End a job that was never started."""
        for check in self.checks:
            self._record(check, why)

    def _record(self, check: str, ended: BaseException | Judged | None) -> bool:
        """Record how a check ended; return whether that was not known before."""
        future = self.results.get(check)
        if future is None or future.done():
            return False
        if isinstance(ended, BaseException):
            future.set_exception(ended)
        else:
            future.set_result(ended)
        return True


class Scheduler:
    """Runs jobs as room allows; leaving it ends those that run, and waits for their cleaning up.

    With `on_demand`, a job is run once somebody waits for one of its checks: another process may
    have been given the others.
    """

    def __init__(
        self, jobs: Sequence[Job], *, room: Room, stop: Stop, on_demand: bool = False
    ) -> None:
        self._jobs = sorted(jobs, key=lambda job: -job.pods)
        self._on_demand = on_demand
        self._queue: SimpleQueue[Job | None] = SimpleQueue()
        self._room = room
        self._free, self._may_start = room.pods, room.starting
        self._capacity = Capacity(room.nodes)
        self._stop = stop
        self._changed = threading.Condition()
        self._threads: dict[Job, threading.Thread] = {}
        self._feeder = threading.Thread(target=self._feed, name="scheduler", daemon=True)

    def __enter__(self) -> Self:
        """Start the first jobs."""
        for job in self._jobs:
            if self._on_demand:
                job.on_wait = partial(self._enqueue, job)
            else:
                self._queue.put(job)
        self._feeder.start()
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        """Start no more jobs, end the running ones, and wait until they have cleaned up.

        An interrupt meanwhile kills what can be killed, and is raised afterwards.
        """
        self._stop.set()
        self._queue.put(None)
        with self._changed:
            self._changed.notify_all()
        try:
            self._join()
        except KeyboardInterrupt:
            if self._stop.kill():
                self._join()
            raise

    def _join(self) -> None:
        self._feeder.join(END_SECONDS)
        for job, thread in self._threads.items():
            if job.cleans_up:
                thread.join(END_SECONDS)

    def _enqueue(self, job: Job) -> None:
        job.on_wait = nothing
        self._queue.put(job)

    def _feed(self) -> None:
        why: Exception = AbandonedError("the run was ended")
        try:
            self._start_jobs()
        except Exception as error:  # noqa: BLE001 - raised where somebody waits for a check
            why = error
        for job in self._jobs:
            if job not in self._threads:
                job.abandon(why)

    def _start_jobs(self) -> None:
        for job in iter(self._queue.get, None):
            # A job larger than all the room runs alone.
            pods = min(job.pods, self._room.pods)
            starting = min(job.pods, self._room.starting)
            placement = self._take(job, pods, starting)
            if placement is None:
                return
            self._give_back_after_first_check(job, starting)
            thread = threading.Thread(
                target=self._run, args=(job, pods, placement), name=job.name, daemon=True
            )
            self._threads[job] = thread
            thread.start()

    def _take(self, job: Job, pods: int, starting: int) -> Placement | None:
        """Wait for room and take it; None when the run is to end."""
        with self._changed:
            while not self._stop.wanted:
                if self._free >= pods and self._may_start >= starting:
                    placement = self._capacity.place(job.needs)
                    if placement is not None:
                        self._free -= pods
                        self._may_start -= starting
                        return placement
                self._changed.wait(POLL_SECONDS)
        return None

    def _give_back_after_first_check(self, job: Job, starting: int) -> None:
        def give_back(_check: Future[Judged | None]) -> None:
            with self._changed:
                self._may_start += starting
                self._changed.notify_all()

        job.results[job.checks[0]].add_done_callback(give_back)

    def _run(self, job: Job, pods: int, placement: Placement) -> None:
        try:
            job.run()
        finally:
            with self._changed:
                self._free += pods
                self._capacity.give_back(placement, job.needs)
                self._changed.notify_all()
