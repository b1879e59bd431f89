"""Processes: their words are kept, their end is certain, and their death is explained."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from dynamo_conformance.targets.exit_cause import errors_in, how_it_ended, likely_cause
from dynamo_conformance.targets.interface import DeployFailure
from dynamo_conformance.targets.local import component_process as process_module
from dynamo_conformance.targets.local.component_process import (
    GRACE_SECONDS,
    LINE_LIMIT,
    Log,
    ProcessStart,
    SupervisorClient,
)
from dynamo_conformance.targets.local.deployment import (
    check_alive,
    check_disk,
    ignore_lines,
    run_folder,
    running,
)
from dynamo_conformance.targets.local.supervisor import remove

DEADLINE_SECONDS = 10.0


def start(code: str, folder: Path, *, name: str = "worker") -> ProcessStart:
    return ProcessStart(
        name=name, argv=(sys.executable, "-c", code), env=dict(os.environ), cwd=folder
    )


def shell(script: str, folder: Path) -> ProcessStart:
    return ProcessStart(name="worker", argv=("sh", "-c", script), env=dict(os.environ), cwd=folder)


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


def test_leaving_ends_a_shell_s_children_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SupervisorClient.end, "__kwdefaults__", {"grace": 0.3})
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
    missing = ProcessStart(name="web", argv=("/no/such/program",), env={}, cwd=tmp_path)
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
                "  Value error, too few GPUs [type=value_error, input_value=[1], input_type=list]",
            ],
            "Args: Value error, too few GPUs; it is [1]",
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
        (
            [
                "(EngineCore pid=7) WARNING 11-30 15:35:30 [topk.py:35] No module named 'vllm._x'",
                "(Worker pid=9) ERROR 11-30 15:35:34 [executor.py:948]     raise ValueError(msg)",
                "(Worker pid=9) ERROR 11-30 15:35:34 [e.py:9] ValueError: no head of 7; see https://x.org",
                "(MainProcess pid=1)     raise RuntimeError(",
                "RuntimeError: Engine core initialization failed. See root cause above.",
            ],
            "ValueError: no head of 7",
        ),
    ],
)
def test_likely_causes(lines: list[str], cause: str) -> None:
    found = likely_cause(1, lines)
    assert cause in found if cause else found == ""


def test_exit_codes_in_words() -> None:
    assert how_it_ended(2) == "exited with code 2"
    assert how_it_ended(-15) == "was ended by SIGTERM"


def read(log: Log, data: bytes) -> None:
    """Let a log read some data to its end."""
    writer = threading.Thread(target=write, args=(os.dup(log.output), data))
    writer.start()
    log.follow()
    writer.join(DEADLINE_SECONDS)
    log.close(deadline=time.monotonic() + DEADLINE_SECONDS)


def write(descriptor: int, data: bytes) -> None:
    with open(descriptor, "wb") as pipe:
        pipe.write(data)


def test_a_line_without_an_end_is_kept_in_part(tmp_path: Path) -> None:
    lines: list[str] = []
    log = Log("w", tmp_path / "w.log", lambda _name, line: lines.append(line))
    read(log, b"first\n" + b"x" * (LINE_LIMIT * 50 + 3) + b"\nafter\r\nlast")
    first, long, after, last = lines
    assert (first, after, last) == ("first", "after", "last")
    note = f" ... [{LINE_LIMIT * 49 + 3} more characters of this line are left out]"
    assert long == "x" * LINE_LIMIT + note
    assert tuple(log.tail) == (first, long, after, last)
    assert (tmp_path / "w.log").stat().st_size < LINE_LIMIT * 1.1


def test_a_log_does_not_fill_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_module, "LOG_LIMIT", 10_000)
    log = Log("w", tmp_path / "w.log", ignore_lines)
    read(log, b"".join(b"line %d\n" % number for number in range(10_000)))
    sizes = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert set(sizes) == {"w.log", "w.log.1"}
    assert max(sizes.values()) < 11_000
    assert (tmp_path / "w.log").read_text(encoding="utf-8").endswith("line 9999\n")


def test_a_folder_is_removed_however_deep_and_locked(tmp_path: Path) -> None:
    kept, folder = tmp_path / "kept", tmp_path / "run"
    for path in (kept, folder / "a"):
        path.mkdir(parents=True)
    (kept / "mine").touch()
    (folder / "a" / "link").symlink_to(kept)
    program = "import os\nfor _ in range(3000): os.mkdir('d'); os.mknod('f'); os.chdir('d')"
    subprocess.run([sys.executable, "-c", program], cwd=folder, check=True)
    (folder / "a").chmod(0)
    try:
        remove(str(folder))
        assert list(tmp_path.iterdir()) == [kept]
    finally:
        subprocess.run(["rm", "-rf", str(folder)], check=False)  # pytest itself cannot.
    assert [item.name for item in kept.iterdir()] == ["mine"]


def test_a_process_writes_none_of_its_secrets(tmp_path: Path) -> None:
    given = ProcessStart(
        name="worker",
        argv=("sh", "-c", "PASSWORD=fromTheScript1; echo $PASSWORD, $DB_SECRET; echo $1; exit 3",
              "sh", "two", "--api-key", "fromTheLine22"),
        env={**os.environ, "DB_SECRET": "from The_Environment3", "MAX_TOKENS": "two", "A_KEY": "x"},
        cwd=tmp_path,
    )  # fmt: skip
    shown: list[str] = []
    with (
        run_folder("x") as run,
        running([given], run=run, listener=lambda _name, line: shown.append(line)) as processes,
    ):
        failure = wait_for_death(lambda: check_alive(processes))
        kept = (run.path / "logs" / "worker.log").read_text(encoding="utf-8")
    assert shown == kept.splitlines() == ["***, *** ***", "two"]
    assert failure.log == ("***, *** ***", "two")


def test_a_log_on_a_full_disk_is_a_failure_in_words(tmp_path: Path) -> None:
    lines: list[str] = []
    log = Log("w", Path("/dev/full"), lambda _name, line: lines.append(line))
    read(log, b"first\nsecond\n")
    assert lines == ["first", "second"]
    assert log.unwritten is not None
    assert log.unwritten.strerror == "No space left on device"


@pytest.mark.parametrize(
    ("field", "left"), [("f_bfree f_bavail", 0), ("f_bfree f_bavail", 100), ("f_ffree f_favail", 0)]
)
def test_a_disk_without_room_is_a_failure_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, field: str, left: int
) -> None:
    check_disk(tmp_path)
    real = os.statvfs(tmp_path)
    names = ("f_blocks", "f_bfree", "f_bavail", "f_files", "f_ffree", "f_favail")
    values = {name: max(getattr(real, name), 1) for name in names} | {"f_frsize": 4096}
    values |= dict.fromkeys(field.split(), left)
    monkeypatch.setattr(os, "statvfs", lambda _path: SimpleNamespace(**values))
    with pytest.raises(DeployFailure) as caught:
        check_disk(tmp_path)
    assert f"the disk that holds {tmp_path} is full" in caught.value.cause


def test_a_listener_that_waits_for_ever_does_not_hold_up_the_end(tmp_path: Path) -> None:
    never = threading.Event()
    before = time.monotonic()

    def listener(_name: str, _line: str) -> None:
        never.wait(DEADLINE_SECONDS * 3)

    with (
        run_folder("test") as run,
        running(
            [shell("echo started; sleep 99999", tmp_path)],
            run=run,
            listener=listener,
        ) as processes,
    ):
        time.sleep(0.2)
        pid = processes[0].pid
    never.set()
    assert time.monotonic() - before < DEADLINE_SECONDS
    assert not alive(pid)
    assert not run.path.exists()


def test_components_are_killed_with_their_supervisor(tmp_path: Path) -> None:
    with (
        run_folder("test") as run,
        running([shell("exec sleep 99999", tmp_path)], run=run, listener=ignore_lines) as processes,
    ):
        os.kill(run.supervisor.pid, signal.SIGKILL)
        failure = wait_for_death(lambda: check_alive(processes))
    assert failure.what == "component worker was ended by SIGKILL"
    deadline = time.monotonic() + DEADLINE_SECONDS  # The kernel kills it, in its own time.
    while alive(processes[0].pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not alive(processes[0].pid)
    assert not run.path.exists()


def test_signals_that_are_ignored_here_are_not_ignored_in_components(tmp_path: Path) -> None:
    lines: list[str] = []
    code = (
        "import signal; print([int(one) for one in signal.valid_signals() - {13, 25} "
        "if signal.getsignal(one) == signal.SIG_IGN], signal.pthread_sigmask(0, []), flush=True)"
    )
    with (
        run_folder("test") as run,
        running(
            [start(code, tmp_path)],
            run=run,
            listener=lambda _name, line: lines.append(line),
        ) as processes,
    ):
        wait_for_death(lambda: check_alive(processes))
    assert lines == ["[] set()"]


def test_a_component_holds_no_file_of_ours(tmp_path: Path) -> None:
    lines: list[str] = []
    script = "ls -l /proc/self/fd | sed -n 's/.* \\([0-9]*\\) -> /\\1 /p'"
    with (
        run_folder("test") as run,
        running(
            [shell(script, tmp_path)],
            run=run,
            listener=lambda _name, line: lines.append(line),
        ) as processes,
    ):
        wait_for_death(lambda: check_alive(processes))
    assert [line for line in lines if "socket" in line or "eventfd" in line] == []
    assert len(lines) == 4


def test_another_thread_hurries_the_end_and_nobody_waits_in_vain(tmp_path: Path) -> None:
    script = "trap '' TERM; echo started; while :; do sleep 0.1; done"
    lines: list[str] = []
    with (
        run_folder("test") as run,
        running(
            [shell(script, tmp_path)], run=run, listener=lambda _name, line: lines.append(line)
        ) as processes,
    ):
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not lines and time.monotonic() < deadline:
            time.sleep(0.02)
        pid, before = processes[0].pid, time.monotonic()
        waiting = threading.Thread(target=run.supervisor.end)
        waiting.start()
        time.sleep(0.5)
        run.supervisor.begin_end(grace=GRACE_SECONDS)
        run.supervisor.begin_end(grace=0.0)
        waiting.join(DEADLINE_SECONDS)
    assert not waiting.is_alive()
    assert time.monotonic() - before < GRACE_SECONDS
    assert not alive(pid)


MAPPING = """\
import mmap, sys, time
with open(sys.argv[1], "w+b") as file:
    file.truncate(4096)
    held = mmap.mmap(file.fileno(), 4096)
print("mapped", flush=True)
time.sleep(60)
"""


def test_shared_memory_that_a_component_leaves_is_removed(tmp_path: Path) -> None:
    own, others = (Path(f"/dev/shm/dynamo-test-{tmp_path.name}-{n}") for n in range(2))  # noqa: S108
    lines: list[str] = []
    words = (sys.executable, "-c", MAPPING)
    with subprocess.Popen([*words, str(others)], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        other.stdout.readline()
        starts = [
            ProcessStart(name=name, argv=(*words, str(path)), env=dict(os.environ), cwd=tmp_path)
            for name, path in (("own", own), ("shared", others))
        ]
        try:
            with (
                run_folder("test") as run,
                running(starts, run=run, listener=lambda _name, line: lines.append(line)),
            ):
                deadline = time.monotonic() + DEADLINE_SECONDS
                while len(lines) < 2 and time.monotonic() < deadline:
                    time.sleep(0.02)
                assert own.exists()
            assert (own.exists(), others.exists()) == (False, True)
        finally:
            other.kill()
            others.unlink(missing_ok=True)


def test_lines_that_say_that_they_are_errors() -> None:
    lines = [
        "2026-11-30T18:44:22Z  INFO watcher: no errors so far",
        "2026-11-30T18:44:22Z ERROR http-request: request completed status=error",
        "(EngineCore pid=7) CRITICAL 11-30 no memory",
    ]
    assert errors_in(lines) == (lines[1], lines[2])
