"""`dynamo up` comes to its end, and leaves nothing, whatever its components do."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import subprocess

    from workshop import Workshop

SECONDS = 30.0
KILLED_SECONDS = 6.0
"""Less than the time that a component has to end by itself."""

GRAPH = """\
apiVersion: nvidia.com/v1beta1
kind: DynamoGraphDeployment
metadata: {name: hostile}
spec:
  components:
    - name: Frontend
      type: frontend
      podTemplate: {spec: {containers: [{name: main, command: [sleep], args: ["99999"]}]}}
    - name: Worker
      type: worker
      podTemplate: {spec: {containers: [{name: main, command: [sh, -c], args: [SCRIPT]}]}}
"""

STUBBORN = "trap '' TERM INT HUP QUIT; echo started; while :; do sleep 1; done"
WORKERS = {
    "stubborn": STUBBORN,
    "detached": "setsid sleep 99999 & echo started; sleep 99999",
    "daemon": "(setsid sh -c 'exec <&- >&- 2>&-; trap \"\" TERM HUP; while :; do sleep 1; done' "
    "&); echo started; sleep 99999",
    "flood": "echo started; exec yes flood",
    "forks": "while :; do setsid sleep 99999 & echo started; sleep 0.05; done",
    "locked": "mkdir -p $TMPDIR/a/b; chmod 0 $TMPDIR/a; echo started; sleep 99999",
}


def yaml_text(script: str) -> str:
    return "'" + script.replace("'", "''") + "'"


def started(workshop: Workshop, script: str, *words: str) -> subprocess.Popen[str]:
    path = workshop.folder / "hostile.yaml"
    path.write_text(GRAPH.replace("SCRIPT", yaml_text(script)), encoding="utf-8")
    process = workshop.start("up", str(path), *words)
    assert process.stdout is not None
    deadline = time.monotonic() + SECONDS
    for line in process.stdout:
        if "Worker | started" in line:
            return process
        assert time.monotonic() < deadline, line
    raise AssertionError(f"ended with {process.wait()}")


def end(process: subprocess.Popen[str], *signals: signal.Signals) -> int:
    """Send signals, a moment apart; return the exit code."""
    for number in signals:
        process.send_signal(number)
        time.sleep(0.3)
    process.communicate(timeout=SECONDS)
    return process.returncode


@pytest.mark.parametrize("worker", WORKERS)
def test_a_second_ctrl_c_kills_everything_at_once(workshop: Workshop, worker: str) -> None:
    process = started(workshop, WORKERS[worker])
    before = time.monotonic()
    assert end(process, signal.SIGINT, signal.SIGINT) == 130
    assert time.monotonic() - before < KILLED_SECONDS
    assert workshop.left_behind() == []


@pytest.mark.parametrize("worker", WORKERS)
def test_killed_itself_it_leaves_nothing(workshop: Workshop, worker: str) -> None:
    process = started(workshop, WORKERS[worker])
    assert end(process, signal.SIGKILL) == -9
    assert workshop.left_behind() == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
@pytest.mark.parametrize("worker", ["detached", "stubborn"])
def test_each_signal_ends_it_with_a_code_of_its_own(
    workshop: Workshop, worker: str, number: signal.Signals
) -> None:
    process = started(workshop, WORKERS[worker])
    assert end(process, number) == 128 + number
    assert workshop.left_behind() == []


def test_different_signals_count_as_the_second_too(workshop: Workshop) -> None:
    process = started(workshop, STUBBORN)
    before = time.monotonic()
    signals = (signal.SIGHUP, signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
    assert end(process, *signals) in {128 + number for number in signals}
    assert time.monotonic() - before < KILLED_SECONDS
    assert workshop.left_behind() == []


def test_what_a_failed_component_left_behind_is_ended(workshop: Workshop) -> None:
    path = workshop.folder / "hostile.yaml"
    script = "setsid sleep 99999 & (setsid sleep 99999 >/dev/null 2>&1 &); exit 3"
    path.write_text(GRAPH.replace("SCRIPT", yaml_text(script)), encoding="utf-8")
    ended = workshop.dynamo("up", str(path))
    assert ended.code == 1
    assert "component Worker exited with code 3" in ended.text
    assert workshop.left_behind() == []
