"""Looks at graphs: never two at one graph, never one less than needed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from dynamo_conformance.operator.work_queue import GraphKey, WorkQueue

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import pytest

A, B = GraphKey("ns", "a"), GraphKey("ns", "b")


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(5):
            await test()

    asyncio.run(limited())


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.001)


def test_what_comes_during_a_look_leads_to_one_more() -> None:
    calls: list[GraphKey] = []
    gate = asyncio.Event()

    async def reconcile(key: GraphKey) -> None:
        calls.append(key)
        await gate.wait()

    async def test() -> None:
        queue = WorkQueue(reconcile)
        queue.add(A)
        await until(lambda: calls == [A])
        for _ in range(3):
            queue.add(A)
        await asyncio.sleep(0.01)
        assert calls == [A]
        gate.set()
        await until(lambda: len(calls) == 2)
        await queue.close()
        assert calls == [A, A]

    run(test)


def test_a_slow_graph_holds_up_no_other() -> None:
    done: list[GraphKey] = []
    gate = asyncio.Event()

    async def reconcile(key: GraphKey) -> None:
        if key == A:
            await gate.wait()
        done.append(key)

    async def test() -> None:
        queue = WorkQueue(reconcile)
        queue.add(A)
        queue.add(B)
        await until(lambda: done == [B])
        gate.set()
        await queue.close()
        assert done == [B, A]

    run(test)


def test_a_look_can_ask_for_the_next_one() -> None:
    calls: list[GraphKey] = []

    async def reconcile(key: GraphKey) -> float | None:
        calls.append(key)
        return 0.01 if len(calls) < 3 else None

    async def test() -> None:
        queue = WorkQueue(reconcile)
        queue.add(A)
        await until(lambda: len(calls) == 3)
        await asyncio.sleep(0.03)
        assert len(calls) == 3
        await queue.close()

    run(test)


def test_news_do_not_wait_for_the_next_time() -> None:
    calls: list[GraphKey] = []

    async def reconcile(key: GraphKey) -> float | None:
        calls.append(key)
        return 60.0

    async def test() -> None:
        queue = WorkQueue(reconcile)
        queue.add(A)
        await until(lambda: len(calls) == 1)
        await asyncio.sleep(0)
        queue.add(A)
        await until(lambda: len(calls) == 2)
        await queue.close()

    run(test)


def test_a_call_that_breaks_is_logged_and_others_go_on(caplog: pytest.LogCaptureFixture) -> None:
    calls: list[GraphKey] = []

    async def reconcile(key: GraphKey) -> None:
        calls.append(key)
        if key == A:
            raise ZeroDivisionError

    async def test() -> None:
        queue = WorkQueue(reconcile)
        queue.add(A)
        queue.add(B)
        await until(lambda: len(calls) == 2)
        await queue.close()

    run(test)
    assert "reconciling ns/a broke" in caplog.text


def test_a_closed_queue_takes_nothing() -> None:
    calls: list[GraphKey] = []

    async def reconcile(key: GraphKey) -> None:
        calls.append(key)

    async def test() -> None:
        queue = WorkQueue(reconcile)
        await queue.close()
        queue.add(A)
        await asyncio.sleep(0.01)
        assert calls == []

    run(test)
