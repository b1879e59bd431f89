"""Whose a namespace is: a living run's is never taken, a dead one's is found."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from dynamo_conformance.kube.labels import ALIVE_UNTIL, HOST, PROCESS
from dynamo_conformance.targets.cluster.namespace import new_name
from dynamo_conformance.targets.cluster.namespace_owner import (
    ALIVE_SECONDS,
    SLACK_SECONDS,
    OwnerProcess,
    alive,
    is_orphan,
    start_time,
    this_host,
)

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
LATE = NOW + timedelta(seconds=ALIVE_SECONDS + SLACK_SECONDS + 1)
MINE = OwnerProcess("here", 77, "4711").annotations(NOW)


@pytest.mark.parametrize(
    ("host", "started", "now", "expected"),
    [
        pytest.param("here", "4711", LATE, False, id="it lives, however late its sign is"),
        pytest.param("here", None, NOW, True, id="it is dead, however fresh its sign is"),
        pytest.param("here", "4712", NOW, True, id="its id is another process's now"),
        pytest.param("here", "", NOW, False, id="it cannot be seen, and its sign is fresh"),
        pytest.param("here", "", LATE, True, id="it cannot be seen, and its sign is old"),
        pytest.param("there", None, NOW, False, id="another machine's, with a fresh sign"),
        pytest.param("there", "4711", LATE, True, id="another machine's, with an old sign"),
        pytest.param(
            "there", None, NOW + timedelta(seconds=ALIVE_SECONDS + 1), False, id="clocks differ"
        ),
    ],
)
def test_orphans(host: str, started: str | None, now: datetime, expected: bool) -> None:  # noqa: FBT001
    assert is_orphan(MINE, now, host=host, started=lambda _pid: started) is expected


@pytest.mark.parametrize(
    "annotations",
    [
        {},
        {ALIVE_UNTIL: "soon"},
        {HOST: "here", PROCESS: "x 1", ALIVE_UNTIL: "2026-11-26T11:00:00"},
    ],
)
def test_a_namespace_that_says_nothing_sensible_is_an_orphan(annotations: dict[str, str]) -> None:
    assert is_orphan(annotations, NOW, host="here", started=lambda _pid: "1")


def test_a_sign_of_life_holds_for_its_time() -> None:
    until = datetime.fromisoformat(alive(NOW)[ALIVE_UNTIL])
    assert until - NOW == timedelta(seconds=ALIVE_SECONDS)


def test_this_process_is_alive_and_an_ended_one_is_not() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    process = OwnerProcess(this_host(), child.pid, start_time(child.pid) or "")
    held = process.annotations(NOW)
    assert not is_orphan(held, NOW, host=this_host(), started=start_time)
    child.kill()
    # Not waited for yet: what is only a name in the process table does not live.
    deadline = datetime.now(UTC) + timedelta(seconds=10)
    while start_time(child.pid) is not None and datetime.now(UTC) < deadline:
        pass
    assert is_orphan(held, NOW, host=this_host(), started=start_time)
    child.communicate()
    assert start_time(child.pid) is None
    assert start_time(os.getpid())


@pytest.mark.parametrize(
    ("example", "begins"),
    [
        ("vllm-disagg", "dyn-vllm-disagg-"),
        ("Qwen.3_x--", "dyn-qwen-3-x-"),
        ("", "dyn-"),
        ("a" * 80, "dyn-" + "a" * 52 + "-"),
    ],
)
def test_names_of_namespaces(example: str, begins: str) -> None:
    name = new_name(example)
    assert name.removeprefix(begins).isalnum()
    assert len(name.removeprefix(begins)) == 6
    assert len(name) <= 63
    assert new_name(example) != name
