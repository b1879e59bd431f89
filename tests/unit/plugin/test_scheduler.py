"""Several examples at once."""

from __future__ import annotations

import os
import signal
import threading
import time
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.manifest.node import Mapping
from dynamo_conformance.plugin.scheduler import AbandonedError, Job, Room, Scheduler, Stop
from dynamo_conformance.probes.exchange import Unjudged
from dynamo_conformance.targets.cluster.node_fit import Capacity, ClusterNode, PodRequests
from dynamo_conformance.targets.interface import DeployFailure

if TYPE_CHECKING:
    from collections.abc import Callable

    Record = Callable[[str, BaseException | None], None]

SECONDS = 5.0


def passing(record: Record) -> None:
    record("ready", None)
    record("chat", None)


def job(name: str, work: Callable[[Record], None] = passing, *, pods: int = 1) -> Job:
    return Job(name, pods, ("ready", "chat"), work)


def test_every_check_has_the_result_that_was_recorded() -> None:
    def work(record: Record) -> None:
        record("ready", None)
        record("chat", ValueError("no text"))

    one = job("one", work)
    with Scheduler([one], room=Room(pods=1, starting=1), stop=Stop()):
        one.wait("ready")
        with pytest.raises(ValueError, match="no text"):
            one.wait("chat")
    assert one.took.keys() == {"ready", "chat"}
    assert 0 <= one.took["ready"] <= one.took["chat"]


def test_checks_that_were_not_reached_say_why() -> None:
    def work(_record: Record) -> None:
        raise DeployFailure("the image cannot be pulled")

    one = job("one", work)
    with Scheduler([one], room=Room(pods=1, starting=1), stop=Stop()):
        with pytest.raises(DeployFailure, match="cannot be pulled"):
            one.wait("ready")
        with pytest.raises(Unjudged, match="`ready` failed"):
            one.wait("chat")


def test_work_that_forgets_a_check_is_no_pass() -> None:
    one = job("one", lambda record: record("ready", None))
    with (
        Scheduler([one], room=Room(pods=1, starting=1), stop=Stop()),
        pytest.raises(DeployFailure, match="not carried out"),
    ):
        one.wait("chat")


def test_no_more_pods_than_there_is_room_for() -> None:
    lock = threading.Lock()
    now, most = 0, 0

    def work(record: Record) -> None:
        nonlocal now, most
        with lock:
            now += 2
            most = max(most, now)
        time.sleep(0.02)
        with lock:
            now -= 2
        passing(record)

    jobs = [job(str(number), work, pods=2) for number in range(6)]
    with Scheduler(jobs, room=Room(pods=5, starting=5), stop=Stop()):
        for one in jobs:
            one.wait("chat")
    assert most == 4


def test_jobs_that_have_started_leave_room_to_those_that_are_to_start() -> None:
    started, over = threading.Event(), threading.Event()

    def slow(record: Record) -> None:
        record("ready", None)
        assert over.wait(SECONDS)
        record("chat", None)

    def next_one(record: Record) -> None:
        started.set()
        passing(record)

    jobs = [job("slow", slow, pods=2), job("next", next_one, pods=2)]
    with Scheduler(jobs, room=Room(pods=4, starting=2), stop=Stop()):
        assert started.wait(SECONDS)
        over.set()
        jobs[0].wait("chat")


def test_jobs_that_start_do_not_start_beside_too_many() -> None:
    order: list[str] = []

    def work(name: str) -> Callable[[Record], None]:
        def run(record: Record) -> None:
            order.append(f"{name} starts")
            time.sleep(0.02)
            order.append(f"{name} is up")
            passing(record)

        return run

    jobs = [job(name, work(name), pods=2) for name in ("one", "two")]
    with Scheduler(jobs, room=Room(pods=10, starting=3), stop=Stop()):
        jobs[1].wait("chat")
    assert order == ["one starts", "one is up", "two starts", "two is up"]


def test_jobs_wait_for_what_the_nodes_have_left() -> None:
    node = ClusterNode(name="n", labels={}, taints=(), allocatable={"cpu": Decimal("0.1")})
    need = PodRequests(who="W", spec=Mapping(), takes={"cpu": Decimal("0.04")})
    lock = threading.Lock()
    now, most = 0, 0

    def work(record: Record) -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.05)
        with lock:
            now -= 1
        passing(record)

    jobs = [Job(f"{n}", 1, ("ready", "chat"), work, needs=(need,)) for n in range(6)]
    with Scheduler(jobs, room=Room(pods=9, starting=9, nodes=(node,)), stop=Stop()):
        for one in jobs:
            one.wait("chat")
    assert most == 2


def test_a_schedule_that_breaks_leaves_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(_capacity: Capacity, _needs: object) -> None:
        raise ValueError("no such node")

    monkeypatch.setattr(Capacity, "place", breaks)
    one = job("one")
    with (
        Scheduler([one], room=Room(pods=1, starting=1), stop=Stop()),
        pytest.raises(ValueError, match="no such node"),
    ):
        one.wait("ready")


def test_a_job_that_fails_before_its_first_check_gives_its_room_back() -> None:
    def work(_record: Record) -> None:
        raise DeployFailure("the image cannot be pulled")

    jobs = [job("one", work), job("two")]
    with Scheduler(jobs, room=Room(pods=1, starting=1), stop=Stop()):
        jobs[1].wait("chat")


def test_the_largest_are_first() -> None:
    order: list[int] = []

    def work(pods: int) -> Callable[[Record], None]:
        def run(record: Record) -> None:
            order.append(pods)
            passing(record)

        return run

    jobs = [job(str(pods), work(pods), pods=pods) for pods in (1, 3, 2)]
    with Scheduler(jobs, room=Room(pods=1, starting=1), stop=Stop()):
        for one in jobs:
            one.wait("chat")
    assert order == [3, 2, 1]


def test_a_job_larger_than_the_room_runs_alone() -> None:
    large = job("large", pods=100)
    with Scheduler([job("small"), large], room=Room(pods=3, starting=3), stop=Stop()):
        large.wait("chat")


def test_the_end_stops_what_runs_and_starts_nothing_more() -> None:
    stop = Stop()
    started, cleaned = threading.Event(), threading.Event()

    def work(_record: Record) -> None:
        started.set()
        deadline = time.monotonic() + SECONDS
        try:
            while time.monotonic() < deadline:
                stop.check()
                time.sleep(0.005)
        finally:
            cleaned.set()

    first, second = job("first", work), job("second")
    with Scheduler([first, second], room=Room(pods=1, starting=1), stop=stop):
        assert started.wait(SECONDS)
    assert cleaned.is_set()
    for one in (first, second):
        with pytest.raises(AbandonedError):
            one.wait("chat")


def test_what_is_waited_for_is_cut_short_once() -> None:
    stop = Stop()
    cut: list[str] = []
    with stop.cutting(lambda: cut.append("over")):
        pass
    with stop.cutting(lambda: cut.append("first")):
        stop.set()
        stop.set()
    assert cut == ["first"]
    with pytest.raises(AbandonedError), stop.cutting(lambda: cut.append("late")):
        pass
    assert cut == ["first"]


def test_on_demand_a_job_is_run_once_somebody_waits_for_it() -> None:
    ran: list[str] = []

    def work(name: str) -> Callable[[Record], None]:
        def run(record: Record) -> None:
            ran.append(name)
            passing(record)

        return run

    jobs = [job(name, work(name)) for name in ("one", "two", "three")]
    with Scheduler(jobs, room=Room(pods=3, starting=3), stop=Stop(), on_demand=True):
        jobs[2].wait("chat")
        jobs[0].wait("ready")
        jobs[0].wait("chat")
    assert ran == ["three", "one"]
    with pytest.raises(AbandonedError):
        jobs[1].wait("chat")


def test_an_interrupt_while_the_end_is_waited_for_kills() -> None:
    stop, killed, started = Stop(), threading.Event(), threading.Event()

    def work(_record: Record) -> None:
        stop.on_kill(killed.set)
        started.set()
        assert killed.wait(SECONDS)

    one = job("one", work)
    before = time.monotonic()
    ignored = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with (  # noqa: PT012 - leaving the scheduler is what raises
            pytest.raises(KeyboardInterrupt),
            Scheduler([one], room=Room(pods=1, starting=1), stop=stop),
        ):
            assert started.wait(SECONDS)
            threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
    finally:
        signal.signal(signal.SIGINT, ignored)
    assert killed.is_set()
    assert time.monotonic() - before < SECONDS
    assert isinstance(one.results["ready"].exception(), DeployFailure)


def test_a_job_that_leaves_nothing_behind_is_not_waited_for() -> None:
    hangs, began = threading.Event(), threading.Event()

    def work(_record: object) -> None:
        began.set()
        hangs.wait(20)

    start = time.monotonic()
    job = Job("a", 1, ("ready",), work, cleans_up=False)
    with Scheduler([job], room=Room(pods=1, starting=1), stop=Stop()):
        began.wait(5)
    assert time.monotonic() - start < 5
    hangs.set()
