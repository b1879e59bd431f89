"""`dynamo up` comes to its end, and leaves nothing, whatever its components do."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from sandbox import AS_FROM_A_TERMINAL, Ended

if TYPE_CHECKING:
    from pathlib import Path

    from sandbox import Sandbox

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


def manifest(sandbox: Sandbox, script: str) -> Path:
    path = sandbox.folder / "hostile.yaml"
    path.write_text(GRAPH.replace("SCRIPT", yaml_text(script)), encoding="utf-8")
    return path


def started(sandbox: Sandbox, script: str, *words: str) -> subprocess.Popen[str]:
    process = sandbox.start("up", str(manifest(sandbox, script)), *words)
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
def test_a_second_ctrl_c_kills_everything_at_once(sandbox: Sandbox, worker: str) -> None:
    process = started(sandbox, WORKERS[worker])
    before = time.monotonic()
    assert end(process, signal.SIGINT, signal.SIGINT) == 130
    assert time.monotonic() - before < KILLED_SECONDS
    assert sandbox.left_behind() == []


@pytest.mark.parametrize("worker", WORKERS)
def test_killed_itself_it_leaves_nothing(sandbox: Sandbox, worker: str) -> None:
    process = started(sandbox, WORKERS[worker])
    assert end(process, signal.SIGKILL) == -9
    assert sandbox.left_behind() == []


@pytest.mark.parametrize("worker", ["detached", "stubborn"])
def test_each_signal_ends_it_with_a_code_of_its_own(sandbox: Sandbox, worker: str) -> None:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
    processes = [started(sandbox, WORKERS[worker]) for _ in numbers]
    for process, number in zip(processes, numbers, strict=True):
        process.send_signal(number)
    assert [end(one) for one in processes] == [128 + number for number in numbers]
    assert sandbox.left_behind() == []


def test_different_signals_count_as_the_second_too(sandbox: Sandbox) -> None:
    process = started(sandbox, STUBBORN)
    before = time.monotonic()
    signals = (signal.SIGHUP, signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
    assert end(process, *signals) in {128 + number for number in signals}
    assert time.monotonic() - before < KILLED_SECONDS
    assert sandbox.left_behind() == []


def test_what_a_failed_component_left_behind_is_ended(sandbox: Sandbox) -> None:
    script = "setsid sleep 99999 & (setsid sleep 99999 >/dev/null 2>&1 &); exit 3"
    ended = sandbox.dynamo("up", str(manifest(sandbox, script)))
    assert ended.code == 1
    assert "component Worker exited with code 3" in ended.text
    assert sandbox.left_behind() == []


def run_up(sandbox: Sandbox, script: str, redirection: str, *words: str) -> Ended:
    """Run the command with standard streams as a shell redirects them."""
    path = manifest(sandbox, script)
    line = f'exec dynamo up "$@" {redirection}'
    done = subprocess.run(
        ["sh", "-c", line, "sh", str(path), *words],
        env=sandbox.environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    return Ended(done.returncode, done.stdout + done.stderr)


@pytest.mark.parametrize(
    ("redirection", "words"),
    [
        (">/dev/full", "standard output cannot be written: No space left on device"),
        (">&-", "not ready after 1 s"),
        ("2>/dev/full", "Worker | started"),
        ("2>&-", "Worker | started"),
        ("<&- >&- 2>&-", ""),
    ],
)
def test_streams_that_take_nothing_are_no_fault_of_ours(
    sandbox: Sandbox, redirection: str, words: str
) -> None:
    ended = run_up(sandbox, WORKERS["detached"], redirection, "--timeout", "1")
    assert ended.code == 1
    assert words in ended.text
    assert "Traceback" not in ended.text
    assert sandbox.left_behind() == []


def test_a_reader_that_is_gone_ends_it(sandbox: Sandbox) -> None:
    process = started(sandbox, "echo started; while :; do date +%N; sleep 0.1; done")
    assert process.stdout is not None
    process.stdout.close()
    assert process.wait(timeout=SECONDS) == 141
    assert sandbox.left_behind() == []


def test_a_reader_that_takes_nothing_does_not_hold_up_the_end(sandbox: Sandbox) -> None:
    process = started(sandbox, WORKERS["flood"])
    time.sleep(0.5)  # The pipe is full by now.
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=SECONDS) == 143
    assert sandbox.left_behind() == []


def test_a_failure_is_told_with_what_lint_says(sandbox: Sandbox) -> None:
    ended = run_up(sandbox, "exit 3", "")
    assert "component Worker exited with code 3" in ended.text
    assert "dynamo lint reports of this graph:" in ended.text
    assert "[api-admission]" in ended.text


@pytest.mark.parametrize("words", [("--port", "70000"), ("--port", "0"), ("--timeout", "nan")])
def test_numbers_that_make_no_sense_are_wrong_usage(
    sandbox: Sandbox, words: tuple[str, ...]
) -> None:
    ended = run_up(sandbox, "exit 3", "", *words)
    assert ended.code == 2
    assert f"Invalid value for '{words[0]}'" in ended.text


def test_a_pipe_in_place_of_a_file_is_wrong_usage(sandbox: Sandbox) -> None:
    path = sandbox.folder / "pipe.yaml"
    os.mkfifo(path)
    ended = sandbox.dynamo("up", str(path))
    assert ended.code == 2
    assert "is no regular file" in ended.text


@pytest.mark.parametrize("worker", ["stubborn", "detached", "daemon"])
@pytest.mark.parametrize("signals", [(signal.SIGINT, signal.SIGINT), (signal.SIGKILL,)])
def test_pytest_leaves_nothing_either(
    sandbox: Sandbox, worker: str, signals: tuple[signal.Signals, ...]
) -> None:
    path = manifest(sandbox, WORKERS[worker])
    process = start_pytest(sandbox, path)
    wait_for_run(sandbox)
    end(process, *signals)
    assert process.returncode != 0
    assert sandbox.left_behind() == []


@pytest.mark.parametrize("worker", ["stubborn", "detached", "daemon"])
def test_a_script_that_pytest_runs_leaves_nothing(sandbox: Sandbox, worker: str) -> None:
    path = sandbox.folder / "hostile.sh"
    path.write_text(WORKERS[worker], encoding="utf-8")
    process = start_pytest(sandbox, path)
    wait_for_run(sandbox)
    end(process, signal.SIGINT, signal.SIGINT)
    assert process.returncode != 0
    assert sandbox.left_behind() == []


def start_pytest(sandbox: Sandbox, path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [*AS_FROM_A_TERMINAL, *sandbox.pytest_words, "--dynamo-target=local", str(path)],
        cwd=sandbox.folder,
        env=sandbox.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    sandbox.started.append(process)
    return process


def wait_for_run(sandbox: Sandbox) -> None:
    """Wait until a worker or a script has said that it started."""
    deadline = time.monotonic() + SECONDS
    logs = sandbox.folder / "scratch"
    while time.monotonic() < deadline:
        for log in logs.glob("dynamo-*/logs/*.log"):
            if "started" in log.read_text(encoding="utf-8"):
                return
        time.sleep(0.05)
    raise AssertionError("nothing was started")


@pytest.mark.parametrize("seconds", [0.15, 0.25, 0.35, 0.5, 0.7])
def test_a_signal_at_any_moment_of_the_start_has_its_code(sandbox: Sandbox, seconds: float) -> None:
    process = sandbox.start("up", str(manifest(sandbox, "exit 3")), "--timeout", "60")
    time.sleep(seconds)
    process.send_signal(signal.SIGTERM)
    text, _ = process.communicate(timeout=SECONDS)
    # Before any of our code runs, the kernel itself ends it.
    assert process.returncode in {143, -signal.SIGTERM, 1}, text
    assert "Traceback" not in text
    assert "Aborted" not in text
    assert sandbox.left_behind() == []
