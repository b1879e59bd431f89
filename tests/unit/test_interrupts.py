"""An interrupt never leaves a lock taken, wherever it comes."""

from __future__ import annotations

import asyncio
import dis
import gc
import queue
import signal
import sys
import threading
import time
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from itertools import count
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.interrupts import guarded_interrupt, outside_locking
from dynamo_conformance.kube.loop import LoopThread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

SECONDS = 5.0

SIGNALS_AFTER = ("RESUME", "CALL", "CALL_FUNCTION_EX", "JUMP_BACKWARD")
"""After which instructions Python looks for signals."""

interrupt = partial(signal.raise_signal, signal.SIGINT)
"""Interrupts, and has no frame: the interrupt comes in that of its caller."""


@pytest.fixture(autouse=True)
def guarded() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    # What it finalizes would be among the steps, and swallows interrupts.
    gc.disable()
    with guarded_interrupt():
        yield
    gc.enable()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    signal.signal(signal.SIGINT, before)


def wait_for_interrupt() -> None:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        time.sleep(0.01)


def test_a_lock_that_is_taken_in_the_instant_of_an_interrupt_is_given_back() -> None:
    given_back: list[object] = []
    lock = SimpleNamespace(
        acquire=None, release=None, __enter__=interrupt, __exit__=lambda *_: given_back.append(1)
    )
    with pytest.raises(KeyboardInterrupt), threading.Condition(lock):  # type: ignore[arg-type]
        wait_for_interrupt()
    assert given_back


def pass_through(passed: queue.Queue[int]) -> None:
    passed.put(2)
    passed.get(block=False)


def test_a_queue_can_be_used_after_an_interrupt_at_any_step() -> None:
    for step in count():
        passed = queue.LifoQueue[int]()
        if not interrupted(pass_through, passed, step=step):
            break
        assert ends(passed.put, 3), f"step {step}"
    assert step > 10


def test_a_future_can_be_set_after_an_interrupt_at_any_step_of_who_waits_for_it() -> None:
    for step in count():
        future = Future[int]()
        if not interrupted(partial(future.exception), 0.001, step=step):
            break
        assert ends(future.set_result, 3), f"step {step}"
    assert step > 10


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")
def test_a_request_that_must_finish_is_never_under_way_after_an_interrupt() -> None:
    thread, ended = LoopThread("test"), list[int]()

    async def request() -> None:
        await asyncio.sleep(0.005)
        ended.append(1)

    def ask() -> None:
        thread.run(request(), seconds=SECONDS, finish=True)

    for step in count():
        if not interrupted(ask, step=step):
            break
        known = len(ended)
        time.sleep(0.02)
        assert len(ended) == known, f"step {step}"
    thread.close()
    gc.collect()  # Here, where it may say of requests that they were never begun.
    assert step > 10


def interrupted(work: Callable[..., object], *args: object, step: int) -> bool:
    """Do something, interrupted at a step of it; return whether it has so many."""
    steps = count()
    handler = signal.getsignal(signal.SIGINT)
    assert callable(handler)
    came_from: dict[FrameType, str] = {}

    def trace(frame: FrameType, event: str, _arg: object) -> object:
        frame.f_trace_opcodes = True
        if event == "return" and frame.f_back is not None:
            came_from[frame.f_back] = ""  # It goes on from a call of Python's own at once.
        if event == "opcode":
            last = came_from.get(frame, "RESUME")
            came_from[frame] = dis.opname[frame.f_code.co_code[frame.f_lasti]]
            if last in SIGNALS_AFTER and next(steps) == step:
                sys.settrace(None)
                handler(signal.SIGINT, frame)
        return trace

    before = sys.gettrace()
    try:
        sys.settrace(trace)  # type: ignore[arg-type]
        with suppress(TimeoutError):
            work(*args)
        sys.settrace(before)
        if next(steps) > step:
            wait_for_interrupt()
    except KeyboardInterrupt:
        return True
    except RuntimeError as error:
        # A wait that is interrupted as it begins says so, on top, that it holds no lock any more.
        return isinstance(error.__context__, KeyboardInterrupt)
    finally:
        sys.settrace(before)
    return False


def ends(work: Callable[[int], object], value: int) -> bool:
    """Do something in another thread; return whether it comes to an end."""
    thread = threading.Thread(target=work, args=(value,), daemon=True)
    thread.start()
    thread.join(SECONDS)
    return not thread.is_alive()


def test_who_takes_a_lock_for_long_is_interrupted_all_the_same() -> None:
    held = threading.Lock()
    held.acquire()

    def acquire() -> None:
        interrupt()
        held.acquire(timeout=SECONDS)

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        acquire()
    assert 0.5 < time.monotonic() - began < SECONDS


def test_every_further_interrupt_is_raised_too() -> None:
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            interrupt()


def test_another_handler_is_left_alone() -> None:
    def mine(_number: int, _frame: FrameType | None) -> None: ...

    signal.signal(signal.SIGINT, mine)
    with guarded_interrupt():
        assert signal.getsignal(signal.SIGINT) is mine
    signal.signal(signal.SIGINT, signal.default_int_handler)
    assert outside_locking(mine) is not mine
