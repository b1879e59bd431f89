"""Processes: their words are kept, their end is certain, and their death is explained."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from conformance.targets.local.deployment import check_alive, ignore_lines, run_folder, running
from conformance.targets.local.process import Start
from conformance.targets.target import DeployFailure
from conformance.targets.why import how_it_ended, likely_cause

DEADLINE_SECONDS = 10.0


def start(code: str, folder: Path, *, name: str = "worker") -> Start:
    return Start(name=name, argv=(sys.executable, "-c", code), env=dict(os.environ), cwd=folder)


def shell(script: str, folder: Path) -> Start:
    return Start(name="worker", argv=("sh", "-c", script), env=dict(os.environ), cwd=folder)


def wait_for_death(check: object) -> DeployFailure:
    assert callable(check)
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        try:
            check()
        except DeployFailure as failure:
            return failure
        time.sleep(0.02)
    raise AssertionError("nothing died")


def alive(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def test_a_death_is_told_with_its_last_words(tmp_path: Path) -> None:
    code = "import sys; print('loading'); sys.exit('worker: error: unrecognized arguments: --nope')"
    lines: list[tuple[str, str]] = []
    with run_folder("test") as run:
        listener = lambda name, line: lines.append((name, line))  # noqa: E731
        with running([start(code, tmp_path)], run=run, listener=listener) as processes:
            failure = wait_for_death(lambda: check_alive(processes))
        log = (run.path / "logs" / "worker.log").read_text(encoding="utf-8")
    assert failure.what == "component worker exited with code 1"
    assert failure.cause == "this release of the engine has no such flag: --nope"
    assert "worker: error: unrecognized arguments: --nope" in failure.log
    assert ("worker", "loading") in lines
    assert "loading" in log
    assert not run.path.exists()


def test_a_worker_killed_from_outside_is_told_as_such(tmp_path: Path) -> None:
    sleeping = start("import time; time.sleep(60)", tmp_path)
    with (
        run_folder("test") as run,
        running([sleeping], run=run, listener=ignore_lines) as processes,
    ):
        os.kill(processes[0].pid, signal.SIGKILL)
        failure = wait_for_death(lambda: check_alive(processes))
    assert failure.what == "component worker was ended by SIGKILL"
    assert "something outside killed it" in failure.cause


def test_leaving_ends_a_shell_s_children_too(tmp_path: Path) -> None:
    script = "sleep 60 & echo child $!; trap '' TERM; sleep 60 & wait"
    lines: list[str] = []
    with (
        run_folder("test") as run,
        running(
            [shell(script, tmp_path)], run=run, listener=lambda _name, line: lines.append(line)
        ),
    ):
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not lines and time.monotonic() < deadline:
            time.sleep(0.02)
        child = int(lines[0].split()[1])
        assert alive(child)
    assert not alive(child)


def test_a_program_that_is_not_there_is_a_failure_in_words(tmp_path: Path) -> None:
    missing = Start(name="web", argv=("/no/such/program",), env={}, cwd=tmp_path)
    with (
        run_folder("test") as run,
        running([missing], run=run, listener=ignore_lines) as processes,
    ):
        failure = wait_for_death(lambda: check_alive(processes))
    assert failure.what == "component web exited with code 127"
    assert failure.cause == "the program /no/such/program is not here"


@pytest.mark.parametrize(
    ("lines", "cause"),
    [
        (
            ["Exception: Failed to start HTTP server: port 8000 already in use. Use --http-port"],
            "port 8000 is taken by another process",
        ),
        (["OSError: [Errno 98] Address already in use"], "a port that the component listens on"),
        (["ModuleNotFoundError: No module named 'vllm'"], "module vllm is not installed"),
        (["argument --x: invalid choice: 'y' (choose from a)"], "does not know the value y"),
        (["sh: 1: LWS_WORKER_INDEX: not found"], "found no command LWS_WORKER_INDEX"),
        (["fine", "RuntimeError: nothing known", "done"], "RuntimeError: nothing known"),
        (
            [
                "ValueError: 1 validation error for PlannerConfig",
                "mode",
                "  Input should be 'disagg' [type=literal_error, input_value='d', input_type=str]",
                "    For further information visit https://errors.pydantic.dev/2.13/v/literal_error",
            ],
            "PlannerConfig.mode: Input should be 'disagg'; it is 'd'",
        ),
        (
            [
                "pydantic_core._pydantic_core.ValidationError: 2 validation errors for Args",
                "  Value error, too few GPUs [type=value_error, input_value={'a': 1}, input_type=dict]",
            ],
            "Args: Value error, too few GPUs; it is {'a': 1}",
        ),
        (
            [
                "ValueError: block size 7 is no power of two",
                "RuntimeError: Engine core initialization failed. See root cause above. {}",
            ],
            "ValueError: block size 7 is no power of two",
        ),
        (
            [
                "thread 'main' (12) panicked at lib/runtime/src/worker.rs:10:5:",
                "no runtime is there",
                "note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace",
            ],
            "no runtime is there",
        ),
        (
            ["KeyError: 'model'", "2026 ERROR kv::file: Failed to send event error=channel closed"],
            "KeyError: 'model'",
        ),
        (["Read https://example.com/errors/7 first"], ""),
        (["OSError: [Errno 28] No space left on device: '/tmp/x'"], "the disk that it writes to"),
        (["fine"], ""),
    ],
)
def test_likely_causes(lines: list[str], cause: str) -> None:
    found = likely_cause(1, lines)
    assert cause in found if cause else found == ""


def test_exit_codes_in_words() -> None:
    assert how_it_ended(2) == "exited with code 2"
    assert how_it_ended(-15) == "was ended by SIGTERM"
