"""`dynamo serve` with Dynamo's own frontend and mocker: it answers, and ends on SIGTERM."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest
import requests

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DYNAMO = (sys.executable, "-c", "import sys; from dynamo_launch.cli import main; sys.exit(main())")
READY_SECONDS = 60
END_SECONDS = 20


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number: int = free.getsockname()[1]
    return number


@contextmanager
def _served(folder: Path, *words: str, **variables: str) -> Iterator[subprocess.Popen[str]]:
    """Yield a process in a process group of its own, gone afterwards whatever happens."""
    environment = {
        **os.environ,
        "DYN_DISCOVERY_BACKEND": "file",
        "DYN_FILE_KV": str(folder / "discovery"),
        "DYN_REQUEST_PLANE": "tcp",
        "DYN_EVENT_PLANE": "zmq",
        **variables,
    }
    with (folder / "log.txt").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            [*DYNAMO, "serve", *words],
            cwd=folder,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=END_SECONDS)


def _models(port: int, process: subprocess.Popen[str], log: Path) -> object:
    """Return the body of /v1/models as soon as there is one."""
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            answer = requests.get(f"http://127.0.0.1:{port}/v1/models", timeout=2)
        except requests.ConnectionError:
            time.sleep(0.1)
            continue
        if answer.status_code == 200:
            return answer.json()
    pytest.fail(f"no answer on port {port}; exit code {process.poll()}:\n{log.read_text()}")


def _group_is_empty(group: int) -> bool:
    deadline = time.monotonic() + END_SECONDS
    while time.monotonic() < deadline:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def test_frontend_answers_and_ends_on_sigterm(tmp_path: Path, port: int) -> None:
    with _served(tmp_path, "in=http", "out=dyn", DYN_HTTP_PORT=str(port)) as process:
        body = _models(port, process, tmp_path / "log.txt")
        process.send_signal(signal.SIGTERM)
        code = process.wait(timeout=END_SECONDS)

        assert body == {"object": "list", "data": []}
        assert code in (0, -signal.SIGTERM), (tmp_path / "log.txt").read_text()
        assert _group_is_empty(process.pid)
    with pytest.raises(requests.ConnectionError):
        requests.get(f"http://127.0.0.1:{port}/v1/models", timeout=2)


def test_port_of_the_command_line_beats_the_environment(tmp_path: Path, port: int) -> None:
    words = ("in=http", "out=dyn", "--http-port", str(port), "--router-mode", "kv")
    with _served(tmp_path, *words, DYN_HTTP_PORT="1") as process:
        assert _models(port, process, tmp_path / "log.txt") == {"object": "list", "data": []}


def test_frontend_refuses_unknown_words_itself(tmp_path: Path, port: int) -> None:
    """What follows `--` is the component's to judge, and its exit code is passed on."""
    words = ("in=http", "out=dyn", "--", "--nope")
    with _served(tmp_path, *words, DYN_HTTP_PORT=str(port)) as process:
        code = process.wait(timeout=READY_SECONDS)

    assert code == 1
    assert "--nope" in (tmp_path / "log.txt").read_text()
